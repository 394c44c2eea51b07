/*
 * Signed webhooks, as the Standard Webhooks convention has them (standardwebhooks.com), so that its libraries can check
 * them. Every request carries
 *
 *     webhook-id: alert_0123456789abcdef    of the change of state: the same however often it is sent
 *     webhook-timestamp: 1767225600         seconds since 1970, of this attempt
 *     webhook-signature: v1,base64          HMAC-SHA256 over "id.timestamp.body" with the secret
 *
 * A receiver computes the signature over the body as it came and compares in constant time, refuses timestamps that are
 * some minutes off, and forgets nothing that it has seen: an id it knows is answered 2xx and changes nothing.
 *
 * The secret's file has one line: "whsec_" and base64, or else the bytes of the line as they are.
 */
#ifndef SINKS_ALERT_SIGN_H
#define SINKS_ALERT_SIGN_H

#include "base/bytes.h"
#include "base/error.h"

#define ALERT_SECRET_SIZE_MIN 16 /* bytes: less could be guessed */
#define ALERT_SECRET_SIZE_MAX 512
#define ALERT_SIGNATURE_SIZE 64
#define ALERT_MESSAGE_ID_SIZE 32

struct alert_secret {
	uint8_t bytes[ALERT_SECRET_SIZE_MAX];
	size_t size;
};

/* The first line of a file, as a text; `option` is the name it has in errors, which never show what is in it. */
int alert_secret_line(const char *option, const char *file, char *to, size_t size, struct error *err);
int alert_secret_read(const char *option, const char *file, struct alert_secret *out, struct error *err);

/* A stable 64-bit name of two runs of bytes (the first of SHA-256). */
uint64_t alert_digest(struct bytes a, struct bytes b);

void alert_message_id(uint64_t change, char to[ALERT_MESSAGE_ID_SIZE]);
void alert_sign(const struct alert_secret *secret, const char *message_id, int64_t timestamp_s, struct bytes body,
		char to[ALERT_SIGNATURE_SIZE]);

#endif
