#ifndef LOG_KAFKA_GROUP_H
#define LOG_KAFKA_GROUP_H

#include "log/kafka_log.h"

/* Membership in a group that is subscribed to one topic; or, `fixed`, a share of its partitions by number. */
struct kafka_group {
	struct kafka *log;
	rd_kafka_t *handle; /* NULL: fixed */
	rd_kafka_queue_t *queue;
	int worker, journal, event_fd;
	int64_t joins_us;   /* it is joined anew then, with another handle; 0: no */
	int64_t refused_us; /* since when our instance name is not given to us; 0: it is */
	int64_t fenced_us;  /* when another member had our instance name, the last time; 0: never */
	bool session_lost;  /* since the last assignment: the session ran out */
	char *name;
	int partition_count;
	uint8_t *held; /* by partition: enum held of kafka_group.c */
	int leaving;   /* partitions that the worker has to give up before the group hears of it */
	rd_kafka_topic_partition_list_t *revoked; /* while there are some */
	bool closing;
	int unknown_partition; /* of the topic: the group gave it, and there is no such task; -1: none */
	int64_t polled_us;
	struct member_event *events; /* what the worker has not been told yet, in order */
	size_t event_count, event_at, event_capacity;
};

int kafka_group_open(struct kafka *log, const struct member_spec *spec, int event_fd, struct kafka_group **out,
		     struct error *err);
void kafka_group_close(struct kafka_group **group);
/* Takes what the group has to say, if it is time to ask or `now`. Never waits. */
int kafka_group_poll(struct kafka_group *group, bool now, struct error *err);
bool kafka_group_event(struct kafka_group *group, struct member_event *event);
/* What the group gives and takes, by librdkafka's code, or that it went wrong: becomes events. */
void kafka_group_rebalanced(struct kafka_group *group, rd_kafka_resp_err_t code,
			    rd_kafka_topic_partition_list_t *partitions);
/* FATAL: the topic has other partitions than this process knows. */
int kafka_group_check(const struct kafka_group *group, struct error *err);
/* The worker has let go of the partition. */
int kafka_group_release(struct kafka_group *group, int partition, struct error *err);

#endif
