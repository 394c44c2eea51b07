#include "dataflow/context.h"

#include <stdio.h>

#include "base/memory.h"
#include "dataflow/input.h"
#include "dataflow/table_feed.h"

static int
init_output(struct context_output *output, struct context *context, int index, struct error *err)
{
	const struct schema *schema;

	if (index < 0)
		return 0;
	output->topic = &context->job->topology->topics[index];
	output->log_topic = context->job->topics[index];
	schema = output->topic->schema->root;
	record_init(&output->row, schema);
	if (decoder_defaults(schema, &output->row, &output->defaults, err) < 0)
		return -1;
	output->blank = memory_new_array((size_t)schema->slot_count, sizeof(*output->blank));
	memcpy(output->blank, output->row.slots, (size_t)schema->slot_count * sizeof(*output->blank));
	return 0;
}

int
context_init(struct context *context, struct job *job, struct job_operator *operator, int task,
	     struct transaction *transaction, struct error *err)
{
	const struct topology_operator *spec = operator->spec;

	*context = (struct context){.job = job, .operator = operator, .task = task, .transaction = transaction};
	context->watermark_ms = TIME_MIN;
	for (int i = 0; i < TOPOLOGY_PORTS_MAX && spec->type->outputs && spec->type->outputs[i].name; i++)
		if (init_output(&context->outputs[i], context, spec->outputs[i], err) < 0)
			return -1;
	for (int i = 0; i < TOPOLOGY_PORTS_MAX && spec->type->inputs && spec->type->inputs[i].name; i++) {
		if (spec->inputs[i] < 0)
			continue;
		context->inputs[i].topic = &job->topology->topics[spec->inputs[i]];
		context->inputs[i].encoder = encoder_new(context->inputs[i].topic->schema->root);
	}
	return 0;
}

void
context_fini(struct context *context)
{
	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++) {
		if (context->outputs[i].topic)
			record_fini(&context->outputs[i].row);
		memory_free(&context->outputs[i].blank);
		arena_fini(&context->outputs[i].defaults);
		if (context->inputs[i].encoder)
			encoder_free(&context->inputs[i].encoder);
	}
	arena_fini(&context->arena);
	buffer_fini(&context->body);
	at_commit_fini(&context->at_commit);
}

int
context_no_skip(const struct context *context, const char *hook, int result, struct error *err)
{
	if (result < 0 && err->action == SKIP) {
		fail_in(err, "%s of operator %s may not skip", hook, context->operator->spec->name);
		err->action = FATAL;
	}
	return result;
}

void
context_end(struct context *context, bool kept)
{
	if (kept) {
		state_keep(context->state);
		transaction_keep(context->transaction);
	} else {
		state_undo(context->state);
		transaction_undo(context->transaction);
	}
	arena_reset(&context->arena);
	if (kept) {
		at_commit_keep(&context->at_commit);
		context->emitted_kept += context->emitted;
	} else {
		at_commit_undo(&context->at_commit);
	}
	context->emitted = 0;
	if (!context->counted)
		return;
	for (int i = 0; i < RUNTIME_COUNTERS_MAX; i++) {
		if (kept)
			context->counts_kept[i] += context->counts[i];
		context->counts[i] = 0;
	}
	context->counted = false;
}

static int
call_on_commit(struct context *context, const void *self, struct entry *entry, struct error *err)
{
	int result = context->operator->spec->type->on_commit(self, entry, context, err);

	context_end(context, result == 0);
	return context_no_skip(context, "on_commit", result, err);
}

int
context_before_commit(struct context *context, const void *self, struct error *err)
{
	struct entry *entry;
	struct key key;
	int store;

	while (at_commit_next(&context->at_commit, &store, &key)) {
		if (store_find(context_store(context, store), key, &entry, err) < 0)
			return -1;
		if (entry && call_on_commit(context, self, entry, err) < 0)
			return -1;
		at_commit_done(&context->at_commit);
	}
	context_publish(context); /* there may be no turn after the last commit */
	return 0;
}

void
context_publish(struct context *context)
{
	struct job_figures *figures = &context->operator->figures;

	job_add(&figures->records_out, context->emitted_kept);
	context->emitted_kept = 0;
	for (int i = 0; i < RUNTIME_COUNTERS_MAX; i++) {
		if (context->counts_kept[i] != 0)
			job_add(&figures->counters[i], context->counts_kept[i]);
		context->counts_kept[i] = 0;
	}
}

const struct schema *
context_input_schema(const struct context *context, int input)
{
	const struct topology_topic *topic = context->inputs[input].topic;

	return topic ? topic->schema->root : NULL;
}

const char *
context_input_topic(const struct context *context, int input)
{
	const struct topology_topic *topic = context->inputs[input].topic;

	return topic ? topic->name : NULL;
}

const struct schema *
context_output_schema(const struct context *context, int output)
{
	const struct topology_topic *topic = context->outputs[output].topic;

	return topic ? topic->schema->root : NULL;
}

const struct schema *
context_table_schema(const struct context *context, int table)
{
	int topic = context->operator->spec->tables[table];

	return topic < 0 ? NULL : context->job->topology->topics[topic].schema->root;
}

const char *
context_output_key(const struct context *context, int output)
{
	return context->outputs[output].topic ? context->outputs[output].topic->key : NULL;
}

bool
context_writer_duration(const struct context *context, int input, const char *type, const char *option, int64_t *ms)
{
	const struct topology *topology = context->job->topology;
	int topic = context->operator->spec->inputs[input];

	for (int i = 0; i < topology->operator_count; i++) {
		const struct topology_operator *writer = &topology->operators[i];
		const struct option *found;

		if (topic < 0 || strcmp(writer->type->name, type) != 0 || !topology_writes(writer, topic))
			continue;
		found = option_find(writer->type->options, option);
		insist(found && found->type == OPTION_DURATION);
		*ms = *(const int64_t *)(const void *)((const char *)writer->self + found->offset);
		return true;
	}
	return false;
}

int
context_task_count(const struct context *context)
{
	return (int)context->operator->spec->tasks;
}

int
context_task(const struct context *context)
{
	return context->task;
}

struct store *
context_store(struct context *context, int store)
{
	return state_store(context->state, store);
}

int64_t
context_watermark(const struct context *context)
{
	return context->watermark_ms;
}

int64_t
context_input_time(const struct context *context, int input)
{
	const struct input *from = context->inputs[input].from;

	return from ? from->time.time_max : TIME_MIN;
}

struct raw_record
context_raw(const struct context *context, int input)
{
	const struct input *from = context->inputs[input].from;
	const struct log_record *record;

	insist(from && from->ready);
	record = input_record(from);
	return (struct raw_record){
		.offset = record->offset,
		.timestamp_ms = from->head.timestamp_ms,
		.key = record->key,
		.value = record->value,
	};
}

int
context_refuse(struct context *context, int input, const struct raw_record *record, const char *reason,
	       struct error *err)
{
	struct dead_letter letter = {
		.topic = context->inputs[input].topic->name,
		.partition = context->task,
		.offset = record->offset,
		.record_time_ms = record->timestamp_ms,
		.key = record->key,
		.value = record->value,
		.reason = reason,
	};

	context->inputs[input].refused++;
	snprintf(context->inputs[input].refused_for, sizeof(context->inputs[input].refused_for), "%s", reason);
	return dead_letter_write(context, &letter, err);
}

void
context_commit_soon(struct context *context)
{
	context->commit_soon = true;
}

const char *
context_directory(const struct context *context)
{
	return context->job->directory;
}

int64_t
context_now_ms(const struct context *context)
{
	return context->now_ms;
}

int64_t
context_steady_ms(const struct context *context)
{
	return context->steady_ms;
}

void
context_count(struct context *context, int counter, int64_t by)
{
	insist(counter >= 0 && counter < RUNTIME_COUNTERS_MAX);
	context->counts[counter] += by;
	context->counted = true;
}

void
context_observe(struct context *context, int histogram, int64_t ms)
{
	insist(histogram >= 0 && histogram < RUNTIME_HISTOGRAMS_MAX);
	histogram_add(&context->operator->figures.histograms[histogram], ms);
}

void
context_at_commit(struct context *context, int store, const struct entry *entry)
{
	insist(context->operator->spec->type->on_commit);
	at_commit_add(&context->at_commit, store, key_of(entry_key(entry)));
}

bool
context_connected(const struct context *context, int output)
{
	return context->outputs[output].topic != NULL;
}

enum table_answer
context_lookup(const struct context *context, int table, struct bytes key, int64_t at_ms, struct table_row *out)
{
	const struct table_feed *feed = context->operator->tables[table];

	return feed ? global_table_find(feed->table, key_of(key), at_ms, out) : TABLE_NOTHING;
}

enum table_answer
context_lookup_before(struct table_row *row)
{
	return global_table_find_before(row);
}

bool
context_series(const struct context *context, int table, int number, struct table_series *out)
{
	const struct table_feed *feed = context->operator->tables[table];

	return feed && series_set_get(&feed->series, number, out);
}

void *
context_take(struct context *context, size_t size)
{
	return arena_take(&context->arena, size);
}

int
context_body(struct context *context, int input, const struct record *record, struct bytes *out, struct error *err)
{
	if (record->body.data) {
		*out = record->body;
		return 0;
	}
	buffer_clear(&context->body);
	if (encoder_run(context->inputs[input].encoder, record, &context->body, err) < 0)
		return -1;
	*out = buffer_bytes(&context->body);
	return 0;
}

struct record *
context_row(struct context *context, int output)
{
	struct context_output *to = &context->outputs[output];

	if (!to->topic)
		return NULL;
	memcpy(to->row.slots, to->blank, (size_t)to->row.schema->slot_count * sizeof(*to->blank));
	to->row.prefix_fields = 0;
	return &to->row;
}

/* The row does not fit into its topic. From process() that is the fault of the record; other hooks have none. */
static int
emit_failed(struct context *context, const struct context_output *to, struct bytes key, const struct record *row,
	    struct error *err)
{
	struct buffer value = {0};
	struct dead_letter letter = {
		.topic = to->topic->name,
		.partition = context->task,
		.offset = -1,
		.record_time_ms = row->time_ms,
		.key = key,
		.reason = err->text,
	};
	struct error inner;
	int result;

	if (err->action != SKIP || context->in_process)
		return fail_in(err, "row for %s", to->topic->name);
	if (codec_encode(to->topic->codec, row, &value, &inner) == 0)
		letter.value = buffer_bytes(&value);
	result = dead_letter_write(context, &letter, err);
	buffer_fini(&value);
	return result;
}

int
context_emit(struct context *context, int output, struct bytes key, struct record *row, struct error *err)
{
	struct context_output *to = &context->outputs[output];
	int partition;
	struct buffer *buffer;

	if (!to->topic)
		return 0;
	partition = log_partition_of(key, (int)to->topic->partitions);
	buffer = transaction_append_begin(context->transaction, to->log_topic, partition, key, context->now_ms);
	if (codec_encode(to->topic->codec, row, buffer, err) < 0) {
		transaction_append_cancel(context->transaction);
		return emit_failed(context, to, key, row, err);
	}
	if (transaction_append_end(context->transaction, err) < 0)
		return emit_failed(context, to, key, row, err);
	context->emitted++;
	return 0;
}
