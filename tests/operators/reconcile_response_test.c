#include "operators/reconcile_response.h"

#include <stdio.h>

#include "dataflow/context.h"
#include "state/entry.h"
#include "tests/test.h"

static struct error err;
static struct context context = {.watermark_ms = 5000};
static const struct response_limits limits = {.impressions = 1000, .entries = 200};

static struct response
blank(void)
{
	struct response response;

	response_read((struct bytes){0}, &context, &response);
	return response;
}

/* Written and read again: an entry's round trip, which is also what makes room for the next addition. */
static struct response
stored(const struct response *response, size_t *size)
{
	struct response again;
	struct bytes value;

	check_ok(response_write(response, &context, &value, &err));
	*size = value.size;
	response_read(value, &context, &again);
	return again;
}

static struct arrival
arrival_of(const char *id, enum stage stage, int64_t at)
{
	return (struct arrival){
		.id = bytes_of_text(id),
		.stage = stage,
		.at = at,
		.item = bytes_of_text("v1234567"),
		.position = 3,
		.marker = {{bytes_of_text("treatment"), bytes_of_text("for_you"), bytes_of_text("ranker-8"),
			    bytes_of_text("android"), bytes_of_text("u-0123456789")}},
	};
}

static void
add(struct response *response, const struct arrival *arrival)
{
	size_t size;

	check(response_add(response, arrival, &limits, &context));
	*response = stored(response, &size);
}

TEST(what_is_written_is_read_again)
{
	struct response response = blank();
	struct arrival arrival = arrival_of("i1", RETURNED, 7000);
	const struct impression *impression;
	size_t size;

	add(&response, &arrival);
	arrival = arrival_of("i1", EXPOSED, 6500);
	arrival.position = -4;
	arrival.marker.texts[MODEL] = bytes_of_text("");
	add(&response, &arrival);
	response.held_in = 1000;
	response.judged = true;
	response.told_at = 7100;
	response.due_again = 9000;
	response.impressions[0].seen = 1;
	response.impressions[0].told_count = 1;
	response.impressions[0].told = &(struct told){
		.kind = 4, .hop = 4, .field = 5, .listed = true, .revision = 300, .count = 2, .digest = 0xdeadbeef};
	response = stored(&response, &size);
	check_int(response.base, 7000);
	check_int(response.floor, 5000);
	check_int(response.held_in, 1000);
	check(response.judged);
	check_int(response.told_at, 7100);
	check_int(response.due_again, 9000);
	check_int(response.impressions[0].seen, 1);
	check_int(response.impression_count, 1);
	check_int(response.marker_count, 2);
	impression = &response.impressions[0];
	check_bytes(impression->id, bytes_of_text("i1"));
	check_int(impression->version_count, 2);
	check_int(impression->versions[1].position, -4);
	check_bytes(response.markers[impression->versions[0].marker].texts[MODEL], bytes_of_text("ranker-8"));
	check_bytes(response.markers[impression->versions[1].marker].texts[MODEL], bytes_of_text(""));
	check_bytes(response.markers[impression->versions[1].marker].texts[USER], bytes_of_text("u-0123456789"));
	check_int(impression->entry_count, 2);
	check_int(impression->entries[1].at, 6500);
	check_int(impression->entries[1].stage, EXPOSED);
	check_int(impression->told_count, 1);
	check_int(impression->told[0].kind, 4);
	check_int(impression->told[0].hop, 4);
	check_int(impression->told[0].field, 5);
	check(impression->told[0].listed);
	check_int(impression->told[0].revision, 300);
	check_int(impression->told[0].digest, 0xdeadbeef);
	context_fini(&context);
}

TEST(a_response_was_made_when_its_earliest_log_says)
{
	struct response response = blank();
	struct arrival arrival = arrival_of("i1", EXPOSED, 100); /* a phone's clock is behind */

	add(&response, &arrival);
	check_int(response_anchor(&response), 100);
	arrival = arrival_of("i2", DELIVERED, 7020);
	add(&response, &arrival);
	check_int(response_anchor(&response), 7020);
	arrival = arrival_of("i1", RETURNED, 7010);
	add(&response, &arrival);
	arrival = arrival_of("i1", RETURNED, 7000);
	add(&response, &arrival);
	check_int(response_anchor(&response), 7000);
	context_fini(&context);
}

TEST(an_impression_of_which_only_the_hash_is_kept_is_found_by_its_id)
{
	struct response response = blank();
	struct arrival arrival = arrival_of("i1", RETURNED, 7000);
	size_t size;

	add(&response, &arrival);
	response.impressions[0].hash = key_of(arrival.id).hash;
	response.impressions[0].id = (struct bytes){0};
	response = stored(&response, &size);
	check(response.impressions[0].id.data == NULL);
	arrival = arrival_of("i2", RETURNED, 7000);
	add(&response, &arrival);
	check_int(response.impression_count, 2);
	arrival = arrival_of("i1", DELIVERED, 7000);
	add(&response, &arrival);
	check_int(response.impression_count, 2);
	check_bytes(response.impressions[0].id, bytes_of_text("i1"));
	check_int(response.impressions[0].entry_count, 2);
	context_fini(&context);
}

/* What reconcile.c says at its head: about 120 bytes, and for each impression its id, its item and 20 bytes. */
#define RESPONSE_BYTES 140 /* with the entry's own, and the key */
#define IMPRESSION_BYTES 20
#define ID_SIZE 36
#define ITEM_SIZE 8
#define POSITIONS 10

TEST(a_response_in_flight_and_one_that_was_judged_take_as_little_as_is_said)
{
	struct response response = blank();
	char ids[POSITIONS][ID_SIZE + 1];
	size_t size;

	for (int i = 0; i < POSITIONS; i++) {
		snprintf(ids[i], sizeof(ids[i]), "8c5d1f3a-6b0e-4a3f-9d1c-0123456789%02d", i);
		for (int stage = RETURNED; stage < STAGES; stage++) {
			struct arrival arrival = arrival_of(ids[i], (enum stage)stage, 7000 + 60 * stage + 500 * i);

			add(&response, &arrival);
		}
	}
	response = stored(&response, &size);
	size = entry_size(strlen("r000000157"), size);
	fprintf(stderr, "    in flight: %zu bytes for %d impressions", size, POSITIONS);
	check(size <= RESPONSE_BYTES + POSITIONS * (ID_SIZE + ITEM_SIZE + IMPRESSION_BYTES));
	response.judged = true;
	for (int i = 0; i < POSITIONS; i++)
		response.impressions[i].id = (struct bytes){0};
	stored(&response, &size);
	size = entry_size(strlen("r000000157"), size);
	fprintf(stderr, ", judged: %zu\n", size);
	check(size <= RESPONSE_BYTES + POSITIONS * (8 + ITEM_SIZE + IMPRESSION_BYTES));
	context_fini(&context);
}

TEST(nothing_from_outside_makes_a_response_larger_than_an_entry_may_be)
{
	struct response response = blank();
	struct arrival arrival = arrival_of("i", RETURNED, 7000);
	static char item[STORE_VALUE_SIZE_MAX];

	memset(item, 'x', sizeof(item));
	arrival.item = bytes_of(item, sizeof(item));
	check(!response_add(&response, &arrival, &limits, &context));
	context_fini(&context);
}

TEST(log_entries_and_impressions_have_a_limit)
{
	struct response response = blank();
	struct arrival arrival = arrival_of("i", RETURNED, 7000);
	struct response again;
	char id[16];
	size_t size;

	for (int i = 0; i < limits.entries; i++)
		add(&response, &arrival);
	again = stored(&response, &size);
	check(!response_add(&again, &arrival, &limits, &context));
	for (int i = 1; i < limits.impressions; i++) {
		snprintf(id, sizeof(id), "i%d", i);
		arrival = arrival_of(id, RETURNED, 7000);
		add(&response, &arrival);
	}
	arrival = arrival_of("more", RETURNED, 7000);
	check(!response_add(&response, &arrival, &limits, &context));
	context_fini(&context);
}

TEST(a_response_as_the_verdict_saw_it_is_without_what_came_since)
{
	struct response response = blank(), seen;
	struct arrival arrival = arrival_of("i1", DELIVERED, 7000);

	add(&response, &arrival);
	response.judged = true;
	response.due_again = 9000;
	arrival = arrival_of("i1", RECEIVED, 7100);
	add(&response, &arrival);
	arrival = arrival_of("i2", RETURNED, 6900);
	add(&response, &arrival);
	seen = response_seen(&response, &context);
	check_int(seen.impression_count, 1);
	check_int(seen.impressions[0].entry_count, 1);
	check_int(response_anchor(&seen), 7000);
	check_int(response.impression_count, 2);
	check_int(response.impressions[0].entry_count, 2);
	check_int(response_anchor(&response), 6900);
	context_fini(&context);
}

/* Judged, base 7000, floor 5000; one marker; impression "i" with one version and a log entry of each of two stages. */
static const uint8_t layout_0[] = {
	1 << 0 | 1 << 2,
	0x58,
	0x1b,
	0,
	0,
	0,
	0,
	0,
	0, /* flags, base */
	0x9f,
	0x1f, /* floor - base: -2000 */
	1,
	1,
	'a',
	1,
	's',
	1,
	'm',
	1,
	'w', /* markers */
	1,   /* impressions */
	1 << 2,
	1,
	'i',
	1,
	'v',
	6,
	0, /* one version: item, position 3, marker */
	2,
	0,
	0,
	1,
	40, /* log entries */
};

TEST(a_response_of_layout_0_is_one_of_which_the_user_is_not_known)
{
	struct response response;
	const struct impression *impression;
	size_t size;

	response_read(bytes_of(layout_0, sizeof(layout_0)), &context, &response);
	response = stored(&response, &size);
	check(response.judged);
	check_int(response.base, 7000);
	check_int(response.floor, 5000);
	check_int(response.told_at, TIME_MIN);
	check_int(response.due_again, TIME_MAX);
	check_int(response.marker_count, 1);
	check_bytes(response.markers[0].texts[PLATFORM], bytes_of_text("w"));
	check(response.markers[0].texts[USER].data == NULL);
	check_int(response.impression_count, 1);
	impression = &response.impressions[0];
	check_bytes(impression->id, bytes_of_text("i"));
	check_int(impression->versions[0].position, 3);
	check_int(impression->entry_count, 2);
	check_int(impression->seen, 2);
	check_int(impression->entries[1].at, 7020);
	check_int(impression->entries[1].stage, DELIVERED);
	context_fini(&context);
}
