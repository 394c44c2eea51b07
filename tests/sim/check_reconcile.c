#include <stdio.h>

#include "base/memory.h"
#include "tests/sim/batch.h"
#include "tests/sim/check.h"
#include "tests/sim/reading.h"

/* As the schema has them. */
static const char *const kind_names[] = {"lost", "duplicated", "phantom", "altered", "late"};

/* The last row of a mismatch. */
struct told {
	int revision; /* 0: none */
	int kind, count;
};

struct mismatches {
	const struct feed *feed;
	struct told (*told)[BATCH_MISMATCHES]; /* by impression */
};

static int
take_mismatch(void *argument, const struct record *record, struct error *err)
{
	struct mismatches *mismatches = argument;
	int impression = number_of(record, "impression_id", mismatches->feed->request_count * FEED_PER_RESPONSE);
	bool of_item = !record_is_null(record, field_of(record, "field", SCHEMA_STRING));
	int hop = (int)record_integer(record, field_of(record, "hop", SCHEMA_ENUM));
	int revision = (int)record_integer(record, field_of(record, "revision", SCHEMA_INT));
	struct told *told;

	if (impression < 0)
		return fail(err, FATAL, "a mismatch of something that was never logged");
	told = &mismatches->told[impression][of_item ? BATCH_HOPS + hop : hop];
	if (revision != told->revision + 1)
		return fail(err, FATAL, "impression d%d has revision %d behind revision %d", impression, revision,
			    told->revision);
	*told = (struct told){
		.revision = revision,
		.kind = (int)record_integer(record, field_of(record, "kind", SCHEMA_ENUM)),
		.count = (int)record_integer(record, field_of(record, "count", SCHEMA_INT)),
	};
	return 0;
}

/* What there is none of may have been told before the last log entry came: it is late then. */
static int
check_mismatch(const struct told *told, const struct batch_mismatch *wanted, struct error *err)
{
	if (wanted->kind < 0 && (told->revision == 0 || told->kind == BATCH_LATE))
		return 0;
	if (wanted->kind >= 0 && told->revision > 0 && told->kind == wanted->kind && told->count == wanted->count)
		return 0;
	return fail(err, FATAL, "is %s (%d), not %s (%d)", told->revision ? kind_names[told->kind] : "nothing",
		    told->count, wanted->kind >= 0 ? kind_names[wanted->kind] : "nothing", wanted->count);
}

int
check_reconcile(struct world *world, struct error *err)
{
	int count = world->feed.request_count * FEED_PER_RESPONSE, result;
	struct mismatches mismatches = {.feed = &world->feed};

	mismatches.told = memory_new_array((size_t)count, sizeof(*mismatches.told));
	result = read_topic(world, "mismatches", take_mismatch, &mismatches, err);
	for (int i = 0; i < count && result == 0; i++) {
		struct batch_mismatch wanted[BATCH_MISMATCHES];

		batch_mismatches(&world->feed, i / FEED_PER_RESPONSE, i % FEED_PER_RESPONSE, wanted);
		for (int k = 0; k < BATCH_MISMATCHES && result == 0; k++)
			if (check_mismatch(&mismatches.told[i][k], &wanted[k], err) < 0)
				result = fail_in(err, "impression d%d, mismatch %d", i, k);
	}
	memory_free(&mismatches.told);
	return result;
}

int
dump_reconcile(struct world *world, struct error *err)
{
	for (int i = FEED_ENGINE_LOG; i <= FEED_CLIENT_LOG; i++)
		dump_events(world, (enum feed_topic)i);
	return dump_rows(world, "mismatches", err);
}
