/* What alert_sink promises, with receivers on the test's own thread and a clock that the test moves. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "dataflow/driver.h"
#include "operators/operators.h"
#include "tests/http_server.h"
#include "tests/test.h"

#define TURNS_MAX 20000
#define TURN_MS 20
#define MINUTE_MS 60000

static struct error err;
static struct driver *driver;
static struct http_server first, second;
static int bad_answers; /* how often the next requests are answered badly */
static const char *bad_answer;

static const char *
answer(const char *request)
{
	(void)request;
	if (bad_answers > 0) {
		bad_answers--;
		return bad_answer;
	}
	return HTTP_OK;
}

static void
open_sink(const char *options)
{
	char *root = realpath(test_source_root(), NULL);
	char *path = memory_format("%s/alerting.yaml", test_directory());
	char *secret = memory_format("%s/secret", test_directory());
	FILE *file = fopen(secret, "w");

	fputs("a secret of the test\n", file);
	fclose(file);
	file = fopen(path, "w");
	fprintf(file,
		"name: alerting\nlog: {type: embedded}\nschemas: %s/schemas\ncommit_interval: 10ms\ntopics:\n"
		"  alerts: {schema: alert.avsc, key: alert_id, time: window_start, cleanup: compact,"
		" max_ahead: 365d}\noperators:\n"
		"  sink:\n    type: alert_sink\n    inputs: {alerts: alerts}\n    webhook_secret_file: %s\n%s\n",
		root, secret, options);
	fclose(file);
	check_ok(driver_open(path, NULL, operators_table, &driver, &err));
	memory_free(&secret);
	memory_free(&path);
	free(root);
}

static void
open_webhook(bool listens, const char *options)
{
	char *text;

	http_server_open(&first, answer);
	if (listens)
		http_server_listen(&first);
	text = memory_format("    webhook: http://%s/hook\n%s", first.address, options);
	open_sink(text);
	memory_free(&text);
}

static void
open_alertmanager(bool listens, const char *options)
{
	char *text;

	http_server_open(&first, answer);
	if (listens)
		http_server_listen(&first);
	text = memory_format("    alertmanager: http://%s\n%s", first.address, options);
	open_sink(text);
	memory_free(&text);
}

static void
close_all(void)
{
	driver_close(&driver);
	http_server_close(&first);
}

static void
send_alert(const char *name, const char *state, int revision, int64_t ends_ms)
{
	char *json = memory_format(
		"{\"name\": \"%s\", \"labels\": {}, \"state\": \"%s\", \"severity\": \"page\", \"value\": 1,"
		" \"threshold\": 0.5, \"window_start\": %lld, \"starts_at\": %lld, \"ends_at\": %lld,"
		" \"revision\": %d, \"alert_id\": \"%s\"}",
		name, state, (long long)DRIVER_START_MS, (long long)DRIVER_START_MS,
		(long long)(DRIVER_START_MS + ends_ms), revision, name);

	check_ok(driver_send(driver, "alerts", json, &err));
	memory_free(&json);
}

static int64_t
counted(const char *counter)
{
	return driver_counter(driver, "sink", counter);
}

static void
turn(void)
{
	check_ok(driver_advance(driver, TURN_MS, &err));
	http_server_turn(&first);
	if (second.answer)
		http_server_turn(&second);
}

/* Until the counter stands there; the clock moves meanwhile, by no more than it has to. */
static void
until(const char *counter, int64_t wanted)
{
	for (int i = 0; i < TURNS_MAX && counted(counter) < wanted; i++)
		turn();
	check_int(counted(counter), wanted);
}

static void
pass(int64_t ms)
{
	for (int64_t passed = 0; passed < ms; passed += TURN_MS)
		turn();
}

TEST(a_webhook_hears_of_each_change_of_state_once)
{
	open_webhook(true, "");
	send_alert("lost", "firing", 1, 0);
	until("webhook_acknowledged", 1);
	send_alert("lost", "firing", 2, 0);
	pass(2 * MINUTE_MS);
	check_int(counted("webhook_sent"), 1);
	send_alert("lost", "resolved", 3, 0);
	until("webhook_acknowledged", 2);
	pass(10 * MINUTE_MS);
	check_int(counted("webhook_sent"), 2);
	check_contains(first.requests[0], "\"state\":\"firing\"");
	check_contains(first.requests[1], "\"state\":\"resolved\"");
	check_contains(first.requests[0], "webhook-signature: v1,");
	close_all();
}

TEST(alertmanager_hears_of_what_fires_every_minute_and_of_what_is_over_for_five)
{
	int64_t sent;

	open_alertmanager(true, "");
	send_alert("lost", "firing", 1, 0);
	until("alertmanager_acknowledged", 1);
	pass(10 * MINUTE_MS);
	check(counted("alertmanager_sent") >= 10 && counted("alertmanager_sent") <= 11);
	send_alert("lost", "resolved", 2, 0);
	sent = counted("alertmanager_sent");
	pass(4 * MINUTE_MS + MINUTE_MS / 2);
	check_int(counted("alertmanager_sent") - sent, 5);
	pass(10 * MINUTE_MS);
	check_int(counted("alertmanager_sent") - sent, 5);
	check_contains(first.requests[0], "\"startsAt\":\"2026-01-01T00:00:00.000Z\"");
	check_contains(first.requests[first.request_count - 1], "\"startsAt\":\"2026-01-01T00:00:00.000Z\"");
	close_all();
}

TEST(a_receiver_that_is_away_holds_up_no_record_and_is_not_asked_all_the_time)
{
	open_webhook(false, "    backoff_max: 1min\n");
	for (int i = 0; i < 40; i++) {
		char name[16];

		snprintf(name, sizeof(name), "rule%d", i);
		send_alert(name, "firing", 1, 0);
	}
	pass(20 * MINUTE_MS);
	check_int(counted("webhook_acknowledged"), 0);
	check(counted("webhook_failed") >= 20 && counted("webhook_failed") < 70);
	http_server_listen(&first);
	until("webhook_acknowledged", 40);
	pass(2 * MINUTE_MS);
	check_int((int64_t)first.request_count, 40);
	close_all();
}

TEST(what_was_taken_is_not_sent_again_after_a_crash_and_what_was_not_is)
{
	open_webhook(true, "");
	send_alert("lost", "firing", 1, 0);
	until("webhook_acknowledged", 1);
	check_ok(driver_crash(driver, &err));
	bad_answers = 1;
	bad_answer = "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n";
	send_alert("late", "firing", 1, 0);
	until("webhook_failed", 1);
	check_ok(driver_crash(driver, &err));
	until("webhook_acknowledged", 2);
	pass(5 * MINUTE_MS);
	check_int((int64_t)first.request_count, 3);
	check_contains(first.requests[1], "\"name\":\"late\"");
	check_contains(first.requests[2], "\"name\":\"late\"");
	close_all();
}

TEST(what_changes_while_a_receiver_is_away_it_hears_as_it_stands_then)
{
	open_webhook(false, "");
	send_alert("lost", "firing", 1, 0);
	until("webhook_failed", 1);
	send_alert("lost", "resolved", 2, 0);
	send_alert("lost", "firing", 3, 0);
	pass(MINUTE_MS);
	http_server_listen(&first);
	until("webhook_acknowledged", 1);
	pass(5 * MINUTE_MS);
	check_int((int64_t)first.request_count, 1);
	check_contains(first.requests[0], "\"revision\":3,");
	close_all();
}

TEST(an_end_is_told_however_long_the_receiver_was_away)
{
	open_alertmanager(false, "");
	send_alert("lost", "resolved", 2, 0);
	pass(60 * MINUTE_MS);
	check_int(counted("given_up"), 0);
	http_server_listen(&first);
	until("alertmanager_acknowledged", 1);
	pass(2 * MINUTE_MS);
	check_int(counted("alertmanager_acknowledged"), 1);
	close_all();
}

TEST(an_end_that_is_not_taken_is_given_up_at_last)
{
	open_webhook(false, "    keep: 10min\n");
	send_alert("lost", "resolved", 2, 0);
	send_alert("late", "firing", 1, 0);
	pass(11 * MINUTE_MS);
	check_int(counted("given_up"), 1);
	http_server_listen(&first);
	until("webhook_acknowledged", 1);
	check_contains(first.requests[0], "\"name\":\"late\"");
	close_all();
}

TEST(a_webhook_that_fails_at_one_alert_takes_the_others_at_once)
{
	open_webhook(true, "    backoff_max: 1h\n");
	bad_answers = 8;
	bad_answer = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
	send_alert("bad", "firing", 1, 0);
	until("webhook_failed", 8);
	send_alert("good", "firing", 1, 0);
	pass(2000);
	check_int(counted("webhook_acknowledged"), 1);
	check_contains(first.requests[8], "\"name\":\"good\"");
	close_all();
}

TEST(a_hanging_receiver_does_not_keep_another_from_hearing)
{
	char *options;

	http_server_open(&second, answer);
	http_server_listen(&second);
	bad_answers = 1;
	bad_answer = NULL; /* whoever is asked first keeps silent */
	options = memory_format("    alertmanager: http://%s\n    timeout: 10min\n", second.address);
	open_webhook(true, options);
	send_alert("lost", "firing", 1, 0);
	for (int i = 0; i < TURNS_MAX && counted("webhook_acknowledged") + counted("alertmanager_acknowledged") < 1;
	     i++)
		turn();
	check_int(counted("webhook_acknowledged") + counted("alertmanager_acknowledged"), 1);
	check_int(counted("webhook_failed") + counted("alertmanager_failed"), 0);
	memory_free(&options);
	http_server_close(&second);
	close_all();
}

TEST(rows_that_are_no_news)
{
	open_webhook(true, "");
	check_ok(driver_advance(driver, 60 * MINUTE_MS, &err));
	send_alert("lost", "firing", 4, 0);
	send_alert("lost", "firing", 4, 0);
	send_alert("lost", "resolved", 3, 0);
	send_alert("late", "resolved", 2, 0);
	until("webhook_acknowledged", 1);
	check_int(counted("older"), 2);
	check_int(counted("long_over"), 1);
	pass(MINUTE_MS);
	check_int((int64_t)first.request_count, 1);
	close_all();
}

/* A writer whose state was lost counts from 1 again. */
TEST(a_lower_revision_of_a_later_start_is_news)
{
	open_webhook(true, "");
	send_alert("lost", "firing", 9, 0);
	until("webhook_acknowledged", 1);
	check_ok(driver_send(driver, "alerts",
			     "{\"name\": \"lost\", \"labels\": {}, \"state\": \"firing\", \"severity\": \"page\","
			     " \"value\": 1, \"threshold\": 0.5, \"window_start\": 1767225660000,"
			     " \"starts_at\": 1767225660000, \"revision\": 1, \"alert_id\": \"lost\"}",
			     &err));
	until("webhook_acknowledged", 2);
	check_int(counted("older"), 0);
	close_all();
}

TEST(alerts_beyond_the_limit_are_counted_and_no_dead_letters)
{
	open_webhook(false, "    alerts_max: 2\n");
	send_alert("a", "firing", 1, 0);
	send_alert("b", "firing", 1, 0);
	for (int i = 1; i <= 150; i++)
		send_alert("c", "firing", i, 0);
	send_alert("a", "firing", 2, 0);
	send_alert("d", "firing", 0, 0);
	check_ok(driver_run(driver, &err));
	check_int(counted("too_many"), 150);
	check_contains(driver_read(driver, "dead_letters"), "the alert's revision is 0");
	check(!driver_read(driver, "dead_letters"));
	close_all();
}

TEST(a_run_with_an_end_waits_no_longer_than_it_may)
{
	open_webhook(false, "    drain: 50ms\n");
	send_alert("lost", "firing", 1, 0);
	check_ok(driver_finish(driver, &err));
	check_int(counted("webhook_acknowledged"), 0);
	http_server_listen(&first);
	until("webhook_acknowledged", 1);
	close_all();
}
