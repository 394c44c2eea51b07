/* Verdicts do not depend on the order in which log entries came: every order of some cases gives the same. */
#include "operators/reconcile_verdict.h"

#include <stdio.h>

#include "dataflow/context.h"
#include "tests/test.h"

static struct error err;
static struct context context;
static const struct response_limits limits = {.impressions = 100, .entries = 100};

struct said {
	const char *id;
	enum stage stage;
	int64_t at;
	const char *item, *group;
	int64_t position;
	const char *user; /* NULL: u */
};

static struct arrival
arrival_of(const struct said *said)
{
	return (struct arrival){
		.id = bytes_of_text(said->id),
		.stage = said->stage,
		.at = said->at,
		.item = bytes_of_text(said->item),
		.position = said->position,
		.marker = {{bytes_of_text(said->group), bytes_of_text("s"), bytes_of_text("m"), bytes_of_text("p"),
			    bytes_of_text(said->user ? said->user : "u")}},
	};
}

/* The findings about impression "a", as "kind.hop.field[expected>actual]xcount ...". */
static const char *
findings_of(const struct said *list, const int *order, int count)
{
	static char text[1024];
	struct response response;
	struct bytes value = {0};
	struct verdict verdict;
	struct reach reach;
	size_t size = 0;

	for (int i = 0; i < count; i++) {
		struct arrival arrival = arrival_of(&list[order[i]]);

		response_read(value, &context, &response);
		check(response_add(&response, &arrival, &limits, &context));
		check_ok(response_write(&response, &context, &value, &err));
	}
	response_read(value, &context, &response);
	reach = reach_of(&response);
	text[0] = '\0';
	for (uint32_t i = 0; i < response.impression_count; i++) {
		if (!bytes_equal(response.impressions[i].id, bytes_of_text("a")))
			continue;
		verdict_of(&response, &response.impressions[i], &reach, &verdict);
		for (int j = 0; j < verdict.count; j++) {
			const struct finding *finding = &verdict.findings[j];
			char rooms[2][FIELD_ROOM];

			size += (size_t)snprintf(text + size, sizeof(text) - size, "%d.%d.%d", finding->kind,
						 finding->hop, finding->field);
			if (finding->kind == ALTERED) {
				struct bytes expected = version_text(&response, finding->expected, finding->field,
								     rooms[0]);
				struct bytes actual = version_text(&response, finding->actual, finding->field,
								   rooms[1]);

				size += (size_t)snprintf(text + size, sizeof(text) - size, "[%.*s>%.*s]",
							 bytes_arguments(expected), bytes_arguments(actual));
			}
			size += (size_t)snprintf(text + size, sizeof(text) - size, "x%u ", finding->count);
		}
		snprintf(text + size, sizeof(text) - size, "%s", verdict.not_reached ? "not reached" : "");
	}
	context_fini(&context);
	return text;
}

#define SAID_MAX 7

/* Every order of the list (Heap's algorithm). */
static void
check_orders(const struct said *list, int count, const char *wanted)
{
	int order[SAID_MAX], counters[SAID_MAX] = {0};

	for (int i = 0; i < count; i++)
		order[i] = i;
	check_text(findings_of(list, order, count), wanted);
	for (int i = 0; i < count;) {
		int with = i % 2 ? counters[i] : 0, swapped = order[with];

		if (counters[i] >= i) {
			counters[i++] = 0;
			continue;
		}
		order[with] = order[i];
		order[i] = swapped;
		check_text(findings_of(list, order, count), wanted);
		counters[i]++;
		i = 0;
	}
}

TEST(what_matched_has_no_finding)
{
	static const struct said list[] = {{"a", RETURNED, 10, "v", "g", 1},
					   {"a", DELIVERED, 20, "v", "g", 1},
					   {"a", RECEIVED, 30, "v", "g", 1},
					   {"a", EXPOSED, 40, "v", "g", 1}};

	check_orders(list, 4, "");
}

TEST(altered_and_duplicated_at_once)
{
	static const struct said list[] = {
		{"a", RETURNED, 10, "v", "g", 1}, {"a", DELIVERED, 20, "w", "g", 1}, {"a", DELIVERED, 20, "x", "g", 1},
		{"a", RECEIVED, 40, "x", "h", 2}, {"a", EXPOSED, 30, "x", "i", 1},   {"a", EXPOSED, 30, "x", "i", 3},
	};

	/* Of two entries of a time, the one that says less comes first, so that no order of arrival decides. */
	check_orders(list, 6, "1.3.0x2 1.4.0x2 3.0.1[v>w]x1 3.1.2[1>3]x1 3.1.3[g>i]x1 ");
}

TEST(absences_and_the_reach_of_the_client)
{
	static const struct said lost[] = {{"a", RETURNED, 10, "v", "g", 1}, {"a", EXPOSED, 40, "v", "g", 1}};
	static const struct said phantom[] = {{"a", DELIVERED, 20, "v", "g", 1}, {"b", RECEIVED, 20, "v", "g", 0}};
	static const struct said above[] = {{"a", RETURNED, 10, "v", "g", 1},
					    {"a", DELIVERED, 20, "v", "g", 1},
					    {"b", DELIVERED, 20, "v", "g", 2},
					    {"b", EXPOSED, 20, "v", "g", 2}};
	static const struct said beside[] = {{"a", RETURNED, 10, "v", "g", 1},
					     {"a", DELIVERED, 20, "v", "g", 1},
					     {"b", DELIVERED, 20, "v", "g", 1},
					     {"b", EXPOSED, 20, "v", "g", 1}};
	static const struct said claimed[] = {{"a", RETURNED, 10, "v", "g", 1},
					      {"a", DELIVERED, 20, "v", "g", 1},
					      {"b", DELIVERED, 20, "v", "g", 0},
					      {"b", EXPOSED, 20, "v", "g", 2}};
	static const struct said invented[] = {
		{"a", RETURNED, 10, "v", "g", 1}, {"a", DELIVERED, 20, "v", "g", 1}, {"b", EXPOSED, 20, "v", "g", 2}};

	check_orders(lost, 2, "0.0.0x1 ");
	check_orders(phantom, 2, "2.0.0x1 0.1.0x1 ");
	check_orders(above, 4, "0.1.0x1 ");
	check_orders(beside, 4, "not reached");
	check_orders(claimed, 4, "not reached"); /* where the client says that it showed it is no evidence */
	check_orders(invented, 3, "not reached");
}

TEST(a_response_that_was_delivered_to_another_user_is_altered)
{
	static const struct said list[] = {{"a", RETURNED, 10, "v", "g", 1, "u1"},
					   {"a", DELIVERED, 20, "v", "g", 1, "u2"},
					   {"a", RECEIVED, 30, "v", "g", 1, "u2"}};

	check_orders(list, 3, "3.0.7[u1>u2]x1 ");
}

TEST(a_user_that_an_earlier_version_did_not_keep_is_not_compared)
{
	struct response response;
	struct arrival arrival = arrival_of(&(struct said){"a", RETURNED, 10, "v", "g", 1, "u1"});
	struct bytes value = {0};
	struct verdict verdict;
	struct reach reach;

	response_read(value, &context, &response);
	check(response_add(&response, &arrival, &limits, &context));
	response.markers[0].texts[USER] = (struct bytes){0};
	check_ok(response_write(&response, &context, &value, &err));
	response_read(value, &context, &response);
	arrival.stage = DELIVERED;
	check(response_add(&response, &arrival, &limits, &context));
	reach = reach_of(&response);
	verdict_of(&response, &response.impressions[0], &reach, &verdict);
	check_int(verdict.count, 0);
	context_fini(&context);
}

TEST(an_alteration_that_is_taken_back_is_found_at_the_first_hop_only)
{
	static const struct said list[] = {
		{"a", RETURNED, 10, "v", "g", 1}, {"a", DELIVERED, 20, "w", "g", 1}, {"a", RECEIVED, 30, "v", "h", 1}};

	check_orders(list, 3, "3.0.1[v>w]x1 3.1.3[g>h]x1 ");
}
