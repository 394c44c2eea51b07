/*
 * A worker's place in its operator's group, the queues of its inputs, and its transaction.
 *
 * One descriptor is written to when anything comes into an empty queue, of the group or of an input: that is what a
 * member waits on.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "log/kafka_group.h"
#include "log/kafka_limit.h"
#include "log/kafka_place.h"

struct kafka_member {
	struct member member;
	struct kafka *log;
	int event_fd;
	struct kafka_group *group;
	rd_kafka_t *fetcher;
	struct transaction *transaction;
	int journal;
	int *topics;
	int input_count;
	int partition_count;
	struct kafka_place **places; /* by partition * input_count + input; NULL: not started */
	bool woken;
	bool topic_gone; /* one of them was not there, the last time */
	enum { CONNECTIONS_GOOD, CONNECTIONS_BAD, CONNECTIONS_TO_RENEW } connections; /* the fetcher's */
};

static struct kafka_member *
own(struct member *base)
{
	return (struct kafka_member *)base;
}

/* ---- opening and closing ---- */

static int
check_inputs(struct kafka *log, const struct member_spec *spec, struct error *err)
{
	int partitions = kafka_topic_partitions(&log->log, spec->journal);

	for (int i = 0; i < spec->input_count; i++)
		if (kafka_topic_partitions(&log->log, spec->inputs[i]) != partitions && !spec->old_partitions)
			return fail(err, FATAL, "topic '%s' has %d partitions and '%s' has %d: they must have as many",
				    kafka_topic_name(&log->log, spec->inputs[i]),
				    kafka_topic_partitions(&log->log, spec->inputs[i]),
				    kafka_topic_name(&log->log, spec->journal), partitions);
	return 0;
}

static int
open_fetcher(struct kafka_member *member, struct error *err)
{
	rd_kafka_conf_t *conf = kafka_config(member->log, KAFKA_FETCHER, member, err);

	if (!conf)
		return -1;
	if (kafka_config_queues(member->log, conf, member->input_count, member->partition_count * member->input_count,
				err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	return kafka_handle_open(conf, RD_KAFKA_CONSUMER, &member->fetcher, err);
}

/* Before the producer is opened: it makes no batches that they do not take. */
static int
read_limits(struct kafka *log, const struct member_spec *spec, struct error *err)
{
	for (int i = 0; i < spec->output_count; i++)
		if (kafka_limit_written(log, spec->outputs[i], err) < 0)
			return -1;
	return kafka_limit_written(log, spec->journal, err);
}

static int
open_parts(struct kafka_member *member, const struct member_spec *spec, struct error *err)
{
	char id[KAFKA_NAME_SIZE];

	snprintf(id, sizeof(id), "%s.%s.%d", spec->group, member->log->identity, spec->worker);
	member->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (member->event_fd < 0)
		return fail(err, FATAL, "no eventfd: %s", strerror(errno));
	if (check_inputs(member->log, spec, err) < 0 || read_limits(member->log, spec, err) < 0 ||
	    kafka_group_open(member->log, spec, member->event_fd, &member->group, err) < 0 ||
	    (member->input_count > 0 && open_fetcher(member, err) < 0))
		return -1;
	return kafka_transaction_make(member->log, id, spec->journal, &member->group->handle, spec->group,
				      &member->transaction, err);
}

int
kafka_member_open(struct log *base, const struct member_spec *spec, struct member **out, struct error *err)
{
	struct kafka_member *member = memory_new(sizeof(*member));

	insist(spec->worker >= 0 && spec->worker < spec->workers);
	member->member.ops = base->ops;
	member->log = kafka_of(base);
	member->event_fd = -1;
	member->journal = spec->journal;
	member->input_count = spec->input_count;
	member->topics = memory_new_array((size_t)spec->input_count, sizeof(int));
	for (int i = 0; i < spec->input_count; i++)
		member->topics[i] = spec->inputs[i];
	member->partition_count = kafka_topic_partitions(base, spec->journal);
	member->places = memory_new_array((size_t)(member->partition_count * spec->input_count),
					  sizeof(struct kafka_place *));
	*out = &member->member;
	if (open_parts(member, spec, err) == 0)
		return 0;
	kafka_member_close(*out);
	*out = NULL;
	return -1;
}

/* The transaction ends first: whoever gets the partitions next need not wait for it. */
void
kafka_member_close(struct member *base)
{
	struct kafka_member *member = own(base);

	for (int i = 0; i < member->partition_count * member->input_count; i++)
		kafka_place_close(&member->places[i]);
	transaction_close(&member->transaction);
	kafka_group_close(&member->group);
	if (member->fetcher)
		kafka_handle_close(member->fetcher, KAFKA_CLOSE_PLAIN, NULL, NULL, NULL);
	if (member->event_fd >= 0)
		close(member->event_fd);
	memory_free(&member->places);
	memory_free(&member->topics);
	memory_free(&member);
}

struct transaction *
kafka_member_transaction(struct member *base)
{
	return own(base)->transaction;
}

/* ---- polling ---- */

static bool
wait_for_event(struct kafka_member *member, int64_t wait_ms)
{
	struct pollfd event = {.fd = member->event_fd, .events = POLLIN};
	uint64_t count;

	if (poll(&event, 1, (int)wait_ms) <= 0)
		return false;
	return read(member->event_fd, &count, sizeof(count)) == sizeof(count);
}

/* The next event that matters: a member that is told of a partition must have fenced its predecessor. */
static int
next_event(struct kafka_member *member, struct member_event *event, struct error *err)
{
	if (kafka_transaction_prepare(member->transaction, err) < 0)
		return -1;
	while (kafka_group_event(member->group, event))
		if (event->type != MEMBER_NOTHING)
			return 0;
	*event = (struct member_event){.type = MEMBER_NOTHING, .partition = -1};
	return 0;
}

/* A topic that is there again may be another one of its name: tasks that are opened again compare. */
static int
look_at_topics(struct kafka_member *member, struct error *err)
{
	int result = kafka_topic_look(&member->log->log, member->journal, err);

	for (int i = 0; i < member->input_count && result == 0; i++)
		result = kafka_topic_look(&member->log->log, member->topics[i], err);
	if (result < 0) {
		member->topic_gone = true;
		return -1;
	}
	if (!member->topic_gone)
		return 0;
	member->topic_gone = false;
	return fail(err, ABORT, "a topic was not there for a while");
}

/* Once: then all tasks are closed, and with the first that is started the fetcher is another one. */
static int
look_at_connections(struct kafka_member *member, struct error *err)
{
	if (member->connections != CONNECTIONS_BAD)
		return 0;
	member->connections = CONNECTIONS_TO_RENEW;
	return fail(err, ABORT, "a partition has delivered nothing, though it was fetched anew: so are all now");
}

int
kafka_member_poll(struct member *base, int64_t wait_ms, struct member_event *event, struct error *err)
{
	struct kafka_member *member = own(base);
	bool woken;

	if (look_at_topics(member, err) < 0 || look_at_connections(member, err) < 0 ||
	    kafka_group_poll(member->group, false, err) < 0 || next_event(member, event, err) < 0)
		return -1;
	if (event->type != MEMBER_NOTHING || wait_ms <= 0)
		return 0;
	woken = wait_for_event(member, wait_ms);
	if (kafka_group_poll(member->group, woken, err) < 0 || next_event(member, event, err) < 0)
		return -1;
	if (event->type == MEMBER_NOTHING && woken)
		event->type = MEMBER_DATA;
	return 0;
}

/* ---- partitions ---- */

static bool
reads_something(const struct kafka_member *member)
{
	for (int i = 0; i < member->partition_count * member->input_count; i++)
		if (member->places[i])
			return true;
	return false;
}

static int
renew_fetcher(struct kafka_member *member, struct error *err)
{
	if (member->connections != CONNECTIONS_TO_RENEW || reads_something(member))
		return 0;
	if (member->fetcher)
		kafka_handle_close(member->fetcher, KAFKA_CLOSE_PLAIN, NULL, NULL, NULL);
	member->fetcher = NULL;
	if (open_fetcher(member, err) < 0)
		return -1;
	member->connections = CONNECTIONS_GOOD;
	return 0;
}

int
kafka_member_start(struct member *base, int partition, const int64_t *positions, struct error *err)
{
	struct kafka_member *member = own(base);

	insist(partition >= 0 && partition < member->partition_count);
	if (renew_fetcher(member, err) < 0)
		return -1;
	for (int i = 0; i < member->input_count; i++) {
		struct kafka_place **place = &member->places[partition * member->input_count + i];

		insist(!*place);
		if (kafka_place_open(member->log, member->fetcher, member->topics[i], partition, positions[i],
				     member->event_fd, place, err) < 0) {
			while (i-- > 0)
				kafka_place_close(&member->places[partition * member->input_count + i]);
			return -1;
		}
	}
	return 0;
}

int
kafka_member_stop(struct member *base, int partition, struct error *err)
{
	struct kafka_member *member = own(base);

	insist(partition >= 0 && partition < member->partition_count);
	for (int i = 0; i < member->input_count; i++)
		kafka_place_close(&member->places[partition * member->input_count + i]);
	return kafka_group_release(member->group, partition, err);
}

int
kafka_member_fetch(struct member *base, int partition, int input, struct log_batch *out, struct error *err)
{
	struct kafka_member *member = own(base);
	struct kafka_place *place = member->places[partition * member->input_count + input];

	insist(place);
	if (kafka_place_fetch(place, 0, out, err) < 0)
		return -1;
	if (out->stalled >= KAFKA_STALLS_MAX)
		member->connections = CONNECTIONS_BAD;
	return 0;
}
