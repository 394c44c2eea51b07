/*
 * A connection to a Redis server: TCP or a Unix socket, TLS or not, authenticated. Commands go out and replies come in
 * at the same time, so that a pipeline may be as long as one likes. (hiredis parses the replies; its own connections
 * know no TLS in the version that Debian 12 has.)
 *
 * After an error the connection is of no use any more: close it. One thread's.
 */
#ifndef SINKS_REDIS_H
#define SINKS_REDIS_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct redis;
struct redisReply;

struct redis_config {
	const char *address;	     /* host:port, [v6]:port or unix:/path */
	const char *user, *password; /* empty: none */
	const char *password_file;   /* empty: none */
	int64_t database, timeout_ms;
	bool tls;
	const char *tls_ca, *tls_certificate, *tls_key, *tls_name; /* empty: none */
};

/* What an error reply asks for. */
enum redis_advice {
	REDIS_LATER,	 /* the server cannot now: try again */
	REDIS_RECONNECT, /* it will not get better on this connection (a primary that is a replica now): connect anew */
	REDIS_LOAD,	 /* it does not know the script (any more) */
	REDIS_PERSON,	 /* a person has to act */
	REDIS_NEVER,	 /* this command will never work */
};
enum redis_advice redis_advice(const char *error);

/* What is wrong with a configuration by itself, without a server: FATAL, and the text begins with the option's name. */
int redis_check(const struct redis_config *config, struct error *err);
/* Of a configuration that redis_check takes. FATAL: what a person has to put right (a password, a certificate); else
 * RETRY. */
int redis_open(const struct redis_config *config, struct redis **out, struct error *err);
void redis_close(struct redis **redis);

/* Appends a command as the server reads it: at once, or piece by piece. */
void redis_command(struct buffer *out, const struct bytes *arguments, size_t count);
void redis_command_begin(struct buffer *out, size_t arguments);
void redis_argument(struct buffer *out, struct bytes argument);
void redis_number(struct buffer *out, int64_t argument);

/* Called for each reply, in the order of the commands; it is gone afterwards. */
typedef void redis_on_reply(void *argument, size_t index, const struct redisReply *reply);
/* Sends the commands and waits for as many replies. RETRY: the connection broke, or was silent for timeout_ms, or,
 * after a stop, for STOP_WAIT_MS_MAX; replies that have come until then were handed on. */
int redis_exchange(struct redis *redis, struct bytes commands, size_t replies, redis_on_reply *on_reply, void *argument,
		   struct error *err);

#endif
