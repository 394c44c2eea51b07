#include "sinks/alert_sign.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/secret.h"
#include "record/json.h"

#define SHA256_SIZE 32
#define SECRET_PREFIX "whsec_"

int
alert_secret_line(const char *option, const char *path, char *to, size_t size, struct error *err)
{
	char *line;
	int result = 0;

	if (secret_read_line(path, &line, err) < 0)
		return fail_in(err, "%s", option);
	if (strlen(line) >= size)
		result = fail(err, FATAL, "%s: the first line of %s is longer than %zu bytes", option, path, size - 1);
	else
		memcpy(to, line, strlen(line) + 1);
	secret_free(&line);
	return result;
}

static int
decode_secret(const char *option, const char *path, const char *text, struct alert_secret *out, struct error *err)
{
	struct buffer decoded = {0};
	struct error reason;
	int result = 0;

	/* The reason is not passed on: it speaks of characters of the secret. */
	if (json_base64_read(bytes_of_text(text), &decoded, &reason) < 0 || decoded.size > sizeof(out->bytes))
		result = fail(err, FATAL, "%s: %s: the text behind %s is not base64", option, path, SECRET_PREFIX);
	else
		memcpy(out->bytes, decoded.data, out->size = decoded.size);
	if (decoded.data)
		OPENSSL_cleanse(decoded.data, decoded.size);
	buffer_fini(&decoded);
	return result;
}

int
alert_secret_read(const char *option, const char *path, struct alert_secret *out, struct error *err)
{
	char line[ALERT_SECRET_SIZE_MAX];
	size_t prefix = strlen(SECRET_PREFIX);
	int result = 0;

	if (alert_secret_line(option, path, line, sizeof(line), err) < 0)
		return -1;
	if (strncmp(line, SECRET_PREFIX, prefix) == 0)
		result = decode_secret(option, path, line + prefix, out, err);
	else
		memcpy(out->bytes, line, out->size = strlen(line));
	OPENSSL_cleanse(line, sizeof(line));
	if (result == 0 && out->size < ALERT_SECRET_SIZE_MIN)
		return fail(err, FATAL, "%s: %s: the secret has %zu bytes; expected at least %d", option, path,
			    out->size, ALERT_SECRET_SIZE_MIN);
	return result;
}

uint64_t
alert_digest(struct bytes a, struct bytes b)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	uint8_t size[8];

	/* With the first one's size, so that ("ab", "c") and ("a", "bc") differ. */
	store_u64(size, a.size);
	insist(context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
	       EVP_DigestUpdate(context, size, sizeof(size)) == 1 && EVP_DigestUpdate(context, a.data, a.size) == 1 &&
	       EVP_DigestUpdate(context, b.data, b.size) == 1 && EVP_DigestFinal_ex(context, digest, NULL) == 1);
	EVP_MD_CTX_free(context);
	return load_be64(digest);
}

void
alert_message_id(uint64_t change, char to[ALERT_MESSAGE_ID_SIZE])
{
	snprintf(to, ALERT_MESSAGE_ID_SIZE, "alert_%016" PRIx64, change);
}

void
alert_sign(const struct alert_secret *secret, const char *message_id, int64_t timestamp_s, struct bytes body,
	   char to[ALERT_SIGNATURE_SIZE])
{
	struct buffer text = {0}, base64 = {0};
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size;

	buffer_print(&text, "%s.%" PRId64 ".", message_id, timestamp_s);
	buffer_put_bytes(&text, body);
	insist(HMAC(EVP_sha256(), secret->bytes, (int)secret->size, text.data, text.size, digest, &size) &&
	       size == SHA256_SIZE);
	json_base64_write(bytes_of(digest, size), &base64);
	snprintf(to, ALERT_SIGNATURE_SIZE, "v1,%.*s", bytes_arguments(buffer_bytes(&base64)));
	buffer_fini(&base64);
	buffer_fini(&text);
}
