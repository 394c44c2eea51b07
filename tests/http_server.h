/*
 * A small HTTP server on the thread of the test: what it is asked it answers when the test calls http_server_turn. So
 * between two turns of the client nothing moves. From the beginning it has an address; connections are refused until
 * http_server_listen. Included by the tests that need it.
 */
#ifndef TESTS_HTTP_SERVER_H
#define TESTS_HTTP_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "tests/test.h"

#define HTTP_CONNECTIONS_MAX 32
#define HTTP_REQUESTS_MAX 512

struct http_server {
	int listener;
	char address[32]; /* 127.0.0.1:port */
	int connections[HTTP_CONNECTIONS_MAX];
	struct buffer received[HTTP_CONNECTIONS_MAX];
	size_t connection_count;
	/* The whole answer to a request; NULL: none, the connection stays open. */
	const char *(*answer)(const char *request);
	char *requests[HTTP_REQUESTS_MAX]; /* head and body */
	size_t request_count;
};

#define HTTP_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static inline void
http_server_open(struct http_server *server, const char *(*answer)(const char *request))
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	*server = (struct http_server){.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
	server->answer = answer;
	check(bind(server->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	check(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0);
	snprintf(server->address, sizeof(server->address), "127.0.0.1:%d", ntohs(address.sin_port));
}

static inline void
http_server_listen(struct http_server *server)
{
	check_int(listen(server->listener, HTTP_CONNECTIONS_MAX), 0);
}

static inline void
http_server_close(struct http_server *server)
{
	for (size_t i = 0; i < server->connection_count; i++) {
		close(server->connections[i]);
		buffer_fini(&server->received[i]);
	}
	for (size_t i = 0; i < server->request_count; i++)
		free(server->requests[i]);
	close(server->listener);
}

/* Takes a whole request from the connection, if there is one. */
static inline bool
http_server_take(struct http_server *server, size_t index)
{
	struct buffer *received = &server->received[index];
	const char *text, *end, *length;
	size_t head, size;

	*buffer_reserve(received, 1) = 0;
	text = (const char *)received->data;
	end = strstr(text, "\r\n\r\n");
	if (!end)
		return false;
	head = (size_t)(end - text) + 4;
	length = strstr(text, "Content-Length: ");
	check(length && length < end);
	size = head + (size_t)atol(length + strlen("Content-Length: "));
	if (received->size < size)
		return false;
	check(server->request_count < HTTP_REQUESTS_MAX);
	server->requests[server->request_count++] = strndup(text, size);
	memmove(received->data, received->data + size, received->size - size);
	received->size -= size;
	return true;
}

static inline void
http_server_read(struct http_server *server, size_t index)
{
	struct buffer *received = &server->received[index];
	ssize_t size;

	while ((size = recv(server->connections[index], buffer_reserve(received, 65536), 65536, MSG_DONTWAIT)) > 0)
		received->size += (size_t)size;
	while (http_server_take(server, index)) {
		const char *answer = server->answer(server->requests[server->request_count - 1]);

		if (answer)
			check(send(server->connections[index], answer, strlen(answer), MSG_NOSIGNAL) > 0);
	}
}

static inline void
http_server_turn(struct http_server *server)
{
	int connection;

	while ((connection = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		check(server->connection_count < HTTP_CONNECTIONS_MAX);
		server->connections[server->connection_count] = connection;
		server->received[server->connection_count++] = (struct buffer){0};
	}
	for (size_t i = 0; i < server->connection_count; i++)
		http_server_read(server, i);
}

#endif
