#include "dataflow/dead_letter_pass.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dataflow/input.h"
#include "dataflow/partition_read.h"
#include "dataflow/topic_list.h"

#define ID_DIGITS (2 * LOG_TOPIC_ID_SIZE)

static void
id_text(struct log *log, int topic, char to[ID_DIGITS + 1])
{
	bytes_write_hex(bytes_of(log_topic_id(log, topic), LOG_TOPIC_ID_SIZE), to);
}

static bool
is_known(const char *id)
{
	return id[strspn(id, "0")] != '\0';
}

/* ---- reading ---- */

static void
add(struct job *job, struct job_operator *operator, const char *name, struct dead_letter_pass pass, const char *id)
{
	char now[ID_DIGITS + 1];

	for (int i = 0; i < job->topology->topic_count; i++) {
		if (strcmp(job->topology->topics[i].log_name, name) != 0)
			continue;
		pass.topic = job->topics[i];
		id_text(job->log, pass.topic, now);
		if (is_known(id) && is_known(now) && strcmp(id, now) != 0)
			return;
		operator->passes = memory_resize_array(operator->passes, operator->pass_count + 1,
						       sizeof(*operator->passes));
		operator->passes[operator->pass_count++] = pass;
	}
}

/* The last one told of an operator counts. */
static int
take(void *argument, const struct log_record *record, struct error *err)
{
	struct job *job = argument;
	char *key = memory_format("%.*s", bytes_arguments(record->key));
	char *text = memory_format("%.*s", bytes_arguments(record->value)), *rest = text;
	int index = topology_operator_find(job->topology, key), result = 0;

	if (index >= 0)
		job->operators[index].pass_count = 0;
	for (char *line; index >= 0 && result == 0 && (line = strsep(&rest, "\n")) && *line;) {
		char name[LOG_TOPIC_NAME_SIZE_MAX + 1], id[ID_DIGITS + 1];
		struct dead_letter_pass pass;

		_Static_assert(LOG_TOPIC_NAME_SIZE_MAX == 249 && ID_DIGITS == 32, "the widths below");
		if (sscanf(line, "%249s %d %" SCNd64 " %32s", name, &pass.partition, &pass.until, id) == 4)
			add(job, &job->operators[index], name, pass, id);
		else
			result = fail(err, FATAL,
				      "the topic of passes of dead letters says \"%.100s\" of operator %s: "
				      "it is damaged",
				      line, key);
	}
	memory_free(&key);
	memory_free(&text);
	return result;
}

int
dead_letter_passes_read(struct job *job, struct error *err)
{
	char *name = topic_list_passes(job->topology);
	struct partition_ends ends;
	int topic, result = log_topic(job->log, name, &topic, err);

	memory_free(&name);
	if (result < 0)
		return err->action == FATAL ? 0 : -1; /* nobody ever told one */
	if (log_partition_ends(job->log, topic, 0, &ends, err) < 0)
		return -1;
	return partition_read(job->log, topic, 0, ends.start, ends.pending_end, take, job, err);
}

int64_t
dead_letter_pass_until(const struct job_operator *operator, int topic, int partition)
{
	for (size_t i = 0; i < operator->pass_count; i++)
		if (operator->passes[i].topic == topic && operator->passes[i].partition == partition)
			return operator->passes[i].until;
	return 0;
}

void
dead_letter_pass_apply(const struct job_operator *operator, int topic, int partition, struct input *input)
{
	input->pass_until = dead_letter_pass_until(operator, topic, partition);
	if (input->position <= input->pass_until)
		input->window = (struct dead_letter_window){0};
}

/* ---- writing ---- */

int
dead_letter_passes_create(const struct topology *topology, struct log *log, struct error *err)
{
	char *name = topic_list_passes(topology);
	struct topic_spec spec = topic_list_internal(name, 1, true);
	int result = log_create_topic(log, &spec, err);

	memory_free(&name);
	return result;
}

static int
put_topic(const struct topology *topology, struct log *log, int index, struct buffer *to, struct error *err)
{
	const struct topology_topic *spec = &topology->topics[index];
	char id[ID_DIGITS + 1];
	int topic;

	if (log_topic(log, spec->log_name, &topic, err) < 0)
		return -1;
	id_text(log, topic, id);
	for (int i = 0; i < log_topic_partitions(log, topic); i++) {
		struct partition_ends ends;

		if (log_partition_ends(log, topic, i, &ends, err) < 0)
			return -1;
		buffer_print(to, "%s %d %" PRId64 " %s\n", spec->log_name, i, ends.pending_end, id);
	}
	return 0;
}

int
dead_letter_pass_write(const struct topology *topology, struct log *log, struct transaction *transaction, int operator,
		       struct error *err)
{
	const struct topology_operator *spec = &topology->operators[operator];
	char *name = topic_list_passes(topology);
	struct buffer value = {0};
	int topic, result = log_topic(log, name, &topic, err);

	memory_free(&name);
	for (int i = 0; i < TOPOLOGY_PORTS_MAX && result == 0; i++) {
		if (spec->inputs[i] >= 0)
			result = put_topic(topology, log, spec->inputs[i], &value, err);
		if (result == 0 && spec->tables[i] >= 0)
			result = put_topic(topology, log, spec->tables[i], &value, err);
	}
	if (result == 0) {
		buffer_put_bytes(transaction_append_begin(transaction, topic, 0, bytes_of_text(spec->name),
							  clock_now_ms(&clock_system)),
				 buffer_bytes(&value));
		result = transaction_append_end(transaction, err);
	}
	buffer_fini(&value);
	return result;
}
