#include "operators/reconcile_response.h"

#include <stdio.h>

#include "dataflow/context.h"
#include "state/entry.h"
#include "tests/test.h"

static struct error err;
static struct context context = {.watermark_ms = 5000};

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
			    bytes_of_text("android")}},
	};
}

static void
add(struct response *response, const struct arrival *arrival)
{
	size_t size;

	check_ok(response_add(response, arrival, &context, &err));
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
	response.impressions[0].told_count = 1;
	response.impressions[0].told = &(struct told){
		.kind = 4, .hop = 4, .field = 5, .listed = true, .revision = 300, .count = 2, .digest = 0xdeadbeef};
	response = stored(&response, &size);
	check_int(response.base, 7000);
	check_int(response.floor, 5000);
	check_int(response.held_in, 1000);
	check(response.judged);
	check_int(response.impression_count, 1);
	check_int(response.marker_count, 2);
	impression = &response.impressions[0];
	check_bytes(impression->id, bytes_of_text("i1"));
	check_int(impression->version_count, 2);
	check_int(impression->versions[1].position, -4);
	check_bytes(response.markers[impression->versions[0].marker].texts[MODEL], bytes_of_text("ranker-8"));
	check_bytes(response.markers[impression->versions[1].marker].texts[MODEL], bytes_of_text(""));
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

/* What reconcile.c says at its head: about 100 bytes, and for each impression its id, its item and 20 bytes. */
#define RESPONSE_BYTES 120 /* with the entry's own, and the key */
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
	struct bytes value;

	memset(item, 'x', sizeof(item));
	arrival.item = bytes_of(item, sizeof(item));
	check_ok(response_add(&response, &arrival, &context, &err));
	check_fails(response_write(&response, &context, &value, &err), "bytes of state");
	check_int(err.action, SKIP);
	context_fini(&context);
}

TEST(log_entries_and_impressions_have_a_limit)
{
	struct response response = blank();
	struct arrival arrival = arrival_of("i", RETURNED, 7000);
	char id[16];

	for (int i = 0; i < IMPRESSION_ENTRIES_MAX; i++)
		add(&response, &arrival);
	check_fails(response_add(&response, &arrival, &context, &err), "200 log entries already");
	for (int i = 1; i < RESPONSE_IMPRESSIONS_MAX; i++) {
		snprintf(id, sizeof(id), "i%d", i);
		arrival = arrival_of(id, RETURNED, 7000);
		add(&response, &arrival);
	}
	arrival = arrival_of("more", RETURNED, 7000);
	check_fails(response_add(&response, &arrival, &context, &err), "1000 impressions already");
	check_int(err.action, SKIP);
	context_fini(&context);
}
