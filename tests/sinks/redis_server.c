#include "tests/sinks/redis_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

#define ARGUMENTS_MAX 32
#define ATTEMPTS 5 /* another process may take the port that was free */

static int
free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	check(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
	check(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	close(fd);
	return ntohs(address.sin_port);
}

static _Noreturn void
become_server(const struct redis_server *server, const char *const *more, int output)
{
	const char *arguments[ARGUMENTS_MAX] = {"redis-server",	  "--port",	 "0", "--unixsocket",
						server->socket,	  "--save",	 "",  "--dir",
						test_directory(), "--daemonize", "no"};
	size_t count = 11;

	for (; more && *more && count < ARGUMENTS_MAX - 1; more++)
		arguments[count++] = *more;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(output, STDOUT_FILENO);
	execvp("redis-server", (char *const *)(uintptr_t)arguments);
	_exit(127);
}

/* Reads what it says until it is ready on its Unix socket (Redis 7 says so in other words than 8), or has ended. */
static bool
is_ready(FILE *said, char *last, size_t size)
{
	while (fgets(last, (int)size, said))
		if (strstr(last, "The server is now ready") || strstr(last, "Ready to accept connections unix"))
			return true;
	return false;
}

static bool
try_start(struct redis_server *server, const char *const *arguments)
{
	char line[1024] = "";
	int ends[2];
	FILE *said;
	bool ready;

	snprintf(server->socket, sizeof(server->socket), "%s/redis.sock", test_directory());
	snprintf(server->address, sizeof(server->address), "unix:%s", server->socket);
	check(pipe(ends) == 0);
	server->process = fork();
	check(server->process >= 0);
	if (server->process == 0)
		become_server(server, arguments, ends[1]);
	close(ends[1]);
	said = fdopen(ends[0], "r");
	ready = is_ready(said, line, sizeof(line));
	fclose(said); /* what it says from now on goes nowhere */
	if (ready)
		return true;
	waitpid(server->process, NULL, 0);
	fprintf(stderr, "redis-server: %s", line);
	return false;
}

void
redis_server_start(struct redis_server *server, const char *const *arguments)
{
	*server = (struct redis_server){0};
	check(try_start(server, arguments));
	server->client = redisConnectUnix(server->socket);
	check(server->client && !server->client->err);
}

/* Two authorities, and a certificate of the first one for the server. */
static void
make_certificates(void)
{
	char command[4096];
	const char *at = test_directory();
	const char *request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30";

	snprintf(command, sizeof(command),
		 "exec >/dev/null 2>&1; %s -keyout %s/ca.key -out %s/ca.crt -subj /CN=ca && "
		 "%s -keyout %s/other-ca.key -out %s/other-ca.crt -subj /CN=other && "
		 "%s -keyout %s/server.key -out %s/server.crt -subj /CN=server -CA %s/ca.crt -CAkey %s/ca.key "
		 "-addext subjectAltName=DNS:localhost,IP:127.0.0.1",
		 request, at, at, request, at, at, request, at, at, at, at);
	check_int(system(command), 0);
}

void
redis_server_start_tls(struct redis_server *server)
{
	char certificate[300], key[300], ca[300], port[16];
	const char *arguments[] = {"--tls-port",
				   port,
				   "--tls-cert-file",
				   certificate,
				   "--tls-key-file",
				   key,
				   "--tls-ca-cert-file",
				   ca,
				   "--tls-auth-clients",
				   "no",
				   NULL};
	bool ready = false;

	*server = (struct redis_server){0};
	make_certificates();
	snprintf(certificate, sizeof(certificate), "%s/server.crt", test_directory());
	snprintf(key, sizeof(key), "%s/server.key", test_directory());
	snprintf(ca, sizeof(ca), "%s/ca.crt", test_directory());
	for (int i = 0; !ready && i < ATTEMPTS; i++) {
		server->tls_port = free_port();
		snprintf(port, sizeof(port), "%d", server->tls_port);
		ready = try_start(server, arguments);
	}
	check(ready);
	server->client = redisConnectUnix(server->socket);
	check(server->client && !server->client->err);
}

void
redis_server_stop(struct redis_server *server)
{
	if (server->client)
		redisFree(server->client);
	server->client = NULL;
	kill(server->process, SIGKILL);
	check(waitpid(server->process, NULL, 0) == server->process);
}

/* ---- asking it ---- */

static size_t
show(const redisReply *reply, char *to, size_t size)
{
	size_t used = 0;

	switch (reply->type) {
	case REDIS_REPLY_NIL:
		return (size_t)snprintf(to, size, "(nil)");
	case REDIS_REPLY_INTEGER:
		return (size_t)snprintf(to, size, "%lld", reply->integer);
	case REDIS_REPLY_ERROR:
		return (size_t)snprintf(to, size, "(error) %s", reply->str);
	case REDIS_REPLY_ARRAY:
		for (size_t i = 0; i < reply->elements && used < size; i++) {
			used += (size_t)snprintf(to + used, size - used, "%s", i ? " " : "");
			used += show(reply->element[i], to + used, size - used);
		}
		return used;
	default:
		for (size_t i = 0; i < reply->len && used < size; i++)
			used += (size_t)snprintf(to + used, size - used,
						 isprint((unsigned char)reply->str[i]) ? "%c" : "\\x%02x",
						 (unsigned char)reply->str[i]);
		return used;
	}
}

const char *
redis_server_ask(struct redis_server *server, const char *format, ...)
{
	static char text[65536];
	redisReply *reply;
	va_list args;

	va_start(args, format);
	reply = redisvCommand(server->client, format, args);
	va_end(args);
	check(reply != NULL);
	text[0] = 0;
	show(reply, text, sizeof(text));
	freeReplyObject(reply);
	return text;
}

struct feature_store_config
redis_config(const char *address)
{
	static char none[] = "";

	return (struct feature_store_config){.type = FEATURE_STORE_REDIS,
					     .address = (char *)(uintptr_t)address,
					     .user = none,
					     .password = none,
					     .password_file = none,
					     .timeout_ms = 5000,
					     .tls_ca = none,
					     .tls_certificate = none,
					     .tls_key = none,
					     .tls_name = none};
}
