#include "sinks/alert.h"

#include <jansson.h>
#include <math.h>

#include "tests/test.h"

#define NOW_MS 1767225600000 /* 2026-01-01T00:00:00Z */

static struct alert
an_alert(void)
{
	return (struct alert){
		.id = bytes_of_text("lost{dimension=\"all\",value=\"all\"}"),
		.name = bytes_of_text("lost"),
		.severity = bytes_of_text("page"),
		.runbook = bytes_of_text("https://runbooks.example/lost"),
		.labels = {{bytes_of_text("dimension"), bytes_of_text("platform")},
			   {bytes_of_text("value"), bytes_of_text("ios")}},
		.label_count = 2,
		.firing = true,
		.value = 0.1,
		.threshold = 2,
		.window_start_ms = NOW_MS - 60000,
		.starts_ms = NOW_MS - 120000,
		.revision = 3,
	};
}

static const char *
text_of(struct buffer *out)
{
	buffer_put_u8(out, 0);
	return (const char *)out->data;
}

static const char *
item(const struct alert *alert)
{
	static struct buffer out;

	buffer_clear(&out);
	alert_put_item(alert, "reco", NOW_MS + 240000, &out);
	return text_of(&out);
}

static const char *
webhook(const struct alert *alert)
{
	static struct buffer out;

	buffer_clear(&out);
	alert_put_webhook(alert, "reco", NOW_MS, &out);
	return text_of(&out);
}

TEST(alertmanager_gets_labels_annotations_start_and_when_to_forget_it)
{
	struct alert alert = an_alert();

	check_text(item(&alert),
		   "{\"labels\":{\"alertname\":\"lost\",\"severity\":\"page\",\"job\":\"reco\","
		   "\"dimension\":\"platform\",\"value\":\"ios\"},\"annotations\":{"
		   "\"summary\":\"lost is 0.1, beyond 2, in the window from 2025-12-31T23:59:00.000Z\","
		   "\"value\":\"0.1\",\"threshold\":\"2\",\"runbook_url\":\"https://runbooks.example/lost\"},"
		   "\"startsAt\":\"2025-12-31T23:58:00.000Z\",\"endsAt\":\"2026-01-01T00:04:00.000Z\"}");
}

TEST(one_that_is_over_ends_when_it_ended_and_never_before_it_starts)
{
	struct alert alert = an_alert();

	alert.firing = false;
	alert.runbook = bytes_of_text("");
	alert.ends_ms = NOW_MS - 1000;
	check_contains(item(&alert), "lost is 0.1, within 2 again, since the window from");
	check_contains(item(&alert), "\"threshold\":\"2\"},\"startsAt\"");
	check_contains(item(&alert), "\"endsAt\":\"2025-12-31T23:59:59.000Z\"}");
	alert.ends_ms = 0;
	check_contains(item(&alert), "\"endsAt\":\"2025-12-31T23:58:00.000Z\"}");
}

TEST(names_of_labels_are_made_such_and_stand_there_once)
{
	struct alert alert = an_alert();
	static const char *const names[] = {"severity", "a-b", "a b", "1st", "", "a_b", "job_"};

	alert.label_count = sizeof(names) / sizeof(names[0]);
	for (size_t i = 0; i < alert.label_count; i++)
		alert.labels[i] = (struct alert_label){bytes_of_text(names[i]), bytes_of_text(names[i])};
	check_contains(item(&alert), "\"job\":\"reco\",\"a_b\":\"a-b\",\"_st\":\"1st\",\"job_\":\"job_\"}");
}

TEST(a_webhook_gets_the_row)
{
	struct alert alert = an_alert();

	check_text(webhook(&alert),
		   "{\"type\":\"alert.firing\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"data\":{"
		   "\"alert\":\"lost{dimension=\\\"all\\\",value=\\\"all\\\"}\",\"name\":\"lost\",\"state\":\"firing\","
		   "\"severity\":\"page\",\"labels\":{\"dimension\":\"platform\",\"value\":\"ios\"},\"value\":0.1,"
		   "\"threshold\":2,\"window_start\":\"2025-12-31T23:59:00.000Z\","
		   "\"starts_at\":\"2025-12-31T23:58:00.000Z\",\"ends_at\":null,"
		   "\"runbook\":\"https://runbooks.example/lost\",\"revision\":3,\"job\":\"reco\"}}");
	alert.firing = false;
	alert.ends_ms = NOW_MS;
	alert.value = NAN;
	check_contains(webhook(&alert), "{\"type\":\"alert.resolved\",");
	check_contains(webhook(&alert), "\"value\":\"NaN\",");
	check_contains(webhook(&alert), "\"ends_at\":\"2026-01-01T00:00:00.000Z\"");
}

TEST(any_text_comes_back_from_the_json)
{
	struct alert alert = an_alert();
	const char *text = "a\"b\\c\nd\te\x01\x7f \xc3\xa4 \xe2\x82\xac";
	json_t *json;

	alert.name = bytes_of_text(text);
	for (int i = 0; i < 2; i++) {
		json = json_loads(i ? item(&alert) : webhook(&alert), 0, NULL);
		check(json != NULL);
		check_text(json_string_value(i ? json_object_get(json_object_get(json, "labels"), "alertname")
					       : json_object_get(json_object_get(json, "data"), "name")),
			   text);
		json_decref(json);
	}
}

TEST(a_change_is_named_by_alert_state_start_and_revision)
{
	struct alert alert = an_alert(), other = an_alert();

	check(alert_change(&alert) == alert_change(&other));
	other.value = 7;
	check(alert_change(&alert) == alert_change(&other));
	other.revision = 4;
	check(alert_change(&alert) != alert_change(&other));
	other = alert;
	other.firing = false;
	check(alert_change(&alert) != alert_change(&other));
	other = alert;
	other.starts_ms++;
	check(alert_change(&alert) != alert_change(&other));
	other = alert;
	other.id = bytes_of_text("late");
	check(alert_change(&alert) != alert_change(&other));
}
