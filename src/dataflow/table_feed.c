#include "dataflow/table_feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/dead_letter_pass.h"
#include "dataflow/topic_record.h"

#define LOAD_WAIT_MS 20	      /* for records that are on their way */
#define ENDS_TRIES_MAX 30     /* each waits a moment for the answer */
#define LOAD_PROGRESS_MS 2000 /* a load that takes longer says how far it is, this often */

/* Gives up soon where the log does not answer: who calls notices a stop in between, and calls again. */
static int
ask_ends(const struct table_feed *feed, int partition, struct partition_ends *out, struct error *err)
{
	int64_t since_us = clock_monotonic_us();
	int result = -1;

	for (int i = 0; i < ENDS_TRIES_MAX && result < 0; i++) {
		result = log_ends_since(feed->job->log, feed->log_topic, partition, since_us, out, err);
		if (result < 0 && err->action != RETRY)
			break;
	}
	return result;
}

static int
open_readers(struct table_feed *feed, struct error *err)
{
	for (int i = 0; i < feed->partitions; i++) {
		struct partition_ends ends;

		if (ask_ends(feed, i, &ends, err) < 0 ||
		    log_reader_open(feed->job->log, feed->log_topic, i, ends.start, &feed->readers[i], err) < 0)
			return -1;
		feed->next[i] = ends.start;
	}
	return 0;
}

int
table_feed_open(struct job *job, struct job_operator *operator, int port, struct table_feed **out, struct error *err)
{
	struct table_feed *feed = memory_new(sizeof(*feed));
	int topic = operator->spec->tables[port];
	struct global_table_config config = {.readers = operator->workers};

	feed->job = job;
	feed->operator = operator;
	feed->port = port;
	feed->taking = -1;
	feed->topic = &job->topology->topics[topic];
	feed->log_topic = job->topics[topic];
	feed->partitions = (int)feed->topic->partitions;
	config.name = feed->topic->name;
	config.bytes_max = feed->topic->table_size;
	config.versions = feed->topic->table_versions;
	feed->table = global_table_new(&config);
	feed->readers = memory_new_array((size_t)feed->partitions, sizeof(*feed->readers));
	feed->next = memory_new_array((size_t)feed->partitions, sizeof(*feed->next));
	feed->dropped = memory_new_array((size_t)feed->partitions, sizeof(*feed->dropped));
	feed->refused_bytes_max = (int64_t)((double)feed->topic->table_size * TABLE_REFUSED_SHARE);
	if (feed->refused_bytes_max > TABLE_REFUSED_BYTES_MAX)
		feed->refused_bytes_max = TABLE_REFUSED_BYTES_MAX;
	record_init(&feed->record, feed->topic->schema->root);
	pthread_mutex_init(&feed->lock, NULL);
	if (self_open(&feed->self, job, operator, err) < 0 || open_readers(feed, err) < 0) {
		table_feed_close(&feed);
		return -1;
	}
	*out = feed;
	return 0;
}

static int64_t
refused_bytes(const struct table_refused *refused)
{
	return (int64_t)(sizeof(*refused) + refused->key.size + refused->value.size);
}

static void
free_refused(struct table_feed *feed, struct table_refused **pointer)
{
	feed->refused_bytes -= refused_bytes(*pointer);
	memory_free(pointer);
}

void
table_feed_close(struct table_feed **pointer)
{
	struct table_feed *feed = *pointer;

	if (!feed)
		return;
	for (int i = 0; i < feed->partitions; i++)
		reader_close(&feed->readers[i]);
	self_close(&feed->self);
	global_table_free(&feed->table);
	series_set_fini(&feed->series);
	for (struct table_refused *next; feed->refused_first; feed->refused_first = next) {
		next = feed->refused_first->next;
		free_refused(feed, &feed->refused_first);
	}
	pthread_mutex_destroy(&feed->lock);
	record_fini(&feed->record);
	arena_fini(&feed->arena);
	buffer_fini(&feed->held);
	memory_free(&feed->readers);
	memory_free(&feed->next);
	memory_free(&feed->dropped);
	memory_free(pointer);
}

/* ---- what is refused ---- */

static struct bytes
copy_behind(uint8_t **to, struct bytes from)
{
	struct bytes copy = bytes_of(*to, from.size);

	if (!from.data)
		return from;
	memcpy(*to, from.data, from.size);
	*to += from.size;
	return copy;
}

/* Room for a newer one. Nobody may miss the oldest: that is known when somebody asks for it. */
static void
drop_oldest(struct table_feed *feed)
{
	struct table_refused *oldest = feed->refused_first;
	struct table_dropped *dropped = &feed->dropped[oldest->partition];

	if (dropped->count++ == 0)
		dropped->from = oldest->offset;
	dropped->next = oldest->next_offset;
	dropped->timestamp_ms = oldest->timestamp_ms;
	feed->refused_first = oldest->next;
	free_refused(feed, &oldest);
}

static void
keep_refused(struct table_feed *feed, int partition, const struct log_record *record, const struct error *reason)
{
	struct bytes key = dead_letter_cut_key(record->key), value = dead_letter_cut_value(record->value);
	struct table_refused *refused = memory_new(sizeof(*refused) + key.size + value.size);
	uint8_t *behind = (uint8_t *)(refused + 1);

	refused->partition = partition;
	refused->offset = record->offset;
	refused->next_offset = record->offset + 1;
	refused->timestamp_ms = record->timestamp_ms;
	refused->key = copy_behind(&behind, key);
	refused->value = copy_behind(&behind, value);
	refused->value_size = record->value.size;
	memcpy(refused->reason, reason->text, sizeof(refused->reason));
	pthread_mutex_lock(&feed->lock);
	if (feed->refused_first)
		feed->refused_last->next = refused;
	else
		feed->refused_first = refused;
	feed->refused_last = refused;
	feed->refused_bytes += refused_bytes(refused);
	while (feed->refused_bytes > feed->refused_bytes_max && feed->refused_first != refused)
		drop_oldest(feed);
	pthread_mutex_unlock(&feed->lock);
	atomic_fetch_add(&feed->refused_count, 1);
}

/* One record for all that are gone of the partition, from `offset` on. */
static int
take_dropped(struct table_feed *feed, int partition, int64_t offset,
	     int (*take)(void *argument, const struct table_refused *refused, struct error *err), void *argument,
	     struct error *err)
{
	const struct table_dropped *dropped = &feed->dropped[partition];
	struct table_refused stand_in = {
		.partition = partition,
		.offset = dropped->from > offset ? dropped->from : offset,
		.next_offset = dropped->next,
		.lost = dropped->count,
		.timestamp_ms = dropped->timestamp_ms,
	};

	if (dropped->next <= offset)
		return 0;
	snprintf(stand_in.reason, sizeof(stand_in.reason),
		 "refused records up to offset %" PRId64 ", at most %" PRId64
		 " of them, have no letters of their own: more than %" PRId64
		 " bytes of them had to wait; this one stands for all",
		 dropped->next - 1, dropped->count, feed->refused_bytes_max);
	return take(argument, &stand_in, err);
}

int
table_feed_refused(struct table_feed *feed, int partition, int64_t offset,
		   int (*take)(void *argument, const struct table_refused *refused, struct error *err), void *argument,
		   struct error *err)
{
	int result;

	pthread_mutex_lock(&feed->lock);
	result = take_dropped(feed, partition, offset, take, argument, err);
	for (struct table_refused *refused = feed->refused_first; refused && result == 0; refused = refused->next)
		if (refused->partition == partition && refused->offset >= offset)
			result = take(argument, refused, err);
	pthread_mutex_unlock(&feed->lock);
	return result;
}

void
table_feed_forget(struct table_feed *feed, int partition, int64_t offset)
{
	struct table_refused *last = NULL;

	pthread_mutex_lock(&feed->lock);
	if (feed->dropped[partition].next <= offset)
		feed->dropped[partition] = (struct table_dropped){0};
	for (struct table_refused **at = &feed->refused_first; *at;) {
		struct table_refused *refused = *at;

		if (refused->partition == partition && refused->offset < offset) {
			*at = refused->next;
			free_refused(feed, &refused);
		} else {
			last = refused;
			at = &refused->next;
		}
	}
	feed->refused_last = last;
	pthread_mutex_unlock(&feed->lock);
}

/* ---- what is held ---- */

static int
hold(struct table_feed *feed, const struct log_record *from, int64_t now_ms, struct error *err)
{
	struct bytes series = {0};

	feed->record.key = key_of(from->key);
	if (!from->value.data) {
		if (from->key.data)
			global_table_remove(feed->table, feed->record.key);
		return 0;
	}
	arena_reset(&feed->arena);
	buffer_clear(&feed->held);
	if (topic_record_decode(feed->topic, from, now_ms, &feed->record, &feed->arena, err) < 0 ||
	    feed->operator->spec->type->hold(feed->self.of, feed->port, &feed->record, &feed->held, &series, err) < 0 ||
	    global_table_put(feed->table, feed->record.key, feed->record.time_ms, buffer_bytes(&feed->held), err) < 0)
		return -1;
	if (series.data)
		series_set_note(&feed->series, series, feed->record.time_ms);
	return 0;
}

/* As for an input (worker.c): one too many is not counted, and stays. */
static bool
is_borne(struct table_feed *feed, int partition, const struct log_record *from, const char *reason)
{
	const struct topology_operator *spec = feed->operator->spec;
	struct dead_letter_window window = feed->window;

	if (from->offset < dead_letter_pass_until(feed->operator, feed->log_topic, partition))
		return true;
	dead_letter_window_add(&window, true, reason);
	if (dead_letter_window_check(&window, spec->dead_letter_limit, spec->name, feed->topic->name,
				     &feed->over_reason) < 0) {
		atomic_store(&feed->over, true);
		return false;
	}
	feed->window = window;
	return true;
}

int
table_feed_check(struct table_feed *feed, struct error *err)
{
	if (!atomic_load(&feed->over))
		return 0;
	*err = feed->over_reason;
	return -1;
}

static int
take(struct table_feed *feed, int partition, const struct log_record *from, int64_t now_ms, struct error *err)
{
	struct error reason;

	if (hold(feed, from, now_ms, err) == 0) {
		dead_letter_window_add(&feed->window, false, NULL);
		return 0;
	}
	if (err->action != SKIP)
		return -1;
	reason = *err;
	if (is_borne(feed, partition, from, reason.text))
		keep_refused(feed, partition, from, &reason);
	return 0;
}

/* The rest of what was fetched. RETRY: the table has no room until its readers have passed; the next turn goes on. */
static int
take_rest(struct table_feed *feed, struct error *err)
{
	int partition = feed->taking;
	int64_t now_ms;

	if (partition < 0)
		return 0;
	now_ms = job_wall_ms(feed->job);
	for (; feed->taken < feed->batch.count; feed->taken++) {
		if (take(feed, partition, &feed->batch.records[feed->taken], now_ms, err) < 0)
			return -1;
		if (feed->over)
			return 0;
	}
	feed->next[partition] = feed->batch.next;
	feed->taking = -1;
	return 0;
}

/* What has come of one partition, one batch. */
static int
take_batch(struct table_feed *feed, int partition, int64_t wait_ms, bool *progress, struct error *err)
{
	if (log_topic_look(feed->job->log, feed->log_topic, err) < 0 ||
	    reader_fetch(feed->readers[partition], wait_ms, &feed->batch, err) < 0)
		return -1;
	feed->taking = partition;
	feed->taken = 0;
	*progress |= feed->batch.count != 0;
	return take_rest(feed, err);
}

/* The wait is on another partition each time: a share of it for each would be none where there are many. */
static int
take_all(struct table_feed *feed, int64_t wait_ms, bool *progress, struct error *err)
{
	if (take_rest(feed, err) < 0)
		return -1;
	for (int i = 0; i < feed->partitions && !feed->over; i++)
		if (take_batch(feed, i, 0, progress, err) < 0)
			return -1;
	if (*progress || wait_ms <= 0 || feed->over)
		return 0;
	feed->waited = (feed->waited + 1) % feed->partitions;
	return take_batch(feed, feed->waited, wait_ms, progress, err);
}

int
table_feed_turn(struct table_feed *feed, int64_t wait_ms, bool *progress, struct error *err)
{
	struct timespec pause = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};

	*progress = false;
	if (feed->over) {
		nanosleep(&pause, NULL);
		return 0;
	}
	if (take_all(feed, wait_ms, progress, err) < 0)
		return fail_in(err, "the global table %s of operator %s", feed->topic->name,
			       feed->operator->spec->name);
	return 0;
}

/* ---- loading ---- */

struct load {
	int64_t *ends; /* by partition: where to get */
	int64_t all, started_us, said_us;
};

static int64_t
left_of(const struct table_feed *feed, const struct load *load)
{
	int64_t left = 0;

	for (int i = 0; i < feed->partitions; i++)
		if (feed->next[i] < load->ends[i])
			left += load->ends[i] - feed->next[i];
	return left;
}

static void
say(const struct table_feed *feed, struct load *load)
{
	int64_t now_us = clock_monotonic_us(), left = left_of(feed, load);
	double part = load->all > 0 ? (double)(load->all - left) / (double)load->all : 1;

	if (now_us - load->said_us < (int64_t)LOAD_PROGRESS_MS * 1000)
		return;
	load->said_us = now_us;
	logger_info("table_loading", "operator=%s topic=%s percent=%.0f rows=%" PRId64 " bytes=%" PRId64 " eta_s=%.0f",
		    feed->operator->spec->name, feed->topic->name, part * 100, global_table_rows(feed->table),
		    global_table_bytes(feed->table),
		    part > 0 ? (double)(now_us - load->started_us) / 1e6 * (1 - part) / part : 0);
}

static int
find_ends(const struct table_feed *feed, struct load *load, struct error *err)
{
	for (int i = 0; i < feed->partitions; i++) {
		struct partition_ends ends;

		if (ask_ends(feed, i, &ends, err) < 0)
			return -1;
		load->ends[i] = ends.pending_end;
	}
	load->all = left_of(feed, load);
	load->started_us = load->said_us = clock_monotonic_us();
	return 0;
}

static int
read_to_ends(struct table_feed *feed, struct load *load, bool (*stop)(void *argument), void *argument,
	     struct error *err)
{
	bool progress;

	while (left_of(feed, load) > 0 && !feed->over && !(stop && stop(argument))) {
		if (table_feed_turn(feed, LOAD_WAIT_MS, &progress, err) < 0)
			return -1;
		say(feed, load);
	}
	logger_info("table_loaded", "operator=%s topic=%s rows=%" PRId64 " bytes=%" PRId64 " ms=%" PRId64,
		    feed->operator->spec->name, feed->topic->name, global_table_rows(feed->table),
		    global_table_bytes(feed->table), (clock_monotonic_us() - load->started_us) / 1000);
	return 0;
}

int
table_feed_load(struct table_feed *feed, bool (*stop)(void *argument), void *argument, struct error *err)
{
	struct load load = {.ends = memory_new_array((size_t)feed->partitions, sizeof(*load.ends))};
	int result = find_ends(feed, &load, err);

	if (result == 0)
		result = read_to_ends(feed, &load, stop, argument, err);
	memory_free(&load.ends);
	return result;
}
