/*
 * consume: the records of a topic as JSON lines.
 *
 * Up to an end (--until-end) it goes partition by partition, in offset order, so that the same topic gives the same
 * text. Without an end it takes what each partition has in turn, and waits for more.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/scan.h"
#include "base/stop.h"
#include "dataflow/marker.h"
#include "dataflow/topic_list.h"
#include "record/json.h"

#define WAIT_MS 50	    /* between looks at all partitions when none had anything */
#define BAD_REPORTED_MAX 20 /* records that do not decode are named up to so many */

struct consume_options {
	char *from;
	bool until_end;
	int64_t max;	   /* 0: all */
	int64_t partition; /* -1: all */
	bool with_metadata;
	bool raw;
};

static const struct option consume_options[] = {
	{.name = "from",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct consume_options, from),
	 .initial = "beginning",
	 .unit = "WHERE",
	 .help = "beginning, end, an offset (of each partition), or a time such as 2026-11-21T05:00:00Z."},
	{.name = "until-end",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct consume_options, until_end),
	 .initial = "false",
	 .help = "Stop at what is the end when the command starts; else it waits for more."},
	{.name = "max",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct consume_options, max),
	 .min = 1,
	 .max = (double)INT64_MAX,
	 .help = "Stop after so many records."},
	{.name = "partition",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct consume_options, partition),
	 .initial = "-1",
	 .min = -1,
	 .max = LOG_PARTITIONS_MAX,
	 .help = "Only this partition; -1: all."},
	{.name = "with-metadata",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct consume_options, with_metadata),
	 .initial = "false",
	 .help = "Each record as {topic, partition, offset, timestamp, key, value}."},
	{.name = "raw",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct consume_options, raw),
	 .initial = "false",
	 .help = "The bytes of the value in base64, as `produce --raw` takes them."},
	OPTION_END,
};

struct consumer {
	const struct call *call;
	const struct consume_options *options;
	struct log *log;
	const char *name;
	int topic;
	int partition;			   /* of the record at hand */
	const struct topology_topic *spec; /* NULL: a topic of ours, shown as bytes */
	struct record record;
	struct arena arena;
	struct buffer value; /* as JSON */
	struct output output;
	int64_t printed;
	int64_t bad;
};

static void
put_base64(struct bytes bytes, struct buffer *out)
{
	buffer_put_u8(out, '"');
	json_base64_write(bytes, out);
	buffer_put_u8(out, '"');
}

/* The value as JSON into consumer->value; -1: it does not decode. */
static int
show_value(struct consumer *consumer, struct bytes value, struct error *err)
{
	buffer_clear(&consumer->value);
	if (!value.data) {
		buffer_print(&consumer->value, "null");
		return 0;
	}
	if (!consumer->spec || consumer->options->raw) {
		if (consumer->options->raw && !consumer->options->with_metadata)
			json_base64_write(value, &consumer->value);
		else
			put_base64(value, &consumer->value);
		return 0;
	}
	arena_reset(&consumer->arena);
	if (codec_decode(consumer->spec->codec, value, &consumer->record, &consumer->arena, err) < 0)
		return -1;
	json_write(&consumer->record, &consumer->value);
	return 0;
}

static void
report_bad(struct consumer *consumer, const struct log_record *record, const struct error *err)
{
	if (++consumer->bad <= BAD_REPORTED_MAX)
		cli_note(consumer->call, "%s partition %d offset %" PRId64 ": %s", consumer->name, consumer->partition,
			 record->offset, err->text);
	if (consumer->bad == BAD_REPORTED_MAX)
		cli_note(consumer->call, "more of these are counted, not named");
}

/* What stands between the records of an internal topic for its readers' watermark. */
static bool
is_marker(const struct consumer *consumer, const struct log_record *record)
{
	struct marker marker;
	struct error why;

	return consumer->spec && consumer->spec->internal && !record->key.data &&
	       marker_read(record->value, &marker, &why) == 0;
}

static int
print_record(void *argument, const struct log_record *record, struct error *err)
{
	struct consumer *consumer = argument;
	struct buffer *out = &consumer->output.buffer;
	struct error why;

	if (is_marker(consumer, record))
		return 0;
	if (show_value(consumer, record->value, &why) < 0) {
		report_bad(consumer, record, &why);
		return 0;
	}
	if (consumer->options->with_metadata) {
		buffer_print(out, "{\"topic\":");
		output_json_text(out, bytes_of_text(consumer->name));
		buffer_print(out, ",\"partition\":%d,\"offset\":%" PRId64, consumer->partition, record->offset);
		if (record->timestamp_ms == LOG_TIMESTAMP_NONE)
			buffer_print(out, ",\"timestamp\":null");
		else
			buffer_print(out, ",\"timestamp\":%" PRId64, record->timestamp_ms);
		output_json_member(out, "key", record->key);
		buffer_print(out, ",\"value\":");
	}
	buffer_put_bytes(out, buffer_bytes(&consumer->value));
	if (consumer->options->with_metadata)
		buffer_put_u8(out, '}');
	if (output_line(&consumer->output, err) < 0)
		return -1;
	consumer->printed++;
	return consumer->output.gone || consumer->printed == consumer->options->max;
}

/* ---- where to begin ---- */

struct start {
	enum { FROM_BEGINNING, FROM_END, FROM_OFFSET, FROM_TIME } kind;
	int64_t at;
};

static int
parse_start(const char *text, struct start *out, struct error *err)
{
	struct option offset = {.name = "from", .type = OPTION_INTEGER, .min = 0, .max = (double)INT64_MAX};

	*out = (struct start){.kind = FROM_BEGINNING};
	if (strcmp(text, "beginning") == 0)
		return 0;
	out->kind = FROM_END;
	if (strcmp(text, "end") == 0)
		return 0;
	out->kind = FROM_OFFSET;
	if (text[strspn(text, "0123456789")] == 0)
		return option_parse(&offset, text, &out->at, err);
	out->kind = FROM_TIME;
	if (json_parse_time(text, &out->at, err) == 0)
		return 0;
	return fail(err, FATAL,
		    "--from is \"%.100s\"; expected beginning, end, an offset such as 1000, or a time with "
		    "its zone such as 2026-11-21T05:00:00Z",
		    text);
}

static int
start_offset(struct consumer *consumer, const struct start *start, int partition, int64_t *from, int64_t *end,
	     struct error *err)
{
	struct partition_ends ends;

	if (log_partition_ends(consumer->log, consumer->topic, partition, &ends, err) < 0)
		return -1;
	*end = ends.pending_end;
	*from = start->kind == FROM_BEGINNING ? ends.start : start->kind == FROM_END ? ends.end : start->at;
	if (start->kind == FROM_TIME &&
	    log_offset_at(consumer->log, consumer->topic, partition, start->at, from, err) < 0)
		return -1;
	return 0;
}

/* ---- the two ways of reading ---- */

static int
read_bounded(struct consumer *consumer, const struct start *start, int first, int last, struct error *err)
{
	int count = last - first + 1;
	int64_t *from = memory_new_array((size_t)count, sizeof(*from));
	int64_t *to = memory_new_array((size_t)count, sizeof(*to));
	int result = 0;

	for (int i = 0; i < count && result == 0; i++)
		result = start_offset(consumer, start, first + i, &from[i], &to[i], err);
	for (int i = 0; i < count && result == 0; i++) {
		consumer->partition = first + i;
		result = scan_partition(consumer->log, consumer->topic, first + i, from[i], to[i], print_record,
					consumer, err);
	}
	memory_free(&from);
	memory_free(&to);
	return result;
}

/* Prints what one partition has; *any says whether it had something. */
static int
read_some(struct consumer *consumer, struct reader *reader, int64_t wait_ms, bool *any, struct error *err)
{
	struct log_batch batch;
	int result = reader_fetch(reader, wait_ms, &batch, err);

	if (result == 0)
		scan_note_lost(consumer->log, consumer->topic, consumer->partition, batch.lost);
	for (size_t i = 0; result == 0 && i < batch.count; i++) {
		*any = true;
		result = print_record(consumer, &batch.records[i], err);
	}
	return result;
}

static int
follow(struct consumer *consumer, struct reader **readers, int first, int last, struct error *err)
{
	int idle = first;
	int result = 0;

	while (result == 0 && !stop_requested() && !output_gone(&consumer->output)) {
		bool any = false;

		for (int i = first; i <= last && result == 0; i++) {
			consumer->partition = i;
			result = read_some(consumer, readers[i], 0, &any, err);
		}
		if (result < 0 || output_flush(&consumer->output, err) < 0)
			return -1;
		if (any || result != 0)
			continue;
		consumer->partition = idle = idle < last ? idle + 1 : first;
		result = read_some(consumer, readers[idle], WAIT_MS, &any, err);
	}
	return result;
}

static int
read_on(struct consumer *consumer, const struct start *start, int first, int last, struct error *err)
{
	struct reader **readers = memory_new_array((size_t)last + 1, sizeof(*readers));
	int result = 0;

	for (int i = first; i <= last && result == 0; i++) {
		int64_t from, end;

		result = start_offset(consumer, start, i, &from, &end, err);
		if (result == 0)
			result = log_reader_open(consumer->log, consumer->topic, i, from, &readers[i], err);
	}
	if (result == 0)
		result = follow(consumer, readers, first, last, err);
	for (int i = first; i <= last; i++)
		if (readers[i])
			reader_close(&readers[i]);
	memory_free(&readers);
	return result;
}

static int
consume_topic(struct consumer *consumer, const struct start *start, struct error *err)
{
	int first = 0;
	int last;
	int result;

	if (log_topic(consumer->log, consumer->spec ? consumer->spec->log_name : consumer->name, &consumer->topic,
		      err) < 0)
		return -1;
	last = log_topic_partitions(consumer->log, consumer->topic) - 1;
	if (consumer->options->partition > last)
		return fail(err, FATAL, "topic %s has no partition %" PRId64 "; expected 0 to %d", consumer->name,
			    consumer->options->partition, last);
	if (consumer->options->partition >= 0)
		first = last = (int)consumer->options->partition;
	result = consumer->options->until_end ? read_bounded(consumer, start, first, last, err)
					      : read_on(consumer, start, first, last, err);
	return result < 0 ? -1 : output_flush(&consumer->output, err);
}

/* A topic of the topology, or one of those that the program keeps for itself. */
static int
find_topic(struct consumer *consumer, const struct topology *topology, struct error *err)
{
	struct topic_list list = topic_list_of(topology);
	bool ours = false;
	int index;

	for (size_t i = (size_t)topology->topic_count; i < list.count && !ours; i++)
		ours = strcmp(list.specs[i].name, consumer->name) == 0;
	topic_list_free(&list);
	if (ours)
		return 0;
	if (cli_topic(topology, consumer->name, &index, err) < 0)
		return -1;
	consumer->spec = &topology->topics[index];
	record_init(&consumer->record, codec_schema(consumer->spec->codec));
	return 0;
}

static int
consume_log(struct consumer *consumer, const struct topology *topology, const struct start *start, struct error *err)
{
	int result = find_topic(consumer, topology, err);

	if (result == 0)
		result = cli_open_log(consumer->call, topology, true, &consumer->log, err);
	if (result == 0) {
		result = consume_topic(consumer, start, err);
		log_close(&consumer->log);
	}
	if (consumer->spec)
		record_fini(&consumer->record);
	if (result == 0 && consumer->bad > 0)
		result = fail(err, FATAL,
			      "%" PRId64 " records of %s do not decode; %" PRId64 " were printed (--raw shows "
			      "them as they are)",
			      consumer->bad, consumer->name, consumer->printed);
	return result;
}

static enum cli_status
consume(const struct call *call)
{
	struct consumer consumer = {.call = call, .options = call->options, .name = call->arguments[1]};
	struct topology *topology;
	struct start start;
	struct error err;
	int result;

	if (parse_start(consumer.options->from, &start, &err) < 0)
		return cli_misused(call, "%s", err.text);
	if (cli_load(call, &topology, &err) < 0)
		return cli_failed(call, &err);
	stop_install();
	result = consume_log(&consumer, topology, &start, &err);
	arena_fini(&consumer.arena);
	buffer_fini(&consumer.value);
	output_fini(&consumer.output);
	topology_free(&topology);
	return result < 0 ? cli_failed(call, &err) : CLI_DONE;
}

const struct command command_consume = {
	.name = "consume",
	.arguments = "TOPOLOGY TOPIC",
	.arguments_min = 2,
	.arguments_max = 2,
	.help = "Print the records of a topic as JSON, one a line.",
	.manual = "With --until-end it prints partition by partition, in offset order; without, it prints what is "
		  "there and then waits for more until it is interrupted. It only reads, so it may be called "
		  "beside a running job.\n"
		  "Timestamps are integer milliseconds, enums are strings, bytes are base64. A deletion is null. A "
		  "record that does not decode is reported on standard error and skipped; the status is then 1. The "
		  "markers between the records of an internal topic are not shown. A journal "
		  "(APPLICATION.OPERATOR.journal) can be read too: its values are base64.",
	.options = consume_options,
	.options_size = sizeof(struct consume_options),
	.takes_topology = true,
	.run = consume,
};
