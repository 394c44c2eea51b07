/*
 * state: what an operator remembers.
 *
 * It never touches the stores of a running job: it restores each task from its journal into a database in memory, just
 * as a new owner of the task would, and looks at that.
 */
#include "dataflow/task_forms.h"
#include "dataflow/topic_list.h"

#include <inttypes.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/scan.h"
#include "base/stop.h"
#include "cli/grid.h"
#include "dataflow/task_header.h"
#include "record/json.h"

#define DATABASE_MEMORY_SHARE 0.25

struct state_options {
	bool summary;
	int64_t task; /* -1: all */
};

static const struct option state_options[] = {
	{.name = "summary",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct state_options, summary),
	 .initial = "false",
	 .help = "Only per task: positions, watermark, entries and bytes."},
	{.name = "task",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct state_options, task),
	 .initial = "-1",
	 .min = -1,
	 .max = LOG_PARTITIONS_MAX,
	 .help = "Only this task; -1: all."},
	OPTION_END,
};

static const char *const columns[] = {">TASK", "STORE", ">ENTRIES", ">VALUE BYTES", ">TIMERS", "NEXT TIMER", NULL};

struct inspection {
	const struct call *call;
	const struct state_options *options;
	const struct topology *topology;
	const struct topology_operator *spec;
	const char *key; /* only this one; NULL: all */
	struct log *log;
	int journal;
	int task;
	struct state *state;
	struct task_forms *forms;
	struct grid grid;
	struct output output;
	int64_t found;
};

/* ---- one entry ---- */

static int
put_entry(struct inspection *inspection, const char *store, const struct entry *entry, struct error *err)
{
	struct buffer *out = &inspection->output.buffer;

	buffer_print(out, "{\"store\":");
	output_json_text(out, bytes_of_text(store));
	output_json_member(out, "key", entry_key(entry));
	if (entry_timer(entry) == TIME_MAX)
		buffer_print(out, ",\"timer\":null,\"value\":");
	else
		buffer_print(out, ",\"timer\":%" PRId64 ",\"value\":", entry_timer(entry));
	if (inspection->spec->type->show) {
		inspection->spec->type->show(entry, out);
	} else {
		buffer_put_u8(out, '"');
		json_base64_write(entry_value(entry), out);
		buffer_put_u8(out, '"');
	}
	buffer_put_u8(out, '}');
	inspection->found++;
	return output_line(&inspection->output, err);
}

static int
put_key(struct inspection *inspection, int index, struct error *err)
{
	struct key key = key_of(bytes_of_text(inspection->key));
	struct entry *entry;

	if (store_find(state_store(inspection->state, index), key, &entry, err) < 0)
		return -1;
	return entry ? put_entry(inspection, inspection->spec->type->stores[index].name, entry, err) : 0;
}

/* ---- a store ---- */

static int
put_all(struct inspection *inspection, int index, struct store_scan *scan, struct error *err)
{
	struct entry *entry;

	while (!inspection->output.gone) {
		if (store_scan_next(scan, &entry, err) < 0)
			return -1;
		if (!entry)
			return 0;
		if (put_entry(inspection, inspection->spec->type->stores[index].name, entry, err) < 0)
			return -1;
	}
	return 0;
}

static int
put_totals(struct inspection *inspection, int index, struct store_scan *scan, struct error *err)
{
	int64_t entries = 0, bytes = 0, timers = 0, next = TIME_MAX;
	struct entry *entry;
	char time[OUTPUT_NUMBER_SIZE];

	for (;;) {
		if (store_scan_next(scan, &entry, err) < 0)
			return -1;
		if (!entry)
			break;
		entries++;
		bytes += (int64_t)entry_value(entry).size;
		timers += entry_timer(entry) != TIME_MAX;
		next = entry_timer(entry) < next ? entry_timer(entry) : next;
	}
	grid_put(&inspection->grid, "%d", inspection->task);
	grid_put(&inspection->grid, "%s", inspection->spec->type->stores[index].name);
	grid_put(&inspection->grid, "%" PRId64, entries);
	grid_put(&inspection->grid, "%" PRId64, bytes);
	grid_put(&inspection->grid, "%" PRId64, timers);
	grid_put(&inspection->grid, "%s", output_time(time, next));
	return 0;
}

static int
put_store(struct inspection *inspection, int index, struct error *err)
{
	struct store_scan *scan;
	int result;

	if (inspection->key)
		return put_key(inspection, index, err);
	if (store_scan_open(state_store(inspection->state, index), (struct bytes){0}, &scan, err) < 0)
		return -1;
	result = inspection->options->summary ? put_totals(inspection, index, scan, err)
					      : put_all(inspection, index, scan, err);
	store_scan_close(&scan);
	return result;
}

/* ---- a task ---- */

static void
print_header(struct inspection *inspection, const struct task_header *header)
{
	struct buffer *out = &inspection->output.buffer;
	char time[OUTPUT_NUMBER_SIZE];

	buffer_print(out, "task %d: watermark %s, opened %" PRIu64 " times\n", inspection->task,
		     output_time(time, header->watermark), header->incarnation);
	if (header->writer.size != 0)
		buffer_print(out, "    last written by %.*s\n", bytes_arguments(header->writer));
	for (int i = 0; i < header->input_count; i++)
		buffer_print(out, "    %.*s <- %.*s: next offset %" PRId64 ", highest event time %s\n",
			     bytes_arguments(header->inputs[i].port), bytes_arguments(header->inputs[i].topic),
			     header->inputs[i].position, output_time(time, header->inputs[i].time_max));
}

static int
put_header(struct inspection *inspection, struct error *err)
{
	struct bytes bytes = state_header(inspection->state);
	struct task_header header;
	int result;

	if (bytes.size == 0) {
		buffer_print(&inspection->output.buffer, "task %d: has not committed anything yet\n", inspection->task);
		return 0;
	}
	result = task_header_read(bytes, &header, err);
	if (result == 0)
		print_header(inspection, &header);
	task_header_fini(&header);
	return result;
}

static int
restore_record(void *argument, const struct log_record *record, struct error *err)
{
	struct inspection *inspection = argument;

	return state_restore(inspection->state, record->offset, record->value, err);
}

/*
 * Reads to wherever the journal's end is by then: while it reads, the owner may trim what lies before the reader, and
 * only blocks written since then have what was in it.
 */
static int
restore(struct inspection *inspection, struct error *err)
{
	struct partition_ends ends;
	int64_t from;

	if (log_partition_ends(inspection->log, inspection->journal, inspection->task, &ends, err) < 0 ||
	    state_restore_from(inspection->state, ends.start, ends.end, &from, err) < 0)
		return -1;
	return scan_partition(inspection->log, inspection->journal, inspection->task, from, INT64_MAX, restore_record,
			      inspection, err);
}

static int
put_stores(struct inspection *inspection, struct error *err)
{
	const struct store_spec *stores = inspection->spec->type->stores;
	int result = restore(inspection, err);

	if (result == 0)
		result = task_forms_open(inspection->topology, inspection->spec, inspection->task, inspection->state,
					 &inspection->forms, err);
	if (result == 0 && inspection->options->summary)
		result = put_header(inspection, err);
	for (int i = 0; stores && stores[i].name && result == 0; i++)
		result = put_store(inspection, i, err);
	return result;
}

/* Each task has a database of its own, so that there is never more than one task in memory. */
static int
put_task(struct inspection *inspection, struct error *err)
{
	const struct topology *topology = inspection->topology;
	int64_t database_bytes = (int64_t)((double)topology->memory_bytes * DATABASE_MEMORY_SHARE);
	struct database_config database_config = {.application = topology->name, .memory_bytes = database_bytes};
	struct state_config config = {
		.operator_name = inspection->spec->name,
		.partition = inspection->task,
		.stores = inspection->spec->type->stores,
		.memory_bytes = topology->memory_bytes - database_bytes,
	};
	int result;

	if (database_open(&database_config, &config.database, err) < 0)
		return -1;
	result = state_open(&config, &inspection->state, err);
	if (result == 0) {
		result = put_stores(inspection, err);
		state_close(&inspection->state);
		task_forms_close(&inspection->forms);
	}
	database_close(&config.database);
	return result;
}

static int
put_tasks(struct inspection *inspection, struct error *err)
{
	int tasks = log_topic_partitions(inspection->log, inspection->journal);
	int only = (int)inspection->options->task;
	int result = 0;

	if (only >= tasks)
		return fail(err, FATAL, "operator %s has no task %d; expected 0 to %d", inspection->spec->name, only,
			    tasks - 1);
	for (int i = 0; i < tasks && result == 0 && !inspection->output.gone; i++) {
		inspection->task = i;
		if (only < 0 || only == i)
			result = put_task(inspection, err);
	}
	if (result == 0 && inspection->options->summary)
		grid_write(&inspection->grid, &inspection->output.buffer);
	if (result == 0)
		result = output_flush(&inspection->output, err);
	if (result == 0 && inspection->key && inspection->found == 0)
		return fail(err, FATAL, "operator %s has no entry \"%.200s\"", inspection->spec->name, inspection->key);
	return result < 0 ? -1 : 0;
}

/* ---- the command ---- */

static int
inspect_journal(struct inspection *inspection, int index, struct error *err)
{
	char *journal = topic_list_journal(inspection->topology, index);
	int result = log_topic(inspection->log, journal, &inspection->journal, err);

	if (result < 0) {
		fail_in(err, "operator %s has not run yet", inspection->spec->name);
	} else {
		grid_init(&inspection->grid, columns);
		result = put_tasks(inspection, err);
		grid_fini(&inspection->grid);
	}
	memory_free(&journal);
	return result;
}

static int
inspect(struct inspection *inspection, struct error *err)
{
	int index;
	int result;

	if (cli_operator(inspection->topology, inspection->call->arguments[1], &index, err) < 0)
		return -1;
	inspection->spec = &inspection->topology->operators[index];
	if (cli_open_log(inspection->call, inspection->topology, true, &inspection->log, err) < 0)
		return -1;
	result = inspect_journal(inspection, index, err);
	log_close(&inspection->log);
	return result;
}

static enum cli_status
state(const struct call *call)
{
	struct inspection inspection = {.call = call, .options = call->options, .key = call->arguments[2]};
	struct topology *topology;
	struct error err;
	int result;

	if (inspection.key && inspection.options->summary)
		return cli_misused(call, "--summary takes no KEY");
	if (cli_load(call, &topology, &err) < 0)
		return cli_failed(call, &err);
	inspection.topology = topology;
	stop_install();
	result = inspect(&inspection, &err);
	output_fini(&inspection.output);
	topology_free(&topology);
	return result < 0 ? cli_failed(call, &err) : CLI_DONE;
}

const struct command command_state = {
	.name = "state",
	.arguments = "TOPOLOGY OPERATOR [KEY]",
	.arguments_min = 2,
	.arguments_max = 3,
	.help = "Print what an operator remembers: all entries, or those of one key, as JSON lines.",
	.manual = "Each entry is {store, key, timer, value}; the timer is integer milliseconds of event time or "
		  "null. It reads the operator's journal, so it shows what was committed last and may be called "
		  "beside a running job.",
	.options = state_options,
	.options_size = sizeof(struct state_options),
	.takes_topology = true,
	.run = state,
};
