#include "sinks/alert_receiver.h"

#include "tests/test.h"

static struct error err;
static struct alert_receiver receivers[ALERT_RECEIVERS_MAX];
static size_t count;

static int
add(enum alert_kind kind, const char *list)
{
	return alert_receivers_add(kind, "urls", list, receivers, &count, &err);
}

TEST(a_list_of_addresses)
{
	check_ok(add(ALERT_ALERTMANAGER, "http://one:9093, https://two/prefix/,http://three/api/v2/alerts"));
	check_ok(add(ALERT_WEBHOOK, "https://hooks.example/T0/secret?x=y"));
	check_ok(add(ALERT_WEBHOOK, ""));
	check_int((int64_t)count, 4);
	check_text(receivers[0].url, "http://one:9093/api/v2/alerts");
	check_text(receivers[1].url, "https://two/prefix/api/v2/alerts");
	check_text(receivers[2].url, "http://three/api/v2/alerts");
	check_text(receivers[3].url, "https://hooks.example/T0/secret?x=y");
	check_text(receivers[0].name, "alertmanager http://one:9093");
	check_text(receivers[3].name, "webhook https://hooks.example");
	alert_receivers_free(receivers, count);
}

TEST(an_address_that_is_none)
{
	check_fails(add(ALERT_WEBHOOK, "http://a/,hooks.example/secret"), "URL 2 is none");
	check_fails(add(ALERT_WEBHOOK, "http:///secret"), "URL 1 is none");
	check_fails(add(ALERT_WEBHOOK, "http://b/,"), "URL 2 is none");
	check_fails(add(ALERT_WEBHOOK, "http://hooks:90933/secret"),
		    "URL 1 has no host, or no port, that could be: \"hooks:90933\"");
	check_fails(add(ALERT_WEBHOOK, "http://:9093/secret"), "that could be: \":9093\"");
	check_fails(add(ALERT_WEBHOOK, "http://user:secret@c/"), "URL 1 holds a password");
	check_fails(add(ALERT_WEBHOOK, "http://c/\xc3\xa4"), "written as %XX");
	check(!strstr(err.text, "\xc3"));
	check_fails(add(ALERT_WEBHOOK, "http://d/,http://d/"), "webhook http://d is listed twice");
	check_fails(add(ALERT_WEBHOOK, "http://1,http://2,http://3,http://4,http://5,http://6,http://7,http://8"),
		    "more than 8");
	alert_receivers_free(receivers, count);
}

TEST(what_an_answer_means)
{
	static const int taken[] = {200, 201, 202, 204}, refused[] = {400, 405, 409, 410, 413, 415, 422},
			 later[] = {0, 100, 301, 302, 401, 403, 404, 407, 408, 425, 429, 500, 502, 503, 504};

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		check_int(alert_verdict(taken[i]), ALERT_TAKEN);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		check_int(alert_verdict(refused[i]), ALERT_REFUSED);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		check_int(alert_verdict(later[i]), ALERT_LATER);
}

/* The least and the most of it, by what chance says. */
TEST(the_wait_doubles_up_to_a_bound_and_begins_anew)
{
	static const int64_t wanted_ms[] = {250, 500, 1000, 2000, 4000, 5000, 5000};

	for (int most = 0; most < 2; most++) {
		struct alert_receiver receiver = {0};

		for (size_t i = 0; i < sizeof(wanted_ms) / sizeof(wanted_ms[0]); i++) {
			uint64_t random = most ? (uint64_t)wanted_ms[i] / 2 : 0;

			alert_receiver_failed(&receiver, false, 0, 5000, random, 1000);
			check_int(receiver.next_ms - 1000, most ? wanted_ms[i] / 2 * 2 : wanted_ms[i] / 2);
		}
		check_int(receiver.failing_since_ms, 1000);
		alert_receiver_worked(&receiver);
		check_int(receiver.next_ms, 0);
		alert_receiver_failed(&receiver, false, 0, 5000, 0, 2000);
		check_int(receiver.next_ms, 2125);
	}
}

TEST(what_the_receiver_asks_for_is_waited_for_within_the_bound)
{
	struct alert_receiver receiver = {0};

	alert_receiver_failed(&receiver, true, 3000, 60000, 0, 0);
	check_int(receiver.next_ms, 3000);
	check(!receiver.answered);
	alert_receiver_failed(&receiver, true, 3600000, 60000, 0, 0);
	check_int(receiver.next_ms, 60000);
}
