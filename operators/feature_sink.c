/*
 * feature_sink: puts the rows of a compacted topic where they are read when a page is ranked.
 *
 * Rows are gathered in a batch; before a commit the batch goes to the store, and the commit begins when each of its
 * rows is settled there. While the store is out of reach nothing is committed and nothing more gathered: the lag grows,
 * and all goes on in order when the store is back. After a kill rows are sent again, which changes nothing: of two rows
 * of a user the newer one by (updated_at, revision) wins, and the store decides that in one step with the writing.
 *
 *     sink:
 *       type: feature_sink
 *       inputs: {histories: user_histories}
 *       store: redis
 *       address: 127.0.0.1:6379
 *       project: reco
 *
 * A user is an entity with the join key user_id_token; the features are lists with an item for each action.
 */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "operators/feature_sink_store.h"
#include "operators/operators.h"

#define SINK_ROWS_MAX 4096		 /* gathered before a commit is asked for */
#define SINK_BYTES_MAX (8 * 1024 * 1024) /* likewise */
#define NOT_WATCHED (-1.0)		 /* lists have no nulls */

enum { INPUT_HISTORIES };
enum sink_counter { WRITTEN, OLDER, REFUSED, FRESH_1S, FRESH_10S, FRESH_1MIN, FRESH_LATER };

/* A row that was handed to the writer, and the record it is from, should it be refused. */
struct gathered {
	int task;
	bool settled; /* counted; it waits for the rows of other tasks */
	int64_t offset, timestamp_ms;
	size_t at, key_size, value_size; /* in batch.bytes: key, then value */
};

/* Rows in the order in which the writer has them. */
struct batch {
	struct feature_writer *writer;
	struct gathered *rows;
	size_t count, capacity;
	size_t unsettled;
	struct buffer bytes;
};

struct sink {
	struct feature_store_config config;
	char *directory, *project, *view_name;
	int64_t ttl_ms;
	struct feature_store *store;
	struct feature_view *view;
	struct batch *batch;
	struct {
		struct field user, actions, updated_at, revision;
		struct field engagement, item, action, watched, occurred_at; /* of an item of `actions` */
		size_t width;
	} row;
};

/* ---- opening ---- */

enum { ENGAGEMENT_IDS, ITEM_IDS, ACTIONS, WATCHED_SECONDS, OCCURRED_AT, FEATURES };

static const struct feature_column key_columns[] = {{"user_id_token", FEATURE_STRING, false}, {.name = NULL}};
static const struct feature_column feature_columns[] = {
	[ENGAGEMENT_IDS] = {"engagement_ids", FEATURE_STRING, true},
	[ITEM_IDS] = {"item_ids", FEATURE_STRING, true},
	[ACTIONS] = {"actions", FEATURE_STRING, true},
	[WATCHED_SECONDS] = {"watched_seconds", FEATURE_DOUBLE, true},
	[OCCURRED_AT] = {"occurred_at", FEATURE_UNIX_TIME, true},
	[FEATURES] = {.name = NULL},
};

static int
open_fields(struct sink *sink, const struct schema *schema, struct error *err)
{
	const struct schema *item;

	if (record_field(schema, "user_id_token", SCHEMA_STRING, &sink->row.user, err) < 0 ||
	    record_field(schema, "actions", SCHEMA_ARRAY, &sink->row.actions, err) < 0 ||
	    record_field(schema, "updated_at", SCHEMA_LONG, &sink->row.updated_at, err) < 0 ||
	    record_field(schema, "revision", SCHEMA_LONG, &sink->row.revision, err) < 0)
		return -1;
	item = sink->row.actions.schema->items;
	if (item->type != SCHEMA_RECORD || item->by_reference)
		return fail(err, FATAL, "the items of the field actions of %s have to be plain records", schema->name);
	sink->row.width = (size_t)item->width;
	if (record_field(item, "engagement_id", SCHEMA_STRING, &sink->row.engagement, err) < 0 ||
	    record_field(item, "item_id", SCHEMA_STRING, &sink->row.item, err) < 0 ||
	    record_field(item, "action", SCHEMA_ENUM, &sink->row.action, err) < 0 ||
	    record_field(item, "watched_seconds", SCHEMA_DOUBLE, &sink->row.watched, err) < 0 ||
	    record_field(item, "occurred_at", SCHEMA_LONG, &sink->row.occurred_at, err) < 0)
		return -1;
	return 0;
}

static int
open_store(struct sink *sink, const struct context *context, struct error *err)
{
	struct feature_store_config config = sink->config;
	char *directory = NULL;
	int result;

	if (config.type == FEATURE_STORE_EMBEDDED && sink->directory[0])
		directory = memory_text(sink->directory);
	else if (config.type == FEATURE_STORE_EMBEDDED && context_directory(context))
		directory = memory_format("%s/features", context_directory(context));
	config.directory = directory;
	result = feature_sink_store_open(&config, &sink->store, err);
	memory_free(&directory);
	return result;
}

static void
sink_close(void *self)
{
	struct sink *sink = self;

	if (sink->batch) {
		feature_writer_close(&sink->batch->writer);
		memory_free(&sink->batch->rows);
		buffer_fini(&sink->batch->bytes);
		memory_free(&sink->batch);
	}
	if (sink->store)
		feature_sink_store_close(&sink->store);
	if (sink->view)
		feature_view_free(&sink->view);
}

static int
sink_open(void *self, struct context *context, struct error *err)
{
	struct sink *sink = self;
	struct feature_view_spec spec = {
		.project = sink->project,
		.name = sink->view_name,
		.keys = key_columns,
		.features = feature_columns,
		.ttl_ms = sink->ttl_ms,
	};

	if (open_fields(sink, context_input_schema(context, INPUT_HISTORIES), err) < 0 ||
	    feature_view_new(&spec, &sink->view, err) < 0 || open_store(sink, context, err) < 0) {
		sink_close(self);
		return -1;
	}
	sink->batch = memory_new(sizeof(*sink->batch));
	sink->batch->writer = feature_writer_open(sink->store);
	return 0;
}

/* ---- rows ---- */

/* The items of `actions` as columns; what they point to lives as long as the record, or the hook. */
static void
read_features(const struct sink *sink, const struct record *record, struct context *context,
	      struct feature_value *features)
{
	const union slot *slots = record->slots + sink->row.actions.slot;
	const char *const *symbols = sink->row.action.schema->symbols;
	size_t count = slots->array.count;
	struct bytes *engagements = context_take(context, count * sizeof(*engagements));
	struct bytes *items = context_take(context, count * sizeof(*items));
	struct bytes *actions = context_take(context, count * sizeof(*actions));
	double *watched = context_take(context, count * sizeof(*watched));
	int64_t *occurred_at = context_take(context, count * sizeof(*occurred_at));
	struct record item = {.slots = slots->array.items};

	for (size_t i = 0; i < count; i++, item.slots += sink->row.width) {
		engagements[i] = record_bytes(&item, sink->row.engagement);
		items[i] = record_bytes(&item, sink->row.item);
		actions[i] = bytes_of_text(symbols[record_integer(&item, sink->row.action)]);
		watched[i] = record_is_null(&item, sink->row.watched) ? NOT_WATCHED
								      : record_real(&item, sink->row.watched);
		occurred_at[i] = record_integer(&item, sink->row.occurred_at) / 1000;
	}
	features[ENGAGEMENT_IDS] = (struct feature_value){.items = engagements, .count = count};
	features[ITEM_IDS] = (struct feature_value){.items = items, .count = count};
	features[ACTIONS] = (struct feature_value){.items = actions, .count = count};
	features[WATCHED_SECONDS] = (struct feature_value){.items = watched, .count = count};
	features[OCCURRED_AT] = (struct feature_value){.items = occurred_at, .count = count};
}

static void
note_gathered(struct batch *batch, int task, struct raw_record raw)
{
	if (batch->count == batch->capacity) {
		batch->capacity = batch->capacity ? 2 * batch->capacity : 256;
		batch->rows = memory_resize_array(batch->rows, batch->capacity, sizeof(*batch->rows));
	}
	batch->rows[batch->count++] = (struct gathered){
		.task = task,
		.offset = raw.offset,
		.timestamp_ms = raw.timestamp_ms,
		.at = batch->bytes.size,
		.key_size = raw.key.size,
		.value_size = raw.value.size,
	};
	batch->unsettled++;
	buffer_put_bytes(&batch->bytes, raw.key);
	buffer_put_bytes(&batch->bytes, raw.value);
}

static int
sink_process(const void *self, int input, const struct record *record, struct context *context, struct error *err)
{
	const struct sink *sink = self;
	struct batch *batch = sink->batch;
	struct feature_value user = {.bytes = record_bytes(record, sink->row.user)};
	struct feature_value features[FEATURES] = {0};
	const struct feature_row row = {
		.keys = &user,
		.features = features,
		.time_ms = record_integer(record, sink->row.updated_at),
		.revision = record_integer(record, sink->row.revision),
	};

	read_features(sink, record, context, features);
	if (feature_writer_put(batch->writer, sink->view, &row, batch->count, err) < 0)
		return -1;
	note_gathered(batch, context_task(context), context_raw(context, input));
	if (batch->count >= SINK_ROWS_MAX || feature_writer_bytes(batch->writer) >= SINK_BYTES_MAX)
		context_commit_soon(context);
	return 0;
}

/* ---- the store's answer ---- */

static void
count_written(struct context *context, int64_t age_ms)
{
	enum sink_counter counter = age_ms < 1000    ? FRESH_1S
				    : age_ms < 10000 ? FRESH_10S
				    : age_ms < 60000 ? FRESH_1MIN
						     : FRESH_LATER;

	context_count(context, WRITTEN, 1);
	context_count(context, (int)counter, 1);
}

static int
settle(const struct batch *batch, size_t index, const struct feature_result *result, int64_t now_ms,
       struct context *context, struct error *err)
{
	const struct gathered *row = &batch->rows[index];
	const uint8_t *bytes = (const uint8_t *)batch->bytes.data + row->at;
	struct raw_record raw = {
		.offset = row->offset,
		.timestamp_ms = row->timestamp_ms,
		.key = bytes_of(bytes, row->key_size),
		.value = bytes_of(bytes + row->key_size, row->value_size),
	};

	insist(result->outcome != FEATURE_PENDING);
	if (result->outcome == FEATURE_WRITTEN)
		count_written(context, now_ms - result->time_ms);
	else if (result->outcome == FEATURE_OLDER)
		context_count(context, OLDER, 1);
	else
		context_count(context, REFUSED, 1);
	return result->outcome == FEATURE_REFUSED ? context_refuse(context, INPUT_HISTORIES, &raw, result->reason, err)
						  : 0;
}

static void
forget(struct batch *batch)
{
	feature_writer_clear(batch->writer);
	buffer_clear(&batch->bytes);
	batch->count = batch->unsettled = 0;
}

/* The first task's call sends the rows of all tasks; each takes note of its own. */
static int
sink_flush(const void *self, struct context *context, struct error *err)
{
	const struct sink *sink = self;
	struct batch *batch = sink->batch;
	const struct feature_result *results;
	int64_t began_us = clock_monotonic_us();
	int64_t now_ms;
	size_t count;

	if (feature_writer_flush(batch->writer, err) < 0)
		return -1;
	now_ms = context_now_ms(context) + (clock_monotonic_us() - began_us) / 1000;
	results = feature_writer_results(batch->writer, &count);
	insist(count == batch->count);
	for (size_t i = 0; i < count; i++)
		if (batch->rows[i].task == context_task(context) && !batch->rows[i].settled &&
		    settle(batch, i, &results[i], now_ms, context, err) < 0)
			return -1;
	for (size_t i = 0; i < count; i++) {
		if (batch->rows[i].task != context_task(context) || batch->rows[i].settled)
			continue;
		batch->rows[i].settled = true;
		batch->unsettled--;
	}
	if (batch->unsettled == 0)
		forget(batch);
	return 0;
}

static void
sink_drop(const void *self)
{
	const struct sink *sink = self;

	forget(sink->batch);
}

/* ---- its manual page ---- */

#define YEAR_MS (366 * 24 * 3600 * 1000.0)

static const struct option options[] = {
	FEATURE_STORE_OPTIONS(offsetof(struct sink, config)),
	{"directory", OPTION_TEXT, offsetof(struct sink, directory), "", 0, 0, NULL, NULL,
	 "embedded: where it lives; empty: `features` in the data directory"},
	{"project", OPTION_TEXT, offsetof(struct sink, project), "isotope", 0, 0, NULL, NULL,
	 "project of the features, as Feast has it"},
	{"view", OPTION_TEXT, offsetof(struct sink, view_name), "user_history", 0, 0, NULL, NULL,
	 "name of the feature view"},
	{"ttl", OPTION_DURATION, offsetof(struct sink, ttl_ms), "0", 0, YEAR_MS, NULL, "ms",
	 "the store forgets a user so long after the last row; 0: never"},
	OPTION_END,
};

static const struct port inputs[] = {
	[INPUT_HISTORIES] = {"histories", "user_history", "user_id_token", true,
			     "the latest actions of each user whose actions changed"},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[WRITTEN] = {"written", "rows that the store has taken"},
	[OLDER] = {"older", "rows that the store had already, or newer ones"},
	[REFUSED] = {"refused", "rows that the store will never take: dead letters"},
	[FRESH_1S] = {"fresh_1s", "written less than 1 s after the event time"},
	[FRESH_10S] = {"fresh_10s", "written less than 10 s after the event time, but not less than 1 s"},
	[FRESH_1MIN] = {"fresh_1min", "written less than 1 min after the event time, but not less than 10 s"},
	[FRESH_LATER] = {"fresh_later", "written 1 min or more after the event time"},
	{.name = NULL},
};

const struct operator_type feature_sink_type = {
	.name = "feature_sink",
	.help = "Puts the rows of a compacted topic into the online feature store: Redis, as Feast reads it, or a "
		"directory.",
	.options = options,
	.inputs = inputs,
	.counters = counters,
	.self_size = sizeof(struct sink),
	.open = sink_open,
	.process = sink_process,
	.flush = sink_flush,
	.drop = sink_drop,
	.close = sink_close,
};
