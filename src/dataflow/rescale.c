/* How it is done: what is checked first is in rescale_check.c. */
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/crash_point.h"
#include "base/memory.h"
#include "dataflow/journals.h"
#include "dataflow/partition_read.h"
#include "dataflow/patience.h"
#include "dataflow/rescale_check.h"
#include "dataflow/topic_list.h"

#define COMMIT_BYTES ((size_t)8 << 20)	     /* of blocks, in one transaction */
#define COMMIT_TRIES_MAX 120		     /* of one whose outcome is not known */
#define GENERATIONS_MAX 1000		     /* that are looked at for a name that is free */
#define OWN_BYTES_MAX ((size_t)256 << 20)    /* of what belongs to tasks and not to keys */
#define MEMORY_BYTES_MIN ((int64_t)32 << 20) /* of one state while it is read */
#define DATABASE_MEMORY_SHARE 0.25
#define ABORTS_MAX 5 /* transactions that the log gives up, before that is final */
#define PAUSE_MS 200 /* before all is begun anew */

/* ---- states ---- */

static int
remove_file(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status, (void)type, (void)at;
	return remove(path);
}

static void
remove_stores(const struct rescale *rescale)
{
	nftw(rescale->directory, remove_file, 16, FTW_DEPTH | FTW_PHYS);
}

static int
ask_committed(struct rescale *rescale, int journal, int task, struct error *err)
{
	char *group = topic_list_group(rescale->topology, rescale->config->operator);
	int result = log_position(rescale->log, group, journal, task, &rescale->journal.committed, err);

	memory_free(&group);
	return result;
}

struct restoring {
	struct state *state;
	struct rescale_journal *journal;
};

static int
restore_record(void *argument, const struct log_record *record, struct error *err)
{
	struct restoring *restoring = argument;

	restoring->journal->last = record->offset;
	return state_restore(restoring->state, record->offset, record->value, err);
}

/*
 * To an end behind which nothing is pending: what a transaction that was open had there may have been given up, and its
 * decision takes an offset too. Whoever ended a moment ago may have one that is still on its way to the partition.
 */
static int
restore(struct rescale *rescale, int journal, int task, struct state *state, struct error *err)
{
	struct restoring restoring = {.state = state, .journal = &rescale->journal};
	struct partition_ends ends;
	int64_t from, to;

	if (ask_committed(rescale, journal, task, err) < 0 ||
	    log_partition_ends(rescale->log, journal, task, &ends, err) < 0 ||
	    state_restore_from(state, ends.start, ends.pending_end, &from, err) < 0)
		return -1;
	rescale->journal.start = ends.start;
	rescale->journal.last = -1;
	do {
		to = ends.pending_end;
		if (partition_read(rescale->log, journal, task, from, to, restore_record, &restoring, err) < 0 ||
		    log_partition_ends(rescale->log, journal, task, &ends, err) < 0)
			return -1;
		from = to;
	} while (ends.pending_end != to);
	if (journal == rescale->old)
		rescale->ends[task] = to;
	return 0;
}

typedef int use_state(struct rescale *rescale, int task, struct state *state, struct error *err);

/* Restores the state of one task of a journal into stores of their own, and hands it to `use`. */
static int
with_state(struct rescale *rescale, int journal, int task, use_state *use, struct error *err)
{
	const struct topology *topology = rescale->topology;
	int64_t memory = topology->memory_bytes > MEMORY_BYTES_MIN ? topology->memory_bytes : MEMORY_BYTES_MIN;
	int64_t database_bytes = (int64_t)((double)memory * DATABASE_MEMORY_SHARE);
	struct database_config database = {
		.directory = rescale->directory, .application = topology->name, .memory_bytes = database_bytes};
	struct state_config config = {.operator_name = rescale->spec->name,
				      .partition = task,
				      .stores = rescale->spec->type->stores,
				      .memory_bytes = memory - database_bytes};
	struct state *state;
	int result;

	remove_stores(rescale);
	if (database_open(&database, &config.database, err) < 0)
		return -1;
	result = state_open(&config, &state, err);
	if (result == 0) {
		result = restore(rescale, journal, task, state, err);
		if (result == 0)
			result = use(rescale, task, state, err);
		state_close(&state);
	}
	database_close(&config.database);
	remove_stores(rescale);
	return result < 0 ? fail_in(err, "operator %s, journal %s, task %d", rescale->spec->name,
				    log_topic_name(rescale->log, journal), task)
			  : 0;
}

static int
say(struct rescale *rescale, const char *doing, int done, int of, const struct split_counts *counts, struct error *err)
{
	struct rescale_progress progress = {.doing = doing, .done = done, .of = of};

	for (int i = 0; i < rescale->result->store_count; i++)
		progress.entries += counts[i].entries;
	if (rescale->config->progress)
		rescale->config->progress(rescale->config->argument, &progress);
	if (rescale->config->stopped && rescale->config->stopped())
		return fail(err, FATAL, "stopped: nothing was changed");
	return 0;
}

/* ---- writing ---- */

static int
commit(struct rescale *rescale, struct error *err)
{
	for (int tries = 0; tries < COMMIT_TRIES_MAX; tries++) {
		if (transaction_commit(rescale->transaction, err) == 0)
			return crash_here(CRASH_SPLIT, err);
		if (err->action != RETRY)
			return -1;
	}
	return -1;
}

static int
append_to(struct rescale *rescale, int topic, int partition, struct bytes value, struct error *err)
{
	struct buffer *buffer = transaction_append_begin(rescale->transaction, topic, partition, (struct bytes){0},
							 clock_now_ms(rescale->config->clock));

	buffer_put_bytes(buffer, value);
	if (transaction_append_end(rescale->transaction, err) < 0)
		return -1;
	transaction_keep(rescale->transaction);
	return 0;
}

static int
append_part(void *argument, int task, struct bytes part, struct error *err)
{
	struct rescale *rescale = argument;

	if (append_to(rescale, rescale->new, task, part, err) < 0)
		return -1;
	return transaction_bytes(rescale->transaction) < COMMIT_BYTES ? 0 : commit(rescale, err);
}

static int
task_of(void *argument, struct bytes input_key)
{
	const struct rescale *rescale = argument;

	return log_partition_of(input_key, rescale->config->tasks);
}

static int
add_state(struct rescale *rescale, int task, struct state *state, struct error *err)
{
	if (split_is_draining(state))
		return fail(
			err, FATAL,
			"a bounded run was stopped while it closed its windows; let it come to its end: isotope run "
			"--until-end, with the number of partitions of before");
	if (rescale_headers_put(&rescale->headers, task, state_header(state), err) < 0 ||
	    rescale_check_journal(rescale, task, state, err) < 0)
		return -1;
	return split_add(rescale->split, state, rescale->result->before, err);
}

static int
is_empty(struct rescale *rescale, int topic, bool *empty, struct error *err)
{
	*empty = true;
	for (int i = 0; i < log_topic_partitions(rescale->log, topic) && *empty; i++) {
		struct partition_ends ends;

		if (log_partition_ends(rescale->log, topic, i, &ends, err) < 0)
			return -1;
		*empty = ends.start == ends.pending_end;
	}
	return 0;
}

/* A journal that a call before this one began is passed by: a cluster removes records when it likes. */
static int
make_journal(struct rescale *rescale, struct error *err)
{
	int before = *rescale->spec->generation, result = 1;

	for (int i = before + 1; result > 0 && i < before + GENERATIONS_MAX; i++) {
		char *name = topic_list_journal_of(rescale->topology, rescale->config->operator, i);
		struct topic_spec spec = topic_list_internal(name, rescale->config->tasks, false);

		if (log_topic(rescale->log, name, &rescale->new, err) == 0) {
			bool empty;

			if (is_empty(rescale, rescale->new, &empty, err) < 0)
				result = -1;
			else if (empty && log_topic_partitions(rescale->log, rescale->new) == spec.partitions)
				result = 0;
		} else if (err->action != FATAL) {
			result = -1;
		} else {
			result = log_create_topic(rescale->log, &spec, err);
			if (result == 0)
				result = log_topic(rescale->log, name, &rescale->new, err);
		}
		rescale->result->generation = i;
		memory_free(&name);
	}
	return result <= 0 ? result : fail(err, FATAL, "no name is free for a new journal");
}

static int
empty_journal(struct rescale *rescale, int topic, struct error *err)
{
	for (int i = 0; i < log_topic_partitions(rescale->log, topic); i++) {
		struct partition_ends ends;

		if (log_partition_ends(rescale->log, topic, i, &ends, err) < 0)
			return -1;
		if (ends.end > ends.start && log_trim(rescale->log, topic, i, ends.end, err) < 0)
			return -1;
	}
	return 0;
}

static int
write_new(struct rescale *rescale, struct error *err)
{
	int from = rescale->result->from, to = rescale->config->tasks;
	struct buffer header = {0};
	int result = 0;

	for (int i = 0; i < from && result == 0; i++) {
		result = say(rescale, "reading", i, from, rescale->result->before, err);
		if (result == 0)
			result = with_state(rescale, rescale->old, i, add_state, err);
	}
	if (result == 0)
		result = rescale_check_inputs(rescale, err);
	for (int i = 0; i < to && result == 0; i++) {
		buffer_clear(&header);
		rescale_headers_write(&rescale->headers, i, to, &header);
		result = split_end(rescale->split, i, buffer_bytes(&header), err);
	}
	buffer_fini(&header);
	return result < 0 ? -1 : commit(rescale, err);
}

/* ---- counting, and the switch ---- */

static int
count_state(struct rescale *rescale, int task, struct state *state, struct error *err)
{
	(void)task;
	return split_count(state, rescale->result->after, err);
}

static int
count_new(struct rescale *rescale, struct error *err)
{
	const struct rescale_result *result = rescale->result;
	const struct split_counts *given = split_given(rescale->split);

	for (int i = 0; i < rescale->config->tasks; i++)
		if (say(rescale, "counting", i, rescale->config->tasks, result->after, err) < 0 ||
		    with_state(rescale, rescale->new, i, count_state, err) < 0)
			return -1;
	for (int i = 0; i < result->store_count; i++)
		if (given[i].entries != result->after[i].entries || given[i].timers != result->after[i].timers)
			return fail(err, FATAL,
				    "of store %s of operator %s %" PRId64 " entries with %" PRId64
				    " timers were written, and %" PRId64 " with %" PRId64
				    " came out: a key is in two tasks. Nothing was changed",
				    rescale->spec->type->stores[i].name, rescale->spec->name, given[i].entries,
				    given[i].timers, result->after[i].entries, result->after[i].timers);
	return crash_here(CRASH_COUNTED, err);
}

/* From the offsets that were read to, and nowhere else: else somebody has run the operator meanwhile. */
static int
make_switch(struct rescale *rescale, struct error *err)
{
	struct buffer end = {0};
	int result = 0;

	split_put_end(&end);
	for (int i = 0; i < rescale->result->from && result == 0; i++) {
		transaction_expect(rescale->transaction, rescale->old, i, rescale->ends[i]);
		result = append_to(rescale, rescale->old, i, buffer_bytes(&end), err);
	}
	buffer_fini(&end);
	if (result == 0)
		result = journals_switch(rescale->log, rescale->transaction, rescale->topology,
					 rescale->config->operator, rescale->result->generation, rescale->config->tasks,
					 err);
	if (result == 0) {
		transaction_keep(rescale->transaction);
		result = commit(rescale, err);
	}
	if (result < 0)
		return fail_in(err,
			       "the switch to the new journal (nothing was changed, unless the next call says so)");
	*rescale->spec->generation = rescale->result->generation;
	return crash_here(CRASH_SWITCHED, err);
}

static int
hold_operator(struct rescale *rescale, struct error *err)
{
	char *group = topic_list_group(rescale->topology, rescale->config->operator);
	struct member_spec spec = {.group = group, .workers = 1, .fixed = true, .journal = rescale->old};
	int result = log_member_open(rescale->log, &spec, &rescale->member, err);

	memory_free(&group);
	if (result == 0)
		rescale->transaction = member_transaction(rescale->member);
	return result;
}

static int
move(struct rescale *rescale, struct error *err)
{
	struct split_config config = {
		.tasks = rescale->config->tasks,
		.stores = rescale->spec->type->stores,
		.own_bytes_max = OWN_BYTES_MAX,
		.task_of = task_of,
		.append = append_part,
		.argument = rescale,
	};
	char *name = topic_list_journals(rescale->topology);
	struct topic_spec journals = topic_list_internal(name, 1, true);
	int result;

	result = log_create_topic(rescale->log, &journals, err);
	memory_free(&name);
	if (result < 0 || hold_operator(rescale, err) < 0 || make_journal(rescale, err) < 0 ||
	    split_open(&config, &rescale->split, err) < 0)
		return -1;
	rescale_headers_init(&rescale->headers, rescale->topology, rescale->spec, rescale->result->from);
	rescale->ends = memory_new_array((size_t)rescale->result->from, sizeof(*rescale->ends));
	if (write_new(rescale, err) < 0 || count_new(rescale, err) < 0 || make_switch(rescale, err) < 0)
		return -1;
	return 0;
}

static int
finish_journal(struct rescale *rescale, const char *name, struct error *err)
{
	struct buffer *names = &rescale->result->old_journals;
	int topic;

	if (log_topic(rescale->log, name, &topic, err) < 0)
		return err->action == FATAL ? 0 : -1;
	buffer_print(names, "%s%s", names->size > 0 ? ", " : "", name);
	return empty_journal(rescale, topic, err);
}

/* What a call before this one may have left: the old journals' space, and topics without their partitions. */
static int
finish(struct rescale *rescale, struct error *err)
{
	int now = *rescale->spec->generation, result = 0;

	for (int i = 1; i < now && result == 0; i++) {
		char *name = topic_list_journal_of(rescale->topology, rescale->config->operator, i);
		result = finish_journal(rescale, name, err);
		memory_free(&name);
	}
	rescale->result->keeps_topics = log_is_private(rescale->log);
	return result < 0 ? -1 : rescale_raise_topics(rescale, err);
}

static int
work(struct rescale *rescale, struct error *err)
{
	struct rescale_result *result = rescale->result;

	if (rescale_check_topology(rescale, err) < 0 || rescale_open_topics(rescale, err) < 0)
		return -1;
	while (rescale->spec->type->stores && rescale->spec->type->stores[result->store_count].name)
		result->store_count++;
	result->from = log_topic_partitions(rescale->log, rescale->old);
	result->to = rescale->config->tasks;
	result->generation = *rescale->spec->generation;
	if (result->from != result->to && move(rescale, err) < 0)
		return -1;
	return finish(rescale, err);
}

static void
clean_up(struct rescale *rescale)
{
	split_close(&rescale->split);
	rescale_headers_fini(&rescale->headers);
	memory_free(&rescale->ends);
	if (rescale->member)
		member_close(&rescale->member);
	if (rescale->log)
		log_close(&rescale->log);
	remove_stores(rescale);
	memory_free(&rescale->directory);
}

static int
attempt(const struct rescale_config *config, struct rescale_result *out, struct error *err)
{
	struct rescale rescale = {
		.config = config,
		.topology = config->topology,
		.spec = &config->topology->operators[config->operator],
		.result = out,
		.directory = memory_format("%s/rescale", config->directory),
	};
	int result;

	rescale_result_fini(out);
	result = runtime_open_log_only(config->topology, config->directory, false, config->clock, &rescale.log, err);
	if (result == 0)
		result = work(&rescale, err);
	clean_up(&rescale);
	return result;
}

/* The log does not answer, or has given the transaction up: whether that may be met by beginning anew. */
static int
wait_a_moment(const struct rescale_config *config, struct patience *patience, int *aborts, struct error *err)
{
	struct patience_owner owner = {.operator = config->topology->operators[config->operator].name, .task = -1};
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};

	if (err->action != RETRY && ((err->action != ABORT && err->action != FENCED) || ++*aborts > ABORTS_MAX))
		return -1;
	if (config->stopped && config->stopped())
		return -1;
	nanosleep(&pause, NULL);
	return patience_fail(patience, &owner, clock_steady_ms(config->clock), 0, config->topology->outage_ms, err);
}

int
rescale(const struct rescale_config *config, struct rescale_result *out, struct error *err)
{
	struct patience patience = {0};
	int aborts = 0, result;

	*out = (struct rescale_result){0};
	while ((result = attempt(config, out, err)) < 0)
		if (wait_a_moment(config, &patience, &aborts, err) < 0)
			break;
	return result;
}

void
rescale_result_fini(struct rescale_result *result)
{
	buffer_fini(&result->old_journals);
	*result = (struct rescale_result){0};
}
