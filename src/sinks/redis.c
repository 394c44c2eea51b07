#include "sinks/redis.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/address.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/stop.h"
#include "sinks/resolve.h"
#include "sinks/tls.h"

#define RECEIVE_SIZE 65536
#define UNIX_PREFIX "unix:"

struct redis {
	const struct redis_config *config;
	char *host, *port; /* NULL: a Unix socket */
	int socket;
	struct tls *tls; /* NULL: none */
	redisReader *reader;
	struct buffer out; /* for the network: `sent` bytes of it have gone */
	size_t sent;
	struct buffer plain; /* decrypted */
};

/* ---- what error replies ask for ---- */

static bool
starts_with(const char *text, const char *word)
{
	return strncmp(text, word, strlen(word)) == 0;
}

enum redis_advice
redis_advice(const char *error)
{
	static const struct {
		const char *word;
		enum redis_advice advice;
	} known[] = {
		{"OOM ", REDIS_LATER},		 {"LOADING ", REDIS_LATER},
		{"BUSY ", REDIS_LATER},		 {"MISCONF ", REDIS_LATER},
		{"NOREPLICAS ", REDIS_LATER},	 {"TRYAGAIN ", REDIS_LATER},
		{"CLUSTERDOWN ", REDIS_LATER},	 {"ERR max number of clients", REDIS_RECONNECT},
		{"READONLY ", REDIS_RECONNECT},	 {"MASTERDOWN ", REDIS_RECONNECT},
		{"UNBLOCKED ", REDIS_RECONNECT}, {"NOSCRIPT ", REDIS_LOAD},
		{"NOAUTH ", REDIS_PERSON},	 {"WRONGPASS ", REDIS_PERSON},
		{"NOPERM ", REDIS_PERSON},	 {"MOVED ", REDIS_PERSON},
		{"ASK ", REDIS_PERSON},		 {"CROSSSLOT ", REDIS_PERSON},
		{"DENIED ", REDIS_PERSON},	 {"ERR unknown command", REDIS_PERSON},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (starts_with(error, known[i].word))
			return known[i].advice;
	return REDIS_NEVER;
}

/* ---- commands as the server reads them ---- */

#define DECIMAL_SIZE_MAX 20 /* of 64 bits with their sign */

/* printf would be half of what the sink costs. */
static struct bytes
decimal(int64_t number, char room[DECIMAL_SIZE_MAX])
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	size_t at = DECIMAL_SIZE_MAX;

	do
		room[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (number < 0)
		room[--at] = '-';
	return bytes_of(&room[at], DECIMAL_SIZE_MAX - at);
}

static void
put_count(struct buffer *out, char what, size_t count)
{
	char room[DECIMAL_SIZE_MAX];

	buffer_put_u8(out, (uint8_t)what);
	buffer_put_bytes(out, decimal((int64_t)count, room));
	buffer_put(out, "\r\n", 2);
}

void
redis_command_begin(struct buffer *out, size_t arguments)
{
	put_count(out, '*', arguments);
}

void
redis_argument(struct buffer *out, struct bytes argument)
{
	put_count(out, '$', argument.size);
	buffer_put_bytes(out, argument);
	buffer_put(out, "\r\n", 2);
}

void
redis_number(struct buffer *out, int64_t argument)
{
	char room[DECIMAL_SIZE_MAX];

	redis_argument(out, decimal(argument, room));
}

void
redis_command(struct buffer *out, const struct bytes *arguments, size_t count)
{
	redis_command_begin(out, count);
	for (size_t i = 0; i < count; i++)
		redis_argument(out, arguments[i]);
}

/* ---- the socket ---- */

/* Waits until the socket is ready for one of `events`. */
static int
wait_for(const struct redis *redis, short events, short *ready, struct error *err)
{
	struct pollfd poll_fd = {.fd = redis->socket, .events = events};
	int64_t began_us = clock_monotonic_us(), now_us = began_us, seen_us = 0;
	int64_t until_us = began_us + redis->config->timeout_ms * 1000;

	for (;;) {
		int64_t left_ms = (stop_until_us(until_us, &seen_us) - now_us + 999) / 1000;
		int count = left_ms <= 0 ? 0 : poll(&poll_fd, 1, left_ms < STOP_LOOK_MS ? (int)left_ms : STOP_LOOK_MS);

		if (count > 0) {
			*ready = poll_fd.revents;
			return 0;
		}
		if (count < 0 && errno != EINTR)
			return fail(err, RETRY, "poll: %s", strerror(errno));
		now_us = clock_monotonic_us();
		if (left_ms <= 0)
			return fail(err, RETRY, "silent for %" PRId64 " ms",
				    seen_us ? (now_us - began_us) / 1000 : redis->config->timeout_ms);
	}
}

static int
connect_to(struct redis *redis, int family, const struct sockaddr *address, socklen_t size, struct error *err)
{
	socklen_t reason_size = sizeof(int);
	int reason = 0;
	short ready;

	redis->socket = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (redis->socket < 0)
		return fail(err, RETRY, "socket: %s", strerror(errno));
	if (connect(redis->socket, address, size) == 0)
		return 0;
	if (errno != EINPROGRESS)
		reason = errno;
	else if (wait_for(redis, POLLOUT, &ready, err) < 0)
		return -1;
	else
		getsockopt(redis->socket, SOL_SOCKET, SO_ERROR, &reason, &reason_size);
	return reason ? fail(err, RETRY, "%s", strerror(reason)) : 0;
}

static int
connect_unix(struct redis *redis, const char *path, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect_to(redis, AF_UNIX, (const struct sockaddr *)&address, sizeof(address), err);
}

static int
connect_tcp(struct redis *redis, struct error *err)
{
	struct addrinfo *list;
	int result = -1;

	if (resolve(redis->host, redis->port, redis->config->timeout_ms, &list, err) < 0)
		return -1;
	for (const struct addrinfo *each = list; each && result < 0; each = each->ai_next) {
		if (redis->socket >= 0)
			close(redis->socket);
		result = connect_to(redis, each->ai_family, each->ai_addr, each->ai_addrlen, err);
	}
	freeaddrinfo(list);
	return result;
}

/* host:port, [v6]:port: parts that getaddrinfo takes. */
static void
split_address(struct redis *redis)
{
	const char *address = redis->config->address, *colon = strrchr(address, ':');
	size_t size = colon ? (size_t)(colon - address) : 0;

	insist(size > 0); /* redis_check has seen to it */
	if (address[0] == '[') {
		address++;
		size -= 2;
	}
	redis->host = memory_format("%.*s", (int)size, address);
	redis->port = memory_text(colon + 1);
}

static int
send_some(struct redis *redis, struct error *err)
{
	ssize_t sent = send(redis->socket, redis->out.data + redis->sent, redis->out.size - redis->sent, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : fail(err, RETRY, "%s", strerror(errno));
	redis->sent += (size_t)sent;
	if (redis->sent == redis->out.size) {
		buffer_clear(&redis->out);
		redis->sent = 0;
	}
	return 0;
}

static int
feed(struct redis *redis, struct bytes plain, struct error *err)
{
	if (plain.size && redisReaderFeed(redis->reader, (const char *)plain.data, plain.size) != REDIS_OK)
		return fail(err, RETRY, "%s", redis->reader->errstr);
	return 0;
}

static int
receive_some(struct redis *redis, struct error *err)
{
	uint8_t received[RECEIVE_SIZE];
	ssize_t size = recv(redis->socket, received, sizeof(received), 0);
	bool closed = false;
	int result;

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : fail(err, RETRY, "%s", strerror(errno));
	if (size == 0)
		return fail(err, RETRY, "it closed the connection");
	if (!redis->tls)
		return feed(redis, bytes_of(received, (size_t)size), err);
	buffer_clear(&redis->plain);
	result = tls_receive(redis->tls, bytes_of(received, (size_t)size), &redis->plain, &redis->out, &closed, err);
	if (result == 0)
		result = feed(redis, buffer_bytes(&redis->plain), err);
	if (result == 0 && closed)
		return fail(err, RETRY, "it closed the connection");
	return result;
}

/* Whatever can be sent and received now; waits until something can. */
static int
transfer(struct redis *redis, struct error *err)
{
	bool sending = redis->sent < redis->out.size;
	short ready;

	if (wait_for(redis, (short)(POLLIN | (sending ? POLLOUT : 0)), &ready, err) < 0)
		return -1;
	if ((ready & POLLOUT) && send_some(redis, err) < 0)
		return -1;
	if ((ready & (POLLIN | POLLHUP | POLLERR)) && receive_some(redis, err) < 0)
		return -1;
	return 0;
}

/* ---- commands ---- */

/* The next reply that is complete; *reply NULL: none is. */
static int
next_reply(struct redis *redis, void **reply, struct error *err)
{
	*reply = NULL;
	if (redisReaderGetReply(redis->reader, reply) != REDIS_OK)
		return fail(err, RETRY, "what it said is no reply: %s", redis->reader->errstr);
	return 0;
}

static int
exchange(struct redis *redis, struct bytes commands, size_t replies, redis_on_reply *on_reply, void *argument,
	 struct error *err)
{
	void *reply;

	if (!redis->tls)
		buffer_put_bytes(&redis->out, commands);
	else if (tls_send(redis->tls, commands, &redis->out, err) < 0)
		return -1;
	for (size_t i = 0; i < replies;) {
		if (next_reply(redis, &reply, err) < 0)
			return -1;
		if (reply) {
			on_reply(argument, i++, reply);
			freeReplyObject(reply);
		} else if (transfer(redis, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int
redis_exchange(struct redis *redis, struct bytes commands, size_t replies, redis_on_reply *on_reply, void *argument,
	       struct error *err)
{
	if (exchange(redis, commands, replies, on_reply, argument, err) < 0)
		return fail_in(err, "redis %s", redis->config->address);
	return 0;
}

/* ---- opening ---- */

static int
start_tls(struct redis *redis, struct error *err)
{
	const struct redis_config *config = redis->config;
	const char *host = redis->host ? redis->host : "localhost";
	struct tls_config tls = {
		.name = *config->tls_name ? config->tls_name : host,
		.ca = config->tls_ca,
		.certificate = config->tls_certificate,
		.key = config->tls_key,
	};
	bool closed;

	if (tls_open(&tls, &redis->tls, err) < 0 ||
	    tls_receive(redis->tls, (struct bytes){0}, &redis->plain, &redis->out, &closed, err) < 0)
		return -1;
	while (!tls_established(redis->tls))
		if (transfer(redis, err) < 0)
			return -1;
	return 0;
}

/* To be freed with secret_free. */
static int
read_password(const struct redis_config *config, char **out, struct error *err)
{
	if (!*config->password_file)
		*out = memory_text(config->password);
	else if (secret_read_line(config->password_file, out, err) < 0)
		return fail_in(err, "password_file");
	return 0;
}

struct greeting {
	int result;
	struct error *err;
};

static void
on_greeting(void *argument, size_t index, const redisReply *reply)
{
	struct greeting *greeting = argument;
	enum redis_advice advice;

	(void)index;
	if (reply->type != REDIS_REPLY_ERROR || greeting->result < 0)
		return;
	advice = redis_advice(reply->str);
	greeting->result = fail(greeting->err, advice == REDIS_PERSON || advice == REDIS_NEVER ? FATAL : RETRY, "%s",
				reply->str);
}

/* AUTH and SELECT, where they are called for; PING shows that the server lets us in. */
static int
greet(struct redis *redis, struct error *err)
{
	const struct redis_config *config = redis->config;
	struct greeting greeting = {.err = err};
	struct buffer commands = {0};
	char *password, number[24];
	size_t count = 1;
	int result;

	if (read_password(config, &password, err) < 0)
		return -1;
	if (*password) {
		struct bytes arguments[] = {bytes_of_text("AUTH"), bytes_of_text(config->user),
					    bytes_of_text(password)};

		if (!*config->user)
			arguments[1] = arguments[2];
		redis_command(&commands, arguments, *config->user ? 3 : 2);
		count++;
	}
	if (config->database != 0) {
		snprintf(number, sizeof(number), "%" PRId64, config->database);
		redis_command(&commands, (struct bytes[]){bytes_of_text("SELECT"), bytes_of_text(number)}, 2);
		count++;
	}
	redis_command(&commands, &(struct bytes){(const uint8_t *)"PING", 4}, 1);
	result = exchange(redis, buffer_bytes(&commands), count, on_greeting, &greeting, err);
	secret_free(&password);
	explicit_bzero(commands.data, commands.capacity);
	buffer_fini(&commands);
	return result < 0 ? result : greeting.result;
}

static int
establish(struct redis *redis, struct error *err)
{
	const char *address = redis->config->address;

	if (starts_with(address, UNIX_PREFIX)) {
		if (connect_unix(redis, address + strlen(UNIX_PREFIX), err) < 0)
			return -1;
	} else {
		split_address(redis);
		if (connect_tcp(redis, err) < 0)
			return -1;
	}
	if (redis->config->tls && start_tls(redis, err) < 0)
		return -1;
	return greet(redis, err);
}

static int
check_address(const char *address, struct error *err)
{
	size_t path_size_max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (!starts_with(address, UNIX_PREFIX))
		return address_is_host_port(address)
			       ? 0
			       : fail(err, FATAL, "address is \"%.100s\"; expected host:port or unix:/path", address);
	if (strlen(address) - strlen(UNIX_PREFIX) <= path_size_max)
		return 0;
	return fail(err, FATAL, "address is a socket with a path of %zu bytes; at most %zu are possible",
		    strlen(address) - strlen(UNIX_PREFIX), path_size_max);
}

int
redis_check(const struct redis_config *config, struct error *err)
{
	char *password;
	int result;

	if (check_address(config->address, err) < 0)
		return -1;
	if (!*config->tls_certificate != !*config->tls_key)
		return fail(err, FATAL, "tls_certificate and tls_key belong together; expected both or none");
	result = read_password(config, &password, err);
	if (result == 0)
		secret_free(&password);
	return result;
}

int
redis_open(const struct redis_config *config, struct redis **out, struct error *err)
{
	struct redis *redis = memory_new(sizeof(*redis));

	redis->config = config;
	redis->socket = -1;
	redis->reader = redisReaderCreate();
	insist(redis->reader);
	redis->reader->maxbuf = 0; /* keep its buffer */
	*out = redis;
	if (establish(redis, err) == 0)
		return 0;
	redis_close(out);
	return fail_in(err, "redis %s", config->address);
}

void
redis_close(struct redis **pointer)
{
	struct redis *redis = *pointer;

	if (!redis)
		return;
	if (redis->socket >= 0)
		close(redis->socket);
	tls_close(&redis->tls);
	redisReaderFree(redis->reader);
	memory_free(&redis->host);
	memory_free(&redis->port);
	buffer_fini(&redis->out);
	buffer_fini(&redis->plain);
	memory_free(pointer);
}
