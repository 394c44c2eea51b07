/*
 * HTTP requests that nobody waits for: started, and some time later their answers are taken. No call blocks, not for a
 * name server either. libcurl underneath: HTTP/1.1, connections kept, TLS with the certificate and its name checked.
 * Redirects are not followed, proxies not used. One thread's.
 */
#ifndef SINKS_ALERT_HTTP_H
#define SINKS_ALERT_HTTP_H

#include "base/buffer.h"
#include "base/error.h"

#define ALERT_RESPONSE_BYTES_MAX (64 * 1024) /* a longer response is cut off */
#define ALERT_REASON_SIZE 256

struct alert_http;

struct alert_http_config {
	int64_t timeout_ms; /* of a request, from its start to the end of the answer */
	const char *ca;	    /* file of trusted certificates; empty: the system's */
};

struct alert_request {
	const char *url;
	struct bytes body;	     /* JSON */
	const char *headers[8];	     /* "name: value"; NULL: no more */
	const char *user, *password; /* basic; NULL: none */
	void *argument;		     /* handed back with the answer */
};

struct alert_answer {
	void *argument;
	int status;		/* 0: there was no answer, the reason says why */
	int64_t retry_after_ms; /* that the other side asks for; 0: nothing */
	char reason[ALERT_REASON_SIZE];
};

int alert_http_open(const struct alert_http_config *config, struct alert_http **out, struct error *err);
void alert_http_close(struct alert_http **http); /* and as alert_http_drop */

/* What it is given may go once it returns. */
void alert_http_start(struct alert_http *http, const struct alert_request *request);
/* Lets all requests go on as far as they can; gives one that has ended, if there is one. */
bool alert_http_take(struct alert_http *http, struct alert_answer *answer);
/* Gives up all requests; whether they arrived nobody knows. */
void alert_http_drop(struct alert_http *http);

#endif
