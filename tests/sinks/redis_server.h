/* A real Redis server for one test: on a socket in the test's directory, and on a TCP port for TLS where asked for. */
#ifndef TESTS_SINKS_REDIS_SERVER_H
#define TESTS_SINKS_REDIS_SERVER_H

#include <sys/types.h>

#include "sinks/feature_store.h"

struct redis_server {
	pid_t process;
	char socket[256];
	char address[300]; /* "unix:..." */
	int tls_port;	   /* 0: none */
	struct redisContext *client;
};

/* Starts it and waits until it says that it is ready. `arguments`: further ones of redis-server, NULL-terminated. */
void redis_server_start(struct redis_server *server, const char *const *arguments);
/* The same with TLS on 127.0.0.1:tls_port, by certificates that are made in the test's directory: ca.crt, other-ca.crt,
 * and the server's own one, for the names localhost and 127.0.0.1. */
void redis_server_start_tls(struct redis_server *server);
void redis_server_stop(struct redis_server *server);

/* A store there, with no option set. The texts stay the caller's. */
struct feature_store_config redis_config(const char *address);

/* Runs a command (hiredis' format: %b is a pointer and a size) and gives its reply as text: \xff for what is not
 * printable, "(nil)", "(error) ...". */
const char *redis_server_ask(struct redis_server *server, const char *format, ...);

#endif
