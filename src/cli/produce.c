/*
 * produce: lines into records.
 *
 * Records go in transactions of at most CHUNK_RECORDS or CHUNK_BYTES. Where a line is bad, the transaction it would
 * have been in is dropped, so a call of up to that many records is all or nothing; of a longer one the message says
 * how far it got. What comes through a pipe is committed when it pauses, and no later than COMMIT_MS after the first
 * record that is not, so that who watches the topic sees it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/key_finder.h"
#include "cli/lines.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tell.h"
#include "record/json.h"

#define CHUNK_RECORDS 10000
#define CHUNK_BYTES 8388608
#define WAIT_MS 200	     /* input that pauses for so long is committed */
#define COMMIT_MS 500	     /* a pipe that does not pause is committed this often */
#define PROGRESS_RECORDS 256 /* records between two looks at the clock */
#define BAD_REPORTED_MAX 20  /* bad lines are named up to so many */

struct produce_options {
	bool raw, skip_bad;
};

static const struct option produce_options[] = {
	{.name = "raw",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct produce_options, raw),
	 .initial = "false",
	 .help = "A line is the base64 of the value's bytes, which are appended as they are, or KEY, a tab and that. "
		 "Without a KEY it is the value's key field, where the value decodes."},
	{.name = "skip-bad",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct produce_options, skip_bad),
	 .initial = "false",
	 .help = "Name bad lines on standard error and go on, instead of stopping at the first."},
	OPTION_END,
};

struct producer {
	const struct call *call;
	const struct produce_options *options;
	const char *file; /* as messages name it */
	const char *topic_name;
	const struct topology_topic *spec;
	int topic, partitions, next_partition;
	struct transaction *transaction;
	struct lines lines;
	struct key_finder keys;
	struct buffer value; /* --raw */
	struct progress progress;
	int64_t pending, written, skipped;
	int64_t lines_written; /* every line up to here is in the topic, or was skipped */
	int64_t started_us;
	int64_t pending_since_us; /* when the first of those that are pending was appended */
};

static int
append(struct producer *producer, struct bytes key, const struct record *record, struct error *err)
{
	struct transaction *transaction = producer->transaction;
	int partition = key.data ? log_partition_of(key, producer->partitions)
				 : producer->next_partition++ % producer->partitions;
	struct buffer *buffer = transaction_append_begin(transaction, producer->topic, partition, key,
							 clock_now_ms(&clock_system));

	if (!record) {
		buffer_put_bytes(buffer, buffer_bytes(&producer->value));
	} else if (codec_encode(producer->spec->codec, record, buffer, err) < 0) {
		transaction_append_cancel(transaction);
		return -1;
	}
	if (transaction_append_end(transaction, err) < 0)
		return -1;
	transaction_keep(transaction);
	if (producer->pending++ == 0)
		producer->pending_since_us = clock_monotonic_us();
	return 0;
}

static int
append_json(struct producer *producer, struct bytes line, struct error *err)
{
	struct key_finder *keys = &producer->keys;

	arena_reset(&keys->arena);
	if (json_read(line, &keys->record, &keys->arena, err) < 0)
		return -1;
	return append(producer, key_finder_of_record(keys), &keys->record, err);
}

static int
append_raw(struct producer *producer, struct bytes line, struct error *err)
{
	const uint8_t *tab = memchr(line.data, '\t', line.size);
	struct bytes key = {0};

	if (tab) {
		key = bytes_of(line.data, (size_t)(tab - line.data));
		line = bytes_of(tab + 1, line.size - key.size - 1);
	}
	buffer_clear(&producer->value);
	if (json_base64_read(line, &producer->value, err) < 0)
		return -1;
	if (key.size == 0)
		key = key_finder_of_value(&producer->keys, buffer_bytes(&producer->value));
	return append(producer, key, NULL, err);
}

static int
commit(struct producer *producer, struct error *err)
{
	if (producer->pending > 0 && cli_commit(producer->transaction, err) < 0)
		return -1;
	producer->written += producer->pending;
	producer->pending = 0;
	producer->lines_written = producer->lines.number;
	return 0;
}

/* What the first bad line means for those before it. */
static int
fail_bad(struct producer *producer, struct error *err)
{
	if (producer->written == 0)
		return fail(err, FATAL,
			    "nothing was written to %s; correct the line, or pass over bad ones with "
			    "--skip-bad",
			    producer->topic_name);
	return fail(err, FATAL,
		    "%" PRId64 " records, up to line %" PRId64 ", were written to %s; correct the line and go "
		    "on with: tail -n +%" PRId64,
		    producer->written, producer->lines_written, producer->topic_name, producer->lines_written + 1);
}

static int
take_line(struct producer *producer, struct bytes line, struct error *err)
{
	size_t blank = 0;
	int result;

	while (blank < line.size && (line.data[blank] == ' ' || line.data[blank] == '\t'))
		blank++;
	if (blank == line.size)
		return 0;
	result = producer->options->raw ? append_raw(producer, line, err) : append_json(producer, line, err);
	if (result == 0 || err->action != SKIP)
		return result;
	progress_clear(&producer->progress);
	if (++producer->skipped <= BAD_REPORTED_MAX)
		tell(LOGGER_ERROR, "bad_line", "%s:%" PRId64 ": %s", producer->file, producer->lines.number, err->text);
	if (producer->options->skip_bad)
		return 0;
	return fail_bad(producer, err);
}

static void
show_progress(struct producer *producer)
{
	int64_t done = producer->written + producer->pending;
	int64_t elapsed_us = clock_monotonic_us() - producer->started_us;
	const struct lines *lines = &producer->lines;
	char count[OUTPUT_NUMBER_SIZE], rate[OUTPUT_NUMBER_SIZE], percent[16] = "";

	if (!progress_due(&producer->progress))
		return;
	if (lines->bytes_total > 0)
		snprintf(percent, sizeof(percent), "%3.0f %%  ",
			 100.0 * (double)lines->bytes_read / (double)lines->bytes_total);
	progress_show(&producer->progress, "%s%s records to %s, %s/s", percent, output_count(count, done),
		      producer->topic_name,
		      output_count(rate, (int64_t)((double)done * 1e6 / (double)(elapsed_us + 1))));
}

/* A file is there as a whole: it is committed by size alone. */
static bool
must_commit(const struct producer *producer)
{
	if (producer->pending >= CHUNK_RECORDS || transaction_bytes(producer->transaction) >= CHUNK_BYTES)
		return true;
	return producer->pending > 0 && !producer->lines.bytes_total &&
	       clock_monotonic_us() - producer->pending_since_us >= (int64_t)COMMIT_MS * 1000;
}

static int
take_all(struct producer *producer, struct error *err)
{
	for (;;) {
		enum lines_result result;
		struct bytes line;

		if (lines_next(&producer->lines, WAIT_MS, &result, &line, err) < 0)
			return fail_in(err, "%s", producer->file);
		if (result == LINES_LINE && take_line(producer, line, err) < 0)
			return -1;
		if ((result != LINES_LINE || must_commit(producer)) && commit(producer, err) < 0)
			return -1;
		if (result == LINES_END)
			return 0;
		if (result == LINES_WAITING || producer->lines.number % PROGRESS_RECORDS == 0)
			show_progress(producer);
	}
}

static int
produce_lines(struct producer *producer, const struct topology *topology, struct log *log, struct error *err)
{
	char *id = memory_format("%s.produce.%d", topology->name, (int)getpid());
	int result = log_topic(log, producer->spec->log_name, &producer->topic, err);

	if (result == 0)
		result = log_transaction_open(log, id, &producer->transaction, err);
	if (result == 0) {
		producer->partitions = log_topic_partitions(log, producer->topic);
		key_finder_init(&producer->keys, producer->spec);
		result = take_all(producer, err);
		transaction_close(&producer->transaction);
		key_finder_fini(&producer->keys);
	}
	progress_clear(&producer->progress);
	memory_free(&id);
	return result;
}

static int
produce_file(struct producer *producer, const struct topology *topology, const char *path, struct error *err)
{
	struct log *log;
	int index;
	int result;

	if (cli_topic(topology, producer->topic_name, &index, err) < 0 || lines_open(&producer->lines, path, err) < 0)
		return -1;
	producer->spec = &topology->topics[index];
	result = cli_open_log(producer->call, topology, false, &log, err);
	if (result == 0) {
		result = produce_lines(producer, topology, log, err);
		log_close(&log);
	}
	lines_close(&producer->lines);
	buffer_fini(&producer->value);
	return result;
}

static enum cli_status
produce(const struct call *call)
{
	const char *path = call->arguments[2];
	bool standard = !path || strcmp(path, "-") == 0;
	struct producer producer = {
		.call = call,
		.options = call->options,
		.file = standard ? "standard input" : path,
		.topic_name = call->arguments[1],
		.started_us = clock_monotonic_us(),
	};
	struct topology *topology;
	struct error err;
	int result;

	if (cli_load(call, &topology, &err) < 0)
		return cli_failed(call, &err);
	progress_init(&producer.progress);
	result = produce_file(&producer, topology, path, &err);
	topology_free(&topology);
	if (result < 0)
		return cli_failed(call, &err);
	if (producer.skipped > 0)
		tell(LOGGER_INFO, "produced", "%" PRId64 " records to %s, %" PRId64 " bad lines skipped",
		     producer.written, call->arguments[1], producer.skipped);
	else
		tell(LOGGER_INFO, "produced", "%" PRId64 " records to %s", producer.written, call->arguments[1]);
	return CLI_DONE;
}

const struct command command_produce = {
	.name = "produce",
	.arguments = "TOPOLOGY TOPIC [FILE]",
	.arguments_min = 2,
	.arguments_max = 3,
	.help = "Append records to a topic: plain JSON, one a line, from standard input or FILE.",
	.manual = "JSON is plain: no union wrappers, enums as strings, bytes as base64, timestamps as integer "
		  "milliseconds or ISO 8601 with a zone; fields that are left out take their default, an unknown "
		  "field is an error. The record's key is its key field, its partition follows from the key "
		  "(records without a key are spread over all), its timestamp is the wall clock's. Blank lines are "
		  "skipped.\n"
		  "Records are committed 10000 or 8 MiB at a time; those that come through a pipe also when it pauses "
		  "(0.2 s), and every 0.5 s. At the first bad line it "
		  "stops, and what was not committed is not appended: a file of up to 10000 records is all or "
		  "nothing, and of a longer one the message says from which line to go on.\n"
		  "Missing topics are created. With the embedded log it must be the only writer: stop a running job "
		  "first.",
	.options = produce_options,
	.options_size = sizeof(struct produce_options),
	.takes_topology = true,
	.run = produce,
};
