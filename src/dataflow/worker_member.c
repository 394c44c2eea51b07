#include "dataflow/worker_member.h"

#include "state/state.h"

#define JOURNAL_MESSAGE_BYTES 1048588 /* Kafka's default max.message.bytes: enough for a journal */

static int
list_topics(const struct job *job, const int *from, int to[TOPOLOGY_PORTS_MAX])
{
	int count = 0;

	for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++)
		if (from[port] >= 0)
			to[count++] = job->topics[from[port]];
	return count;
}

/* The journal's records are ours: there is nothing to leave out of one that is too large. */
static int
check_journal(const struct job *job, int journal, struct error *err)
{
	size_t size_max = log_record_size_max(job->log, journal);

	if (size_max >= STATE_BLOCK_PART_SIZE_MAX)
		return 0;
	return fail(err, FATAL,
		    "topic %s takes records of %zu bytes; a journal needs %d: raise its max.message.bytes to %d",
		    log_topic_name(job->log, journal), size_max, STATE_BLOCK_PART_SIZE_MAX, JOURNAL_MESSAGE_BYTES);
}

int
worker_member_open(struct job *job, struct job_operator *operator, int worker, struct member **out, struct error *err)
{
	const struct topology_operator *spec = operator->spec;
	int inputs[TOPOLOGY_PORTS_MAX], outputs[TOPOLOGY_PORTS_MAX + 1];
	struct member_spec member = {
		.group = operator->group,
		.worker = worker,
		.workers = operator->workers,
		.journal = operator->journal,
		.inputs = inputs,
		.outputs = outputs,
		.fixed = job->bounded,
		.old_partitions = job->old_partitions,
	};

	member.input_count = list_topics(job, spec->inputs, inputs);
	member.output_count = list_topics(job, spec->outputs, outputs);
	outputs[member.output_count++] = job->topics[job->topology->dead_letters];
	if (log_member_open(job->log, &member, out, err) < 0)
		return -1;
	return check_journal(job, operator->journal, err);
}
