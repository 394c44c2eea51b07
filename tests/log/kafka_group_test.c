/* What a rebalance becomes, without a broker: librdkafka assigns and forgets partitions by itself. */
#include "base/memory.h"
#include "log/kafka_group.h"
#include "tests/test.h"

#define PARTITIONS 4

static struct error err;
static char instance_name[] = "blue";

static void
open_group(struct kafka_group *group)
{
	static struct kafka log;
	static char *properties[] = {NULL};
	rd_kafka_conf_t *conf;

	test_skip_under_the_thread_sanitizer();
	log = (struct kafka){.properties = properties, .application = memory_text("test"), .numbers.session_ms = 6000};
	*group = (struct kafka_group){.log = &log,
				      .name = memory_text("g"),
				      .partition_count = PARTITIONS,
				      .held = memory_new(PARTITIONS),
				      .unknown_partition = -1};
	conf = kafka_config(&log, KAFKA_CLIENT, group, &err);
	check(conf != NULL);
	check_ok(kafka_config_set(conf, "group.id", "g", &err));
	check_ok(kafka_handle_open(conf, RD_KAFKA_CONSUMER, &group->handle, &err));
}

static void
close_group(struct kafka_group *group)
{
	rd_kafka_assign(group->handle, NULL);
	rd_kafka_destroy(group->handle);
	if (group->revoked)
		rd_kafka_topic_partition_list_destroy(group->revoked);
	memory_free(&group->log->application);
	memory_free(&group->events);
	memory_free(&group->held);
	memory_free(&group->name);
}

static void
rebalance(struct kafka_group *group, rd_kafka_resp_err_t code, int count, const int *partitions)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);

	for (int i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, "journal", partitions[i]);
	kafka_group_rebalanced(group, code, list);
	rd_kafka_topic_partition_list_destroy(list);
}

static void
check_next(struct kafka_group *group, enum member_event_type type, int partition)
{
	struct member_event event;

	do
		check(kafka_group_event(group, &event));
	while (event.type == MEMBER_NOTHING);
	check_int(event.type, type);
	check_int(event.partition, partition);
}

static void
check_no_more(struct kafka_group *group)
{
	struct member_event event = {.type = MEMBER_NOTHING};

	while (event.type == MEMBER_NOTHING && kafka_group_event(group, &event))
		;
	check_int(event.type, MEMBER_NOTHING);
}

TEST(a_partition_that_the_journal_did_not_have_is_no_event_but_an_error)
{
	struct kafka_group group;

	open_group(&group);
	rebalance(&group, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, 3, (int[]){0, 3, PARTITIONS});
	check_next(&group, MEMBER_ASSIGNED, 0);
	check_next(&group, MEMBER_ASSIGNED, 3);
	check_no_more(&group);
	check_fails(kafka_group_check(&group, &err),
		    "has gained partitions: 4 is among them, and this process knows 0 to 3");
	check_int(err.action, FATAL);
	rebalance(&group, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, 3, (int[]){0, 3, PARTITIONS});
	check_next(&group, MEMBER_REVOKED, 0);
	check_next(&group, MEMBER_REVOKED, 3);
	check_no_more(&group);
	close_group(&group);
}

TEST(a_rebalance_that_fails_takes_everything_and_the_next_one_gives_it_again)
{
	struct kafka_group group;

	open_group(&group);
	rebalance(&group, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, 2, (int[]){1, 2});
	check_next(&group, MEMBER_ASSIGNED, 1);
	rebalance(&group, RD_KAFKA_RESP_ERR__FAIL, 0, NULL); /* the worker was not told of 2 yet */
	check_next(&group, MEMBER_LOST, 1);
	check_no_more(&group);
	rebalance(&group, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, 2, (int[]){1, 2});
	check_ok(kafka_group_release(&group, 1, &err)); /* of the first time */
	check_next(&group, MEMBER_ASSIGNED, 1);
	check_next(&group, MEMBER_ASSIGNED, 2);
	close_group(&group);
}

/* What librdkafka does where another member has the instance name. */
static void
fence(struct kafka_group *group)
{
	check_int(rd_kafka_test_fatal_error(group->handle, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "fenced"),
		  RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* As the group does it when it joins anew, but without a broker. */
static void
open_again(struct kafka_group *group)
{
	rd_kafka_conf_t *conf = kafka_config(group->log, KAFKA_CLIENT, group, &err);

	check(group->joins_us != 0);
	kafka_handle_close(group->handle, KAFKA_CLOSE_PLAIN, NULL, NULL, NULL);
	check_ok(kafka_config_set(conf, "group.id", "g", &err));
	check_ok(kafka_handle_open(conf, RD_KAFKA_CONSUMER, &group->handle, &err));
	group->joins_us = 0;
}

TEST(who_is_fenced_has_lost_everything_and_joins_again_but_not_twice)
{
	struct kafka_group group;

	open_group(&group);
	group.log->instance = instance_name;
	rebalance(&group, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, 2, (int[]){0, 1});
	check_next(&group, MEMBER_ASSIGNED, 0);
	fence(&group);
	check_ok(kafka_group_poll(&group, true, &err));
	check_next(&group, MEMBER_LOST, 0);
	check_no_more(&group);
	open_again(&group);
	fence(&group);
	check_fails(kafka_group_poll(&group, true, &err), "does another process run under the same instance name?");
	check_int(err.action, FATAL);
	group.joins_us = 1;
	open_again(&group);
	close_group(&group);
	kafka_handles_wait();
}

TEST(who_is_fenced_after_the_end_of_its_session_is_fenced_by_itself_and_joins_again)
{
	struct kafka_group group;

	open_group(&group);
	group.log->instance = instance_name;
	for (int i = 0; i < 3; i++) {
		group.session_lost = true;
		fence(&group);
		check_ok(kafka_group_poll(&group, true, &err));
		open_again(&group);
		rebalance(&group, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, 1, (int[]){0});
		check(!group.session_lost);
	}
	close_group(&group);
}

TEST(a_rebalance_that_fails_while_partitions_are_given_up_waits_for_nothing)
{
	struct kafka_group group;

	open_group(&group);
	rebalance(&group, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, 2, (int[]){0, 1});
	check_next(&group, MEMBER_ASSIGNED, 0);
	check_next(&group, MEMBER_ASSIGNED, 1);
	rebalance(&group, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, 1, (int[]){0});
	check_next(&group, MEMBER_REVOKED, 0);
	rebalance(&group, RD_KAFKA_RESP_ERR__FAIL, 0, NULL);
	check_next(&group, MEMBER_LOST, 0);
	check_next(&group, MEMBER_LOST, 1);
	check_int(group.leaving, 0);
	check_ok(kafka_group_release(&group, 0, &err));
	rebalance(&group, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, 1, (int[]){0});
	check_next(&group, MEMBER_ASSIGNED, 0);
	rebalance(&group, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, 1, (int[]){0});
	check_next(&group, MEMBER_REVOKED, 0);
	check_ok(kafka_group_release(&group, 0, &err));
	check(!group.revoked);
	close_group(&group);
}
