#include "dataflow/job_tables.h"

static int
open_operator(struct job *job, struct job_operator *operator, bool (*stop)(void *argument), void *argument,
	      struct error *err)
{
	const struct port *ports = operator->spec->type->tables;

	for (int i = 0; ports && ports[i].name; i++) {
		if (operator->spec->tables[i] < 0)
			continue;
		if (!operator->tables[i] && table_feed_open(job, operator, i, &operator->tables[i], err) < 0)
			return -1;
		if (table_feed_load(operator->tables[i], stop, argument, err) < 0)
			return -1;
	}
	return 0;
}

int
job_tables_open(struct job *job, int stage, bool (*stop)(void *argument), void *argument, struct error *err)
{
	for (int i = 0; i < job->topology->operator_count; i++) {
		struct job_operator *operator = &job->operators[i];

		if (operator->selected && (stage < 0 || operator->spec->stage == stage) &&
		    open_operator(job, operator, stop, argument, err) < 0)
			return -1;
	}
	return 0;
}

void
job_tables_close(struct job *job)
{
	for (int i = 0; i < job->topology->operator_count; i++)
		for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++)
			table_feed_close(&job->operators[i].tables[port]);
}

bool
job_has_tables(const struct job *job)
{
	for (int i = 0; i < job->topology->operator_count; i++)
		for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++)
			if (job->operators[i].tables[port])
				return true;
	return false;
}

#define EVERY (-1)

/* A turn of the open feed of that number, or of every one. *count: how many are open. */
static int
turn_feeds(struct job *job, int number, int64_t wait_ms, bool *progress, int *count, struct error *err)
{
	bool more;

	*count = 0;
	for (int i = 0; i < job->topology->operator_count; i++)
		for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++) {
			struct table_feed *feed = job->operators[i].tables[port];
			int own = feed ? (*count)++ : -1;

			if (!feed || (number != EVERY && number != own))
				continue;
			if (table_feed_turn(feed, wait_ms, &more, err) < 0)
				return -1;
			*progress |= more;
		}
	return 0;
}

/* As table_feed_turn: all are looked at, then there is one wait, on another one each time. */
int
job_tables_turn(struct job *job, int64_t wait_ms, bool *progress, struct error *err)
{
	int count;

	*progress = false;
	if (turn_feeds(job, EVERY, 0, progress, &count, err) < 0)
		return -1;
	if (*progress || wait_ms <= 0 || count == 0)
		return 0;
	job->table_waited = (job->table_waited + 1) % count;
	return turn_feeds(job, job->table_waited, wait_ms, progress, &count, err);
}

int
job_tables_check(const struct job_operator *operator, struct error *err)
{
	for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++)
		if (operator->tables[port] && table_feed_check(operator->tables[port], err) < 0)
			return -1;
	return 0;
}

/* Calls it with each table of the operator that is open. */
static void
each_table(const struct job_operator *operator, int worker, void (*call)(struct global_table *table, int reader))
{
	for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++)
		if (operator->tables[port])
			call(operator->tables[port]->table, worker);
}

void
job_tables_enter(const struct job_operator *operator, int worker)
{
	each_table(operator, worker, global_table_enter);
}

void
job_tables_pass(const struct job_operator *operator, int worker)
{
	each_table(operator, worker, global_table_pass);
}

void
job_tables_leave(const struct job_operator *operator, int worker)
{
	each_table(operator, worker, global_table_leave);
}
