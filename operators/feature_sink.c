/*
 * feature_sink: puts the rows of compacted topics where they are read when a page is ranked.
 *
 * Rows are gathered in a batch; before a commit the batch goes to the store, and the commit begins when each of its
 * rows is settled there. While the store is out of reach nothing is committed and nothing more gathered: the lag grows,
 * and all goes on in order when the store is back. After a kill rows are sent again, which changes nothing: of two rows
 * of a user the newer one by (updated_at, revision) wins, and the store decides that in one step with the writing.
 * What the store has acknowledged it must keep: a committed row is not sent again. A Redis that may lose its memory
 * needs `appendonly yes`, and `appendfsync always` where its whole machine may.
 *
 * A user is an entity with the join key user_id_token. Each input is a view of its own: user_history, lists with an
 * item for each action; user_embedding, with embedding (a list of floats), weight, n_actions and space. Where vectors
 * are to be searched as well, vector_key names a second key, of a hash whose field `vector` has the floats as they are,
 * written in the same step; the row of a user who is forgotten, an empty vector, deletes it.
 *
 *     sink:
 *       type: feature_sink
 *       inputs: {histories: user_histories, embeddings: user_embeddings}
 *       store: redis
 *       address: 127.0.0.1:6379
 *       project: reco
 *       vector_key: "vec:{view}:{key}"
 */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "operators/caused_at.h"
#include "operators/feature_sink_store.h"
#include "operators/feature_sink_views.h"
#include "operators/operators.h"

#define SINK_ROWS_MAX 4096		 /* gathered before a commit is asked for */
#define SINK_BYTES_MAX (8 * 1024 * 1024) /* likewise */

enum sink_counter { WRITTEN, AGED, DELETED, OLDER, REFUSED };
enum { FRESHNESS };

/* A row that was handed to the writer, and the record it is from, should it be refused. */
struct gathered {
	int task, input;
	bool deletion;
	bool settled; /* counted; it waits for the rows of other tasks */
	int64_t offset, timestamp_ms;
	int64_t caused_ms;		 /* time of the event that caused the row; TIME_MIN: none did */
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
	char *directory, *project, *vector_key;
	char *names[SINK_INPUTS]; /* of the views */
	int64_t ttl_ms;
	struct feature_store *store;
	struct feature_view *views[SINK_INPUTS]; /* NULL: the input is not connected */
	struct sink_fields fields[SINK_INPUTS];
	struct batch *batch;
};

/* ---- opening ---- */

#define VIEW_PLACE "{view}"
#define KEY_PLACE "{key}"

/* What stands before the key: all of vector_key but its end, with the view's name in its place. */
static int
vector_prefix(const struct sink *sink, const char *view, char **out, struct error *err)
{
	const char *format = sink->vector_key, *end = strstr(format, KEY_PLACE), *place = strstr(format, VIEW_PLACE);

	if (!end || end[strlen(KEY_PLACE)] != 0 || end == format)
		return fail(err, FATAL,
			    "vector_key has to be a text that ends in " KEY_PLACE ", such as \"vec:{view}:{key}\"");
	if (place)
		*out = memory_format("%.*s%s%.*s", (int)(place - format), format, view,
				     (int)(end - place - (int)strlen(VIEW_PLACE)), place + strlen(VIEW_PLACE));
	else
		*out = memory_format("%.*s", (int)(end - format), format);
	return 0;
}

static int
open_view(struct sink *sink, enum sink_input input, const struct context *context, struct error *err)
{
	const struct schema *schema = context_input_schema(context, (int)input);
	const struct sink_kind *kind = &sink_kinds[input];
	struct feature_view_spec spec = {
		.project = sink->project,
		.name = sink->names[input],
		.keys = sink_keys,
		.features = kind->features,
		.ttl_ms = sink->ttl_ms,
		.origin = context_input_topic(context, (int)input),
	};
	char *prefix = NULL;
	int result;

	if (kind->open(&sink->fields[input], schema, err) < 0)
		return -1;
	if (kind->vector && sink->vector_key[0]) {
		if (vector_prefix(sink, spec.name, &prefix, err) < 0)
			return -1;
		spec.vector = kind->vector;
		spec.vector_prefix = prefix;
	}
	result = feature_view_new(&spec, &sink->views[input], err);
	memory_free(&prefix);
	return result;
}

/* All views are the user's: in one hash, where the store is Redis. */
static int
open_views(struct sink *sink, const struct context *context, struct error *err)
{
	const struct feature_view *views[SINK_INPUTS];
	size_t count = 0;

	for (int input = 0; input < SINK_INPUTS; input++) {
		if (!context_input_schema(context, input))
			continue;
		if (open_view(sink, (enum sink_input)input, context, err) < 0)
			return -1;
		views[count++] = sink->views[input];
	}
	if (count == 0)
		return fail(err, FATAL, "none of its inputs is connected: histories, embeddings");
	if (count == SINK_INPUTS && strcmp(sink->names[SINK_HISTORIES], sink->names[SINK_EMBEDDINGS]) == 0)
		return fail(err, FATAL, "view and embedding_view are the same: %s", sink->names[SINK_HISTORIES]);
	return feature_views_check(views, count, err);
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
	for (int input = 0; input < SINK_INPUTS; input++)
		feature_view_free(&sink->views[input]);
}

static int
sink_open(void *self, struct context *context, struct error *err)
{
	struct sink *sink = self;

	if (open_views(sink, context, err) == 0 && feature_store_check(&sink->config, err) == 0)
		return 0;
	sink_close(self);
	return -1;
}

static int
sink_start(void *self, struct context *context, struct error *err)
{
	struct sink *sink = self;

	if (open_store(sink, context, err) < 0)
		return -1;
	sink->batch = memory_new(sizeof(*sink->batch));
	sink->batch->writer = feature_writer_open(sink->store);
	return 0;
}

/* ---- rows ---- */

static void
note_gathered(struct batch *batch, int task, int input, int64_t caused_ms, struct raw_record raw)
{
	if (batch->count == batch->capacity) {
		batch->capacity = batch->capacity ? 2 * batch->capacity : 256;
		batch->rows = memory_resize_array(batch->rows, batch->capacity, sizeof(*batch->rows));
	}
	batch->rows[batch->count++] = (struct gathered){
		.task = task,
		.input = input,
		.deletion = !raw.value.data,
		.offset = raw.offset,
		.timestamp_ms = raw.timestamp_ms,
		.caused_ms = caused_ms,
		.at = batch->bytes.size,
		.key_size = raw.key.size,
		.value_size = raw.value.size,
	};
	batch->unsettled++;
	buffer_put_bytes(&batch->bytes, raw.key);
	buffer_put_bytes(&batch->bytes, raw.value);
}

/* The writer has the row of the record that is being processed. */
static void
row_gathered(struct batch *batch, int input, int64_t caused_ms, struct context *context)
{
	note_gathered(batch, context_task(context), input, caused_ms, context_raw(context, input));
	if (batch->count >= SINK_ROWS_MAX || feature_writer_bytes(batch->writer) >= SINK_BYTES_MAX)
		context_commit_soon(context);
}

/* Rows of a schema that does not say it are taken for the newest event's. */
static int64_t
caused_ms(const struct sink_fields *fields, const struct record *record)
{
	return fields->caused_at.slot < 0 ? record_integer(record, fields->updated_at)
					  : caused_at_get(record, fields->caused_at);
}

static int
sink_process(const void *self, int input, const struct record *record, struct context *context, struct error *err)
{
	const struct sink *sink = self;
	struct batch *batch = sink->batch;
	const struct sink_fields *fields = &sink->fields[input];
	struct feature_value user = {.bytes = record_bytes(record, fields->user)};
	struct feature_value features[SINK_FEATURES_MAX] = {0};
	const struct feature_row row = {
		.keys = &user,
		.features = features,
		.time_ms = record_integer(record, fields->updated_at),
		.revision = record_integer(record, fields->revision),
		.offset = context_raw(context, input).offset,
	};

	sink_kinds[input].read(fields, record, context, features);
	if (feature_writer_put(batch->writer, sink->views[input], &row, batch->count, err) < 0)
		return -1;
	row_gathered(batch, input, caused_ms(fields, record), context);
	return 0;
}

/* The user is to be forgotten. The topic is keyed by user_id_token. */
static int
sink_on_deletion(const void *self, int input, struct bytes key, struct context *context, struct error *err)
{
	const struct sink *sink = self;
	const struct feature_value user = {.bytes = key};

	if (feature_writer_remove(sink->batch->writer, sink->views[input], &user, context_raw(context, input).offset,
				  sink->batch->count, err) < 0)
		return -1;
	row_gathered(sink->batch, input, TIME_MIN, context);
	return 0;
}

/* ---- the store's answer ---- */

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
	if (result->outcome == FEATURE_WRITTEN && row->deletion) {
		context_count(context, DELETED, 1);
	} else if (result->outcome == FEATURE_WRITTEN) {
		context_count(context, WRITTEN, 1);
		if (row->caused_ms == TIME_MIN)
			context_count(context, AGED, 1);
		else
			context_observe(context, FRESHNESS, now_ms - row->caused_ms);
	} else {
		context_count(context, result->outcome == FEATURE_OLDER ? OLDER : REFUSED, 1);
	}
	return result->outcome == FEATURE_REFUSED ? context_refuse(context, row->input, &raw, result->reason, err) : 0;
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
	{"view", OPTION_TEXT, offsetof(struct sink, names[SINK_HISTORIES]), "user_history", 0, 0, NULL, NULL,
	 "name of the feature view of histories"},
	{"embedding_view", OPTION_TEXT, offsetof(struct sink, names[SINK_EMBEDDINGS]), "user_embedding", 0, 0, NULL,
	 NULL, "name of the feature view of embeddings"},
	{"vector_key", OPTION_TEXT, offsetof(struct sink, vector_key), "", 0, 0, NULL, NULL,
	 "redis: key of a hash that has the embedding as raw float32 too, such as vec:{view}:{key}; empty: none"},
	{"ttl", OPTION_DURATION, offsetof(struct sink, ttl_ms), "0", 0, YEAR_MS, NULL, "ms",
	 "the store forgets a user so long after the last row; 0: never"},
	OPTION_END,
};

static const struct port inputs[] = {
	[SINK_HISTORIES] = {"histories", "user_history", "user_id_token", false,
			    "the latest actions of each user whose actions changed"},
	[SINK_EMBEDDINGS] = {"embeddings", "user_embedding", "user_id_token", false,
			     "the vector of each user whose vector changed"},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[WRITTEN] = {"written", "rows that the store has taken"},
	[AGED] = {"aged", "of these: rows that no event caused, but time that has passed; they have no freshness"},
	[DELETED] = {"deleted", "users deleted in the store: records without a value"},
	[OLDER] = {"older", "rows that the store had already, or newer ones"},
	[REFUSED] = {"refused", "rows that the store will never take: dead letters"},
	{.name = NULL},
};

static const struct histogram_spec histograms[] = {
	[FRESHNESS] = {"freshness",
		       "from the time of the event that caused a row to the store's word that it is written"},
	{.name = NULL},
};

const struct operator_type feature_sink_type = {
	.name = "feature_sink",
	.help = "Puts the rows of compacted topics into the online feature store: Redis, as Feast reads it, or a "
		"directory.",
	.manual = "Each input is a feature view of its own; the entity's join key is user_id_token. Of two rows of a "
		  "user the newer one by (updated_at, revision) stays, decided in one step with the writing: rows "
		  "that are sent again, and old events run again, move no feature back.\n"
		  "While the store is out of reach nothing is committed and nothing more taken in: the lag grows, "
		  "and all goes on in order when it is back. What the store has acknowledged it must keep: a Redis "
		  "that may lose its memory needs appendonly yes, and appendfsync always where its whole machine "
		  "may.\n"
		  "vector_key names a second key for the embedding as raw little-endian float32, for vector search; "
		  "{view} and {key} are filled in.\n"
		  "The histogram freshness goes from the time of the event that caused a row (the row's caused_at: "
		  "of several the newest, and of one that came late its own) to the store's word. Rows that only "
		  "time has caused, as when an action has become too old, are counted (aged) and have none. A row "
		  "whose schema has no caused_at is measured from its updated_at.\n"
		  "A record without a value deletes the user's row of that view in the store, however new it is.\n",
	.options = options,
	.inputs = inputs,
	.counters = counters,
	.histograms = histograms,
	.self_size = sizeof(struct sink),
	.open = sink_open,
	.start = sink_start,
	.process = sink_process,
	.on_deletion = sink_on_deletion,
	.flush = sink_flush,
	.drop = sink_drop,
	.close = sink_close,
};
