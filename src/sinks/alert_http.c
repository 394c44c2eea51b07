#include "sinks/alert_http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>

#include "base/memory.h"

#define KEPT_BYTES 160 /* of a response, for the reason */
#define CONNECTIONS_MAX 16

/* A request on its way. */
struct request {
	struct request *next, **link;
	CURL *easy;
	struct curl_slist *headers;
	void *argument;
	size_t received; /* bytes of the response */
	char response[KEPT_BYTES + 1];
	size_t kept;
	char error[CURL_ERROR_SIZE];
};

struct alert_http {
	CURLM *multi;
	struct request *requests;
	int64_t timeout_ms;
	char *ca;
};

static void
start_curl(void)
{
	insist(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

int
alert_http_open(const struct alert_http_config *config, struct alert_http **out, struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct alert_http *http;
	FILE *file;

	pthread_once(&once, start_curl);
	if (*config->ca) {
		file = fopen(config->ca, "re");
		if (!file)
			return fail(err, FATAL, "tls_ca %s cannot be read", config->ca);
		fclose(file);
	}
	http = memory_new(sizeof(*http));
	http->timeout_ms = config->timeout_ms;
	http->ca = memory_text(config->ca);
	http->multi = curl_multi_init();
	insist(http->multi);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	*out = http;
	return 0;
}

static void
forget(struct alert_http *http, struct request *request)
{
	*request->link = request->next;
	if (request->next)
		request->next->link = request->link;
	curl_multi_remove_handle(http->multi, request->easy);
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->headers);
	memory_free(&request);
}

void
alert_http_drop(struct alert_http *http)
{
	while (http->requests)
		forget(http, http->requests);
}

void
alert_http_close(struct alert_http **http)
{
	if (!*http)
		return;
	alert_http_drop(*http);
	curl_multi_cleanup((*http)->multi);
	memory_free(&(*http)->ca);
	memory_free(http);
}

/* ---- a request ---- */

/* Keeps the beginning; fewer bytes returned than given ends the request. */
static size_t
on_response(char *data, size_t unit, size_t size, void *argument)
{
	struct request *request = argument;
	size_t room = KEPT_BYTES - request->kept;

	size *= unit;
	request->received += size;
	memcpy(request->response + request->kept, data, size < room ? size : room);
	request->kept += size < room ? size : room;
	return request->received <= ALERT_RESPONSE_BYTES_MAX ? size : 0;
}

static void
set_options(const struct alert_http *http, struct request *request, const struct alert_request *from)
{
	CURL *easy = request->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(easy, CURLOPT_URL, from->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* ends without waiting for the name server */
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)http->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_response);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (*http->ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)from->body.size);
	curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, from->body.data);
	if (from->user && *from->user) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, from->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, from->password);
	}
}

static void
add_header(struct request *request, const char *header)
{
	request->headers = curl_slist_append(request->headers, header);
	insist(request->headers);
}

void
alert_http_start(struct alert_http *http, const struct alert_request *from)
{
	struct request *request = memory_new(sizeof(*request));

	request->argument = from->argument;
	add_header(request, "Content-Type: application/json");
	add_header(request, "User-Agent: isotope/" ISOTOPE_VERSION);
	add_header(request, "Expect:");
	for (size_t i = 0; i < sizeof(from->headers) / sizeof(from->headers[0]) && from->headers[i]; i++)
		add_header(request, from->headers[i]);
	request->easy = curl_easy_init();
	insist(request->easy);
	set_options(http, request, from);
	insist(curl_multi_add_handle(http->multi, request->easy) == CURLM_OK);
	request->next = http->requests;
	request->link = &http->requests;
	if (request->next)
		request->next->link = &request->next;
	http->requests = request;
}

/* ---- its answer ---- */

static void
read_answer(struct request *request, CURLcode code, struct alert_answer *answer)
{
	bool cut = code == CURLE_WRITE_ERROR && request->received > ALERT_RESPONSE_BYTES_MAX;
	curl_off_t retry_after_s = 0;
	long status = 0;

	*answer = (struct alert_answer){.argument = request->argument};
	if (code != CURLE_OK && !cut) {
		snprintf(answer->reason, sizeof(answer->reason), "%s",
			 *request->error ? request->error : curl_easy_strerror(code));
		return;
	}
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	answer->status = (int)status;
	if (retry_after_s > 0 && retry_after_s < INT32_MAX)
		answer->retry_after_ms = retry_after_s * 1000;
	snprintf(answer->reason, sizeof(answer->reason), "status %ld %s", status, request->response);
}

bool
alert_http_take(struct alert_http *http, struct alert_answer *answer)
{
	struct request *request;
	int count;
	CURLMsg *message;

	if (!http->requests)
		return false;
	insist(curl_multi_perform(http->multi, &count) == CURLM_OK);
	while ((message = curl_multi_info_read(http->multi, &count))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
		read_answer(request, message->data.result, answer);
		forget(http, request);
		return true;
	}
	return false;
}
