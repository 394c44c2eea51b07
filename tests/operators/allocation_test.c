/* The hot path asks the heap for nothing: counted, by putting a counter in front of malloc. */
#include <stdio.h>
#include <stdlib.h>

#include "dataflow/driver.h"
#include "operators/operators.h"
#include "tests/test.h"

#define RECORDS 20000
#define ALLOCATIONS_PER_RECORD_MAX 0.02 /* fetches and commits, which are batched, take a few */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

TEST(a_record_through_the_join_costs_no_allocation)
{
	test_skip("the sanitizer has a malloc of its own");
}

#else

static _Thread_local int64_t allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);

void *
malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}

static void
send(struct driver *driver, int from, int count)
{
	struct error err;
	char json[512];

	for (int i = from; i < from + count; i++) {
		snprintf(
			json, sizeof(json),
			"{\"impression_id\": \"i%d\", \"user_id_token\": \"u%d\", \"item_id\": \"x\", \"position\": 1, "
			"\"shown_at\": %lld, \"source\": \"ranked\", \"duration_seconds\": 10}",
			i, i % 100, (long long)DRIVER_START_MS + i);
		check_ok(driver_send(driver, "impressions", json, &err));
		snprintf(json, sizeof(json),
			 "{\"engagement_id\": \"e%d\", \"impression_id\": \"i%d\", \"user_id_token\": \"u\", "
			 "\"item_id\": "
			 "\"x\", \"action\": \"view\", \"watched_seconds\": 3.5, \"occurred_at\": %lld}",
			 i, i, (long long)DRIVER_START_MS + i + 5);
		check_ok(driver_send(driver, "engagements", json, &err));
	}
}

TEST(a_record_through_the_join_costs_no_allocation)
{
	const char *const overrides[] = {"operators.join.window=1s", "operators.join.grace=0ms",
					 "operators.join.correction_horizon=2s", "operators.join.orphan_wait=1s", NULL};
	struct driver *driver;
	struct error err;
	double per_record;
	int64_t before;

	check_ok(driver_open("topologies/engagement.yaml", overrides, operators_table, &driver, &err));
	for (int i = 0; i < 5; i++) { /* buffers, caches and queues reach their sizes */
		send(driver, i * RECORDS, RECORDS);
		check_ok(driver_run(driver, &err));
	}
	send(driver, 5 * RECORDS, RECORDS);
	before = allocations;
	check_ok(driver_run(driver, &err));
	per_record = (double)(allocations - before) / (2.0 * RECORDS);
	fprintf(stderr, "    %.5f allocations a record\n", per_record);
	check(per_record <= ALLOCATIONS_PER_RECORD_MAX);
	driver_close(&driver);
}

#endif
