/* topics: what is in the log, partition by partition. */
#include <inttypes.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/grid.h"
#include "cli/scan.h"
#include "dataflow/runtime.h"
#include "dataflow/topic_list.h"

#define COUNT_MAX 100000 /* offsets of a partition whose records are counted without being asked to */

struct topics_options {
	bool json;
	bool total;
	bool count;
	bool create;
};

static const struct option topics_options[] = {
	{.name = "json",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct topics_options, json),
	 .initial = "false",
	 .help = "One JSON object a line instead of a table; times are integer milliseconds."},
	{.name = "total",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct topics_options, total),
	 .initial = "false",
	 .help = "A line a topic instead of one a partition."},
	{.name = "count",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct topics_options, count),
	 .initial = "false",
	 .help = "Count records where that takes reading more than 100,000 offsets of a partition, too (Kafka)."},
	{.name = "create",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct topics_options, create),
	 .initial = "false",
	 .help = "Create what is missing first: the topology's topics, the journals of its operators, with the "
		 "settings they need."},
	OPTION_END,
};

static const char *const columns[] = {"TOPIC",	    ">PARTITION", ">RECORDS", ">FIRST", ">LAST",
				      "FIRST TIME", "LAST TIME",  ">BYTES",   NULL};

static const char *const total_columns[] = {"TOPIC",	 ">PARTITIONS", ">RECORDS", "FIRST TIME",
					    "LAST TIME", ">BYTES",	NULL};

struct listing {
	const struct call *call;
	struct log *log;
	bool json, total, count;
	struct grid grid;
	struct output output;
};

static int
count_one(void *argument, const struct log_record *record, struct error *err)
{
	(void)record;
	(void)err;
	++*(int64_t *)argument;
	return 0;
}

/* Where the log does not know how many records there are, only reading them tells. */
static int
count_records(struct listing *listing, int topic, int partition, struct partition_info *info, struct error *err)
{
	int64_t records = 0;
	int result;

	if (info->records >= 0 || (!listing->count && info->end - info->start > COUNT_MAX))
		return 0;
	result = scan_partition(listing->log, topic, partition, info->start, info->end, count_one, &records, err);
	if (result == 0)
		info->records = records;
	return result < 0 ? -1 : 0;
}

static void
put_json_records(struct buffer *out, const struct partition_info *info)
{
	if (info->records < 0)
		buffer_print(out, ",\"records\":null");
	else
		buffer_print(out, ",\"records\":%" PRId64, info->records);
}

static void
put_grid_records(struct grid *grid, const struct partition_info *info)
{
	if (info->records < 0)
		grid_put(grid, "<=%" PRId64, info->end - info->start);
	else
		grid_put(grid, "%" PRId64, info->records);
}

static void
put_json_times(struct buffer *out, const struct partition_info *info)
{
	if (info->first_time != TIME_MIN)
		buffer_print(out, ",\"first_time\":%" PRId64 ",\"last_time\":%" PRId64, info->first_time,
			     info->last_time);
	else
		buffer_print(out, ",\"first_time\":null,\"last_time\":null");
	if (info->bytes < 0)
		buffer_print(out, ",\"bytes\":null}");
	else
		buffer_print(out, ",\"bytes\":%" PRId64 "}", info->bytes);
}

static void
put_grid_times(struct grid *grid, const struct partition_info *info)
{
	char text[OUTPUT_NUMBER_SIZE];

	grid_put(grid, "%s", output_time(text, info->first_time));
	grid_put(grid, "%s", output_time(text, info->last_time));
	if (info->bytes < 0)
		grid_put(grid, "-");
	else
		grid_put(grid, "%" PRId64, info->bytes);
}

static int
put_partition(struct listing *listing, const char *topic, int partition, const struct partition_info *info,
	      struct error *err)
{
	struct buffer *out = &listing->output.buffer;
	struct grid *grid = &listing->grid;

	if (listing->json) {
		buffer_print(out, "{\"topic\":");
		output_json_text(out, bytes_of_text(topic));
		buffer_print(out, ",\"partition\":%d", partition);
		put_json_records(out, info);
		buffer_print(out, ",\"first_offset\":%" PRId64 ",\"last_offset\":%" PRId64, info->start, info->end - 1);
		put_json_times(out, info);
		return output_line(&listing->output, err);
	}
	grid_put(grid, "%s", topic);
	grid_put(grid, "%d", partition);
	put_grid_records(grid, info);
	if (info->end == info->start) {
		grid_put(grid, "-");
		grid_put(grid, "-");
	} else {
		grid_put(grid, "%" PRId64, info->start);
		grid_put(grid, "%" PRId64, info->end - 1);
	}
	put_grid_times(grid, info);
	return 0;
}

static int
put_total(struct listing *listing, const char *topic, int partitions, const struct partition_info *total,
	  struct error *err)
{
	struct buffer *out = &listing->output.buffer;
	struct grid *grid = &listing->grid;

	if (listing->json) {
		buffer_print(out, "{\"topic\":");
		output_json_text(out, bytes_of_text(topic));
		buffer_print(out, ",\"partitions\":%d", partitions);
		put_json_records(out, total);
		put_json_times(out, total);
		return output_line(&listing->output, err);
	}
	grid_put(grid, "%s", topic);
	grid_put(grid, "%d", partitions);
	put_grid_records(grid, total);
	put_grid_times(grid, total);
	return 0;
}

/* What is not known of one partition is not known of all. (Offsets, together, are from 0 on.) */
static void
add_up(struct partition_info *total, const struct partition_info *info)
{
	total->end += info->end - info->start;
	total->records = total->records < 0 || info->records < 0 ? -1 : total->records + info->records;
	total->bytes = total->bytes < 0 || info->bytes < 0 ? -1 : total->bytes + info->bytes;
	if (info->first_time == TIME_MIN)
		return;
	if (total->first_time == TIME_MIN || info->first_time < total->first_time)
		total->first_time = info->first_time;
	if (info->last_time > total->last_time)
		total->last_time = info->last_time;
}

static int
put_topic(struct listing *listing, const struct topic_spec *spec, const char *name, struct error *err)
{
	struct partition_info total = {.first_time = TIME_MIN, .last_time = TIME_MIN};
	int topic;

	/* An older directory lacks what later versions need. */
	if (log_topic(listing->log, spec->name, &topic, err) < 0) {
		if (err->action != FATAL)
			return -1;
		cli_note(listing->call, "topic %s is not there yet", name);
		return 0;
	}
	if (spec->journal && log_check_journal(listing->log, spec, err) < 0) {
		if (err->action != FATAL)
			return -1;
		cli_note(listing->call, "%s", err->text);
	}
	for (int i = 0; i < log_topic_partitions(listing->log, topic); i++) {
		struct partition_info info;

		if (log_partition_info(listing->log, topic, i, &info, err) < 0 ||
		    count_records(listing, topic, i, &info, err) < 0)
			return -1;
		add_up(&total, &info);
		if (!listing->total && put_partition(listing, name, i, &info, err) < 0)
			return -1;
	}
	return listing->total ? put_total(listing, name, log_topic_partitions(listing->log, topic), &total, err) : 0;
}

static int
put_topics(struct listing *listing, const struct topology *topology, struct error *err)
{
	struct topic_list list = topic_list_of(topology);
	int result = 0;

	for (size_t i = 0; i < list.count && result == 0; i++)
		result = put_topic(listing, &list.specs[i],
				   i < (size_t)topology->topic_count ? topology->topics[i].name : list.specs[i].name,
				   err);
	topic_list_free(&list);
	if (result == 0 && !listing->json)
		grid_write(&listing->grid, &listing->output.buffer);
	return result < 0 ? -1 : output_flush(&listing->output, err);
}

static enum cli_status
topics(const struct call *call)
{
	const struct topics_options *options = call->options;
	struct listing listing = {
		.call = call, .json = options->json, .total = options->total, .count = options->count};
	struct topology *topology;
	struct error err;
	int result;

	if (cli_load(call, &topology, &err) < 0)
		return cli_failed(call, &err);
	grid_init(&listing.grid, options->total ? total_columns : columns);
	result = cli_open_log(call, topology, !options->create, &listing.log, &err);
	if (result == 0) {
		if (options->create)
			result = runtime_topics(topology, listing.log, true, &err);
		if (result == 0)
			result = put_topics(&listing, topology, &err);
		log_close(&listing.log);
	}
	grid_fini(&listing.grid);
	output_fini(&listing.output);
	topology_free(&topology);
	return result < 0 ? cli_failed(call, &err) : CLI_DONE;
}

const struct command command_topics = {
	.name = "topics",
	.arguments = "TOPOLOGY",
	.arguments_min = 1,
	.arguments_max = 1,
	.help = "Partitions, records, first and last offset and time, and bytes of every topic.",
	.manual = "The topics of the topology first, then the journals of its operators. Without --create it only "
		  "reads, so it may be called beside a running job. On Kafka "
		  "offsets are no count of records: markers of transactions take some, and what was aborted or "
		  "compacted. Records are counted by reading; where that would take too long, the table has an upper "
		  "bound (`<=`) and JSON has null.",
	.options = topics_options,
	.options_size = sizeof(struct topics_options),
	.takes_topology = true,
	.run = topics,
};
