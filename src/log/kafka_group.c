/*
 * Membership. The group shares out one topic, the operator's journal; owning its partition p is owning task p. The
 * handle is assigned the partitions that the group gives it and has them paused: it fetches nothing.
 *
 * A rebalance is not answered where librdkafka tells of it, in a callback, but when the worker is ready: revoked
 * partitions become events, the worker commits and gives each up (kafka_group_release), and with the last one the
 * group is told.
 *
 * The assignor is `range` before librdkafka 2.10, whose cooperative-sticky can loop for ever before 2.6.1, else
 * `cooperative-sticky`; the topology may set partition.assignment.strategy. With group.protocol: consumer (librdkafka
 * from 2.12, brokers from 4.0) the brokers decide, and time sessions: nothing of both is ours to set.
 */
#include <stdio.h>

#include "base/logger.h"
#include "base/memory.h"
#include "log/kafka_group.h"

#define COOPERATIVE_SINCE 0x020a00ff /* librdkafka 2.10.0 */
/*
 * Where an instance name is not ours, librdkafka gives its handle up; the group is then joined anew, with another one.
 *
 * By the brokers' protocol a static member that was killed keeps its name until its session has run out, and who takes
 * the name meanwhile is refused (UNRELEASED). So that a restart need not be timed by anybody, it asks again, as long as
 * a session may last (group.consumer.max.session.timeout.ms, 60 s).
 *
 * By the classic one, who takes the name has it, and who had it is fenced. That may be another process, which goes on
 * taking it: whoever is fenced twice ends. But it may be a request of our predecessor, killed since, that the broker
 * came to after ours. And it is ourselves, where the coordinator was away for longer than a session: librdkafka
 * forgets its member id then, and its next heartbeat, sent without one, is fenced by the name's holder, which it was.
 */
#define UNRELEASED_INSTANCE_ID 111 /* Kafka's UNRELEASED_INSTANCE_ID, which librdkafka 2.0 has no name for */
#define INSTANCE_WAIT_MS_MAX 90000
#define INSTANCE_ASK_MS 1000
#define INSTANCE_FENCED_MS 60000 /* twice within so long: another process has the name */

enum held { HELD_NOT, HELD, HELD_LEAVING };

/* ---- events ---- */

static void
push(struct kafka_group *group, enum member_event_type type, int partition)
{
	if (group->event_count == group->event_capacity) {
		group->event_capacity = group->event_capacity ? 2 * group->event_capacity : 16;
		group->events = memory_resize_array(group->events, group->event_capacity, sizeof(*group->events));
	}
	group->events[group->event_count++] = (struct member_event){.type = type, .partition = partition};
}

bool
kafka_group_event(struct kafka_group *group, struct member_event *event)
{
	if (group->event_at == group->event_count) {
		group->event_at = group->event_count = 0;
		return false;
	}
	*event = group->events[group->event_at++];
	return true;
}

/* The worker has not been told that he has it: then he need not be told that he has not. */
static bool
take_back(struct kafka_group *group, int partition)
{
	for (size_t i = group->event_at; i < group->event_count; i++)
		if (group->events[i].type == MEMBER_ASSIGNED && group->events[i].partition == partition) {
			group->events[i].type = MEMBER_NOTHING;
			return true;
		}
	return false;
}

/* ---- rebalances ---- */

static bool
is_cooperative(const struct kafka_group *group)
{
	const char *protocol = rd_kafka_rebalance_protocol(group->handle);

	return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void
check_call(struct kafka_group *group, const char *what, rd_kafka_error_t *error, rd_kafka_resp_err_t code)
{
	char quoted[ERROR_TEXT_SIZE];
	const char *text = error ? rd_kafka_error_string(error) : rd_kafka_err2str(code);

	if (error || code != RD_KAFKA_RESP_ERR_NO_ERROR)
		logger_warn("rebalance", "group=%s call=%s reason=%s", group->name, what,
			    logger_quote(quoted, sizeof(quoted), text));
	if (error)
		rd_kafka_error_destroy(error);
}

/* The topic has gained partitions since this process began: there is no task for them. The next poll says so. */
static bool
is_known(struct kafka_group *group, int partition)
{
	if (partition >= 0 && partition < group->partition_count)
		return true;
	group->unknown_partition = partition;
	return false;
}

static void
on_assigned(struct kafka_group *group, rd_kafka_topic_partition_list_t *given)
{
	group->refused_us = 0;
	group->session_lost = false;
	for (int i = 0; i < given->cnt; i++) {
		int partition = given->elems[i].partition;

		given->elems[i].offset = RD_KAFKA_OFFSET_END;
		if (!is_known(group, partition))
			continue;
		group->held[partition] = HELD;
		push(group, MEMBER_ASSIGNED, partition);
	}
	if (is_cooperative(group))
		check_call(group, "incremental_assign", rd_kafka_incremental_assign(group->handle, given), 0);
	else
		check_call(group, "assign", NULL, rd_kafka_assign(group->handle, given));
	if (given->cnt > 0)
		check_call(group, "pause", NULL, rd_kafka_pause_partitions(group->handle, given));
}

/* All are given up: the group may give them to others. */
static void
let_go(struct kafka_group *group)
{
	if (is_cooperative(group))
		check_call(group, "incremental_unassign", rd_kafka_incremental_unassign(group->handle, group->revoked),
			   0);
	else
		check_call(group, "unassign", NULL, rd_kafka_assign(group->handle, NULL));
	rd_kafka_topic_partition_list_destroy(group->revoked);
	group->revoked = NULL;
}

static void
on_revoked(struct kafka_group *group, const rd_kafka_topic_partition_list_t *taken)
{
	bool lost = rd_kafka_assignment_lost(group->handle);

	insist(!group->revoked);
	group->session_lost |= lost;
	group->revoked = rd_kafka_topic_partition_list_copy(taken);
	for (int i = 0; i < taken->cnt; i++) {
		int partition = taken->elems[i].partition;

		if (!is_known(group, partition) || group->held[partition] != HELD)
			continue;
		if (group->closing || take_back(group, partition)) {
			group->held[partition] = HELD_NOT;
			continue;
		}
		group->held[partition] = HELD_LEAVING;
		group->leaving++;
		push(group, lost ? MEMBER_LOST : MEMBER_REVOKED, partition);
	}
	if (group->leaving == 0)
		let_go(group);
}

/*
 * The rebalance went wrong, and what was assigned is no more, at once: librdkafka wants it so. The worker has lost
 * what it had; that it gives it up need not be said to the group. What comes with the next rebalance it opens again.
 */
static void
on_failed(struct kafka_group *group)
{
	rd_kafka_assign(group->handle, NULL);
	for (int i = 0; i < group->partition_count; i++) {
		if (group->held[i] != HELD_NOT && !take_back(group, i))
			push(group, MEMBER_LOST, i);
		group->held[i] = HELD_NOT;
	}
	group->leaving = 0;
	if (group->revoked)
		rd_kafka_topic_partition_list_destroy(group->revoked);
	group->revoked = NULL;
}

/* What librdkafka calls, from a poll. */
static void
rebalanced(rd_kafka_t *handle, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
	struct kafka_group *group = opaque;

	group->handle = handle;
	kafka_group_rebalanced(group, code, partitions);
}

void
kafka_group_rebalanced(struct kafka_group *group, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions)
{
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		on_assigned(group, partitions);
	} else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
		on_revoked(group, partitions);
	} else {
		check_call(group, "rebalance", NULL, code);
		on_failed(group);
	}
}

int
kafka_group_release(struct kafka_group *group, int partition, struct error *err)
{
	(void)err;
	insist(partition >= 0 && partition < group->partition_count);
	if (group->held[partition] != HELD_LEAVING)
		return 0;
	group->held[partition] = HELD_NOT;
	if (--group->leaving == 0)
		let_go(group);
	return 0;
}

/* ---- opening and closing ---- */

/* A bounded run must be alone: who has the group's partitions would work on the same tasks. */
static int
check_empty(struct kafka *log, const char *name, struct error *err)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(log->client);
	const rd_kafka_ConsumerGroupDescription_t **groups;
	rd_kafka_event_t *event;
	size_t count = 0, members;
	int result = 0;

	rd_kafka_DescribeConsumerGroups(log->client, &name, 1, NULL, queue);
	event = rd_kafka_queue_poll(queue, KAFKA_CALL_MS_MAX);
	if (!event)
		result = fail(err, RETRY, "the group %s cannot be looked at: no answer", name);
	else if (rd_kafka_event_error(event))
		result = kafka_fail(err, rd_kafka_event_error(event), "the group %s cannot be looked at", name);
	if (result == 0) {
		groups = rd_kafka_DescribeConsumerGroups_result_groups(
			rd_kafka_event_DescribeConsumerGroups_result(event), &count);
		members = count == 1 ? rd_kafka_ConsumerGroupDescription_member_count(groups[0]) : 0;
		if (members > 0)
			result = fail(err, FATAL,
				      "%s is running elsewhere: its group has %zu members; a bounded run needs it for "
				      "itself: stop the others first",
				      name, members);
	}
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	return result;
}

static int
configure(struct kafka_group *group, rd_kafka_conf_t *conf, int worker, struct error *err)
{
	struct kafka *log = group->log;
	const char *assignor = rd_kafka_version() >= COOPERATIVE_SINCE ? "cooperative-sticky" : "range";
	char instance[KAFKA_NAME_SIZE];

	snprintf(instance, sizeof(instance), "%s.%d", log->instance ? log->instance : "", worker);
	if (kafka_config_set(conf, "group.id", group->name, err) < 0 ||
	    (log->instance && kafka_config_set(conf, "group.instance.id", instance, err) < 0) ||
	    (!kafka_config_has(log, "partition.assignment.strategy") && !kafka_config_broker_assigns(log) &&
	     kafka_config_set(conf, "partition.assignment.strategy", assignor, err) < 0))
		return -1;
	rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
	return 0;
}

static int
join(struct kafka_group *group, struct error *err)
{
	static const uint64_t one = 1;
	rd_kafka_topic_partition_list_t *topics;
	rd_kafka_conf_t *conf = kafka_config(group->log, KAFKA_GROUP, group, err);
	rd_kafka_resp_err_t code;

	if (!conf)
		return -1;
	if (configure(group, conf, group->worker, err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	if (kafka_handle_open(conf, RD_KAFKA_CONSUMER, &group->handle, err) < 0)
		return -1;
	rd_kafka_poll_set_consumer(group->handle);
	group->queue = rd_kafka_queue_get_consumer(group->handle);
	rd_kafka_queue_io_event_enable(group->queue, group->event_fd, &one, sizeof(one));
	topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, kafka_topic_name(&group->log->log, group->journal),
					  RD_KAFKA_PARTITION_UA);
	code = rd_kafka_subscribe(group->handle, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	return code ? kafka_fail(err, code, "joining the group %s", group->name) : 0;
}

static void
leave(struct kafka_group *group, enum kafka_closing how, void (*after)(void *argument))
{
	if (group->queue) {
		rd_kafka_queue_io_event_enable(group->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(group->queue);
	}
	group->queue = NULL;
	kafka_handle_close(group->handle, how, NULL, after, group);
	if (!after)
		group->handle = NULL;
}

int
kafka_group_open(struct kafka *log, const struct member_spec *spec, int event_fd, struct kafka_group **out,
		 struct error *err)
{
	struct kafka_group *group = memory_new(sizeof(*group));
	int result;

	group->log = log;
	group->worker = spec->worker;
	group->journal = spec->journal;
	group->event_fd = event_fd;
	group->name = memory_text(spec->group);
	group->partition_count = kafka_topic_partitions(&log->log, spec->journal);
	group->held = memory_new((size_t)group->partition_count);
	group->unknown_partition = -1;
	*out = group;
	result = spec->fixed ? check_empty(log, spec->group, err) : join(group, err);
	if (result < 0)
		kafka_group_close(out);
	for (int i = spec->worker; result == 0 && spec->fixed && i < group->partition_count; i += spec->workers)
		push(group, MEMBER_ASSIGNED, i);
	return result;
}

static void
free_group(void *argument)
{
	struct kafka_group *group = argument;

	memory_free(&group->events);
	memory_free(&group->held);
	memory_free(&group->name);
	memory_free(&group);
}

void
kafka_group_close(struct kafka_group **pointer)
{
	struct kafka_group *group = *pointer;

	*pointer = NULL;
	if (!group)
		return;
	group->closing = true;
	if (group->handle && group->revoked)
		let_go(group);
	if (group->handle)
		leave(group, KAFKA_CLOSE_MEMBER, free_group);
	else
		free_group(group);
}

/* ---- polling ---- */

static void
say_refused(const struct kafka_group *group, const char *event, const char *advice)
{
	logger_warn(event, "group=%s instance=%s.%d waits_s=%d advice=\"%s\"", group->name, group->log->instance,
		    group->worker, INSTANCE_WAIT_MS_MAX / 1000, advice);
}

/* Fenced: whether it may have been by nobody who lives. */
static bool
may_join_again(struct kafka_group *group, int64_t now_us)
{
	bool again = group->fenced_us != 0 && now_us - group->fenced_us < (int64_t)INSTANCE_FENCED_MS * 1000;

	if (group->session_lost)
		return true;
	group->fenced_us = now_us;
	return !again;
}

/* The name is not ours: all that we had is lost, and the group is to be joined anew in a moment. */
static bool
join_again(struct kafka_group *group, rd_kafka_resp_err_t code)
{
	int64_t now_us = clock_monotonic_us();
	bool fenced = code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;

	if ((!fenced && (int)code != UNRELEASED_INSTANCE_ID) || (fenced && !may_join_again(group, now_us)))
		return false;
	if (fenced)
		say_refused(group, "instance_fenced",
			    "its session ran out, or its process before this one was late; or another one runs under "
			    "this name");
	else if (group->refused_us == 0)
		say_refused(group, "instance_in_use",
			    "its last process was killed, and its session has to run out; or another one runs under "
			    "this name");
	if (group->refused_us == 0)
		group->refused_us = now_us;
	group->joins_us = now_us + (int64_t)INSTANCE_ASK_MS * 1000;
	on_failed(group);
	return now_us - group->refused_us < (int64_t)INSTANCE_WAIT_MS_MAX * 1000;
}

/* What the group says of itself. Most of it passes by itself, or comes again as a rebalance. */
static int
take_error(struct kafka_group *group, const rd_kafka_message_t *message, struct error *err)
{
	char text[ERROR_TEXT_SIZE / 2];
	rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(group->handle, text, sizeof(text));

	if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR)
		return join_again(group, fatal)
			       ? 0
			       : fail(err, FATAL,
				      "the group %s: %s; does another process run under the same instance name?",
				      group->name, text);
	switch (message->err) {
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		return kafka_fail(err, message->err, "the group %s: %s", group->name, rd_kafka_message_errstr(message));
	default:
		logger_info("group", "group=%s error=%s reason=%s", group->name, rd_kafka_err2name(message->err),
			    logger_quote(text, sizeof(text), rd_kafka_message_errstr(message)));
		return 0;
	}
}

int
kafka_group_check(const struct kafka_group *group, struct error *err)
{
	if (group->unknown_partition < 0)
		return 0;
	return fail(
		err, FATAL,
		"the journal of %s has gained partitions: %d is among them, and this process knows 0 to %d. Keys would "
		"not find their state; end all processes and run isotope rescale",
		group->name, group->unknown_partition, group->partition_count - 1);
}

int
kafka_group_poll(struct kafka_group *group, bool now, struct error *err)
{
	int64_t now_us;
	rd_kafka_message_t *message;
	int result = 0;

	now_us = clock_monotonic_us();
	if (group->joins_us != 0) {
		if (now_us < group->joins_us)
			return 0;
		group->joins_us = 0;
		if (group->handle)
			leave(group, KAFKA_CLOSE_PLAIN, NULL);
		return join(group, err);
	}
	if (!group->handle)
		return 0;
	if (!now && now_us - group->polled_us < (int64_t)KAFKA_GROUP_POLL_MS * 1000)
		return 0;
	group->polled_us = now_us;
	while (result == 0 && group->joins_us == 0 && (message = rd_kafka_consumer_poll(group->handle, 0))) {
		if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
			result = take_error(group, message, err);
		rd_kafka_message_destroy(message);
	}
	return result == 0 ? kafka_group_check(group, err) : result;
}
