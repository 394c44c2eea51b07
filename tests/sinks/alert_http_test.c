#include "sinks/alert_http.h"

#include "base/memory.h"
#include "tests/http_server.h"
#include "tests/test.h"

static struct error err;
static struct http_server server;
static struct alert_http *http;
static const char *next_answer;

static const char *
answer_next(const char *request)
{
	(void)request;
	return next_answer;
}

static void
open_both(int64_t timeout_ms)
{
	struct alert_http_config config = {.timeout_ms = timeout_ms, .ca = ""};

	http_server_open(&server, answer_next);
	check_ok(alert_http_open(&config, &http, &err));
}

static void
close_both(void)
{
	alert_http_close(&http);
	http_server_close(&server);
}

static void
start(const char *body, const char *header)
{
	char *url = memory_format("http://%s/hook", server.address);
	struct alert_request request = {
		.url = url, .body = bytes_of_text(body), .headers = {header}, .argument = &server};

	alert_http_start(http, &request);
	memory_free(&url);
}

static struct alert_answer
take(void)
{
	struct alert_answer answer;

	/* Turns take no time while a timeout is awaited: they go on until it is there. */
	while (!alert_http_take(http, &answer))
		http_server_turn(&server);
	return answer;
}

TEST(a_request_and_its_answer)
{
	struct alert_answer answer;

	open_both(60000);
	http_server_listen(&server);
	next_answer = HTTP_OK;
	start("{\"a\":1}", "webhook-id: x");
	answer = take();
	check_int(answer.status, 200);
	check(answer.argument == &server);
	check_contains(server.requests[0], "POST /hook HTTP/1.1\r\n");
	check_contains(server.requests[0], "Content-Type: application/json\r\n");
	check_contains(server.requests[0], "webhook-id: x\r\n");
	check_contains(server.requests[0], "\r\n\r\n{\"a\":1}");
	check(!strstr(server.requests[0], "Expect"));
	start("[]", NULL);
	answer = take();
	check_int(answer.status, 200);
	check_int((int64_t)server.connection_count, 1); /* it was kept */
	close_both();
}

TEST(a_bad_answer_says_why_and_how_long_to_wait)
{
	struct alert_answer answer;

	open_both(60000);
	http_server_listen(&server);
	next_answer = "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 8\r\n\r\nslowly, ";
	start("{}", NULL);
	answer = take();
	check_int(answer.status, 429);
	check_int(answer.retry_after_ms, 7000);
	check_text(answer.reason, "status 429 slowly, ");
	close_both();
}

TEST(a_redirect_is_not_followed)
{
	open_both(60000);
	http_server_listen(&server);
	next_answer = "HTTP/1.1 302 There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
	start("{}", NULL);
	check_int(take().status, 302);
	check_int((int64_t)server.request_count, 1);
	close_both();
}

TEST(no_connection_is_no_answer)
{
	struct alert_answer answer;

	open_both(60000);
	start("{}", NULL);
	answer = take();
	check_int(answer.status, 0);
	check_contains(answer.reason, "Failed to connect");
	close_both();
}

TEST(silence_is_no_answer)
{
	struct alert_answer answer;

	open_both(100);
	http_server_listen(&server);
	next_answer = NULL;
	start("{}", NULL);
	answer = take();
	check_int(answer.status, 0);
	check_contains(answer.reason, "timed out");
	close_both();
}

TEST(an_endless_answer_is_cut_off_and_counts)
{
	size_t size = 4 * ALERT_RESPONSE_BYTES_MAX;
	char *text = memory_format("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%*s", size, (int)size, "x");

	open_both(60000);
	http_server_listen(&server);
	next_answer = text;
	start("{}", NULL);
	check_int(take().status, 200);
	memory_free(&text);
	close_both();
}

TEST(what_is_on_its_way_can_be_given_up)
{
	struct alert_answer answer;

	open_both(60000);
	http_server_listen(&server);
	next_answer = NULL;
	for (int i = 0; i < 3; i++)
		start("{}", NULL);
	check(!alert_http_take(http, &answer));
	http_server_turn(&server);
	alert_http_drop(http);
	check(!alert_http_take(http, &answer));
	next_answer = HTTP_OK;
	start("{}", NULL);
	check_int(take().status, 200);
	close_both();
}

TEST(a_file_of_certificates_that_is_not_there_is_said_at_once)
{
	struct alert_http_config config = {.timeout_ms = 1000, .ca = "/nowhere/ca.crt"};

	check_fails(alert_http_open(&config, &http, &err), "tls_ca /nowhere/ca.crt cannot be read");
}
