/*
 * What the files of the Kafka log share; nothing else includes it, or rdkafka.h.
 *
 *     kafka.c              opening, the table of functions
 *     kafka_config.c       from the topology's properties to the configuration of a handle; secrets
 *     kafka_numbers.c      the numbers among them, and which belong together
 *     kafka_shares.c       what of `memory` each queue gets
 *     kafka_identity.c     what names this process
 *     kafka_watch.c        topics that vanish or change their shape while they are used
 *     kafka_topic_id.c     what tells a topic from another of its name
 *     kafka_settings.c     settings of topics, and what those of journals must be
 *     kafka_close.c        the end of a handle
 *     kafka_error.c        from librdkafka's errors to ours; its log lines
 *     kafka_topic.c        topics: numbers, creation, offsets
 *     kafka_positions.c    trims of journals; positions of groups
 *     kafka_limit.c        how large records and batches of a topic may be
 *     kafka_ends.c         where partitions begin and end: asked for by a thread of its own
 *     kafka_place.c        reading one partition: a queue of its own, no matter who reads
 *     kafka_stall.c        whether a partition has stopped delivering
 *     kafka_reader.c       struct reader
 *     kafka_producer.c     a transactional handle, and what was acknowledged where
 *     kafka_call.c         its calls that wait for a coordinator, on a thread of their own
 *     kafka_append.c       struct transaction: its records, until librdkafka has them
 *     kafka_transaction.c  ... the commit, step by step
 *     kafka_owner.c        who owns a journal
 *     kafka_group.c        membership: rebalances become events
 *     kafka_member.c       struct member
 *
 * A handle is an rd_kafka_t: connections and threads of its own. A log has some for metadata and for readers; a worker
 * has three: one that is a member of the group and fetches nothing, one that fetches its inputs, and a producer.
 * Fetching does not go through the group's handle, so that every input has a queue of its own, in bounds of its own,
 * which a rebalance leaves alone.
 *
 * librdkafka calls back on its own threads (logs, acknowledgements) or inside our polls (rebalances): callbacks only
 * record.
 */
#ifndef LOG_KAFKA_LOG_H
#define LOG_KAFKA_LOG_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "log/kafka_ends.h"
#include "log/kafka_numbers.h"
#include "log/kafka_shares.h"
#include "log/log_ops.h"

#define KAFKA_CALL_MS_MAX 700	     /* a blocking call of a worker: it goes on where it was when it is made again */
#define KAFKA_ANSWER_MS_MAX 5000     /* the time of a record, for people, who have nothing else to do */
#define KAFKA_OPEN_MS_MAX 30000	     /* for answers of a cluster, where the log is not told another time */
#define KAFKA_ASK_MS 500	     /* one of the requests in that time: a stop is looked at in between */
#define KAFKA_SAY_MS 10000	     /* a start that waits says so, this often */
#define KAFKA_CLOSE_MS_MAX 2000	     /* for the end of all handles */
#define KAFKA_ADMIN_MS_MAX 30000     /* creating topics, deleting records */
#define KAFKA_BATCH_RECORDS_MAX 2000 /* of one fetch */
#define KAFKA_CONFIRM_MS 5000	     /* an end of a partition that is older is asked for again before it is believed */
#define KAFKA_SILENT_MS 1000	     /* who has not answered by then does not count as one who has nothing */
#define KAFKA_GLANCE_MS 20	     /* a worker's wait for an answer that mostly comes at once */
#define KAFKA_SEND_BYTES ((size_t)256 << 10) /* kept records are handed to librdkafka in such portions */
#define KAFKA_NAME_SIZE 400		     /* bytes of a transactional id, an instance */
#define KAFKA_GROUP_POLL_MS 100		     /* the group is asked at least so often */
#define KAFKA_WATCH_MS 30000   /* topics are looked at so often, where topic.metadata.refresh.interval.ms is not set */
#define KAFKA_STALLED_MS 60000 /* a partition that has records delivers some in that time, where nothing else is said */
#define KAFKA_STALLS_MAX 2     /* in a row, of a partition; then the connections of its member are made anew */
#define KAFKA_TRIM_MS 1000     /* a partition is not trimmed more often */

struct kafka_topic {
	char *name;
	int partitions;
	_Atomic int64_t batch_bytes_max; /* its max.message.bytes; 0: it is not written here (kafka_limit.h) */
	int64_t *trimmed_us;		 /* by partition: when it was last trimmed */
	struct kafka_ends *ends;	 /* by partition; under the asker's lock */
	int32_t *leaders;		 /* by partition, as of leaders_us (0: not known); the asker's own */
	int64_t leaders_us;
	uint8_t id[LOG_TOPIC_ID_SIZE]; /* all zero: not known */
	atomic_bool renewed;	       /* it has another id by now */
	_Atomic int seen_partitions;   /* by the last metadata; 0: the topic is not there (kafka_watch.c) */
};

struct kafka {
	struct log log;
	char **properties; /* name, value, ..., NULL: secrets resolved */
	char *application;
	char *instance; /* static membership; NULL: dynamic */
	char *identity; /* names the transactions of this process */
	bool at_least_once;
	struct kafka_shares shares; /* of the log's memory */
	struct kafka_numbers numbers;
	int64_t watch_ms;	   /* topics are looked at so often */
	int64_t wait_ms;	   /* for an answer of the cluster at the start */
	int64_t stalled_ms;	   /* for records of a partition that has some */
	atomic_bool limit_unknown; /* said once */
	/*
	 * read_committed: metadata, ends, administration. It fetches nothing: behind a fetch that waits for data any
	 * other request on the connection would wait too.
	 */
	rd_kafka_t *client;
	struct kafka_asker asker;
	rd_kafka_t *pending;	     /* read_uncommitted: ends; made at the first use, as is `readers` */
	pthread_mutex_t lock;	     /* guards what follows */
	struct kafka_topic **topics; /* by number; what a number points to stays */
	int topic_count;
	rd_kafka_queue_t *trims; /* answers to come */
	bool trim_refused;	 /* said once */
	pthread_mutex_t places_lock;
	rd_kafka_t *readers;	    /* what readers share */
	struct kafka_place *places; /* theirs */
};

static inline struct kafka *
kafka_of(struct log *log)
{
	return (struct kafka *)log;
}

/* ---- configuration ---- */

enum kafka_role { KAFKA_CLIENT, KAFKA_PENDING, KAFKA_GROUP, KAFKA_FETCHER, KAFKA_PRODUCER, KAFKA_PLAIN_PRODUCER };

/* Takes the properties over, with what they name filled in, and checks each of them and what belongs together.
 * *property: the one that is wrong. */
int kafka_config_read(struct kafka *log, const struct log_config *config, const char **property, struct error *err);
void kafka_config_fini(struct kafka *log);
/* Takes the process' name from the configuration or from its directory, or draws one. */
int kafka_identity_read(struct kafka *log, const struct log_config *config, struct error *err);
const char *kafka_config_text(const struct kafka *log, const char *name); /* as people have set it; no secrets */
bool kafka_config_has(const struct kafka *log, const char *name);	  /* people have set it */
/* group.protocol is `consumer` (KIP-848): the brokers share the partitions out, and time sessions. */
bool kafka_config_broker_assigns(const struct kafka *log);
rd_kafka_conf_t *kafka_config(struct kafka *log, enum kafka_role role, void *opaque, struct error *err);
int kafka_config_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err);
/*
 * For a handle that reads `partitions` of which each `queues` share a part of the log's memory (kafka_shares.h): what a
 * queue holds, and what an answer of a broker may bring; unless people have set it. librdkafka's defaults are 64 MiB
 * for each partition, and 50 MiB.
 */
int kafka_config_queues(struct kafka *log, rd_kafka_conf_t *conf, int queues, int partitions, struct error *err);
/* A handle by `conf`, which it takes over. */
int kafka_handle_open(rd_kafka_conf_t *conf, rd_kafka_type_t type, rd_kafka_t **out, struct error *err);

/* As log_check. */
void kafka_check(const struct log_config *config, log_problem *found, void *argument);

/* ---- waiting at the start ---- */

struct kafka_wait {
	int64_t began_us, said_us;
};

/* Whether what failed is asked again: it may pass, time is not over, and nobody wants the process to end. */
bool kafka_wait(struct kafka *log, struct kafka_wait *wait, const struct error *err);

/* ---- the end of a handle ---- */

enum kafka_closing {
	KAFKA_CLOSE_PLAIN,
	KAFKA_CLOSE_MEMBER,   /* it leaves its group, as far as it can */
	KAFKA_CLOSE_PRODUCER, /* what was not committed is not waited for */
};

/* Never waits. before(argument) is called before anything is done to the handle, after(argument) when it has ended,
 * both on another thread, where they may wait; NULL: nothing is. */
void kafka_handle_close(rd_kafka_t *handle, enum kafka_closing how, void (*before)(void *argument),
			void (*after)(void *argument), void *argument);
void kafka_handles_wait(void); /* for all of the process, up to KAFKA_CLOSE_MS_MAX */

/* ---- errors ---- */

/* Raises what librdkafka says, with the action that belongs to it: RETRY for what may pass, else FATAL. */
int kafka_fail(struct error *err, rd_kafka_resp_err_t code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * The same of a transactional call, and destroys the error: ABORT where the transaction is lost, FENCED where the
 * producer is.
 */
int kafka_fail_error(struct error *err, rd_kafka_error_t *error, const char *what);
void kafka_log_callback(const rd_kafka_t *handle, int level, const char *facility, const char *text);

/* ---- topics ---- */

int kafka_create_topic(struct log *log, const struct topic_spec *spec, struct error *err);
int kafka_topic(struct log *log, const char *name, int *topic, struct error *err);
int kafka_topic_partitions(struct log *log, int topic);
const char *kafka_topic_name(struct log *log, int topic);
int kafka_partition_info(struct log *log, int topic, int partition, struct partition_info *out, struct error *err);
int kafka_offset_at(struct log *log, int topic, int partition, int64_t time_ms, int64_t *offset, struct error *err);
/* False: it is not known. */
bool kafka_topic_id_ask(struct kafka *log, const char *name, uint8_t *id);
bool kafka_topic_has_id(const struct kafka_topic *topic);
const uint8_t *kafka_topic_id(struct log *log, int topic);
int kafka_check_settings(struct log *log, const struct topic_spec *spec, struct error *err);
/* Takes one setting of a topic; value NULL: it is secret, or not set. */
typedef int kafka_take_setting(void *argument, const char *name, const char *value, struct error *err);
/* Hands all of them to `take`, whose failure is the call's. Takes KAFKA_CALL_MS_MAX at most; RETRY: no answer. *code:
 * what the cluster says, or no error. */
int kafka_settings_ask(struct kafka *log, const char *topic, kafka_take_setting *take, void *argument,
		       rd_kafka_resp_err_t *code, struct error *err);
int kafka_trim(struct log *log, int topic, int partition, int64_t offset, struct error *err);
int kafka_position(struct log *log, const char *group, int topic, int partition, int64_t *offset, struct error *err);
int kafka_positions(struct log *log, const char *group, int topic, int64_t *offsets, struct error *err);

struct kafka_topic *kafka_topic_of(struct kafka *log, int number);

/* ---- transactions ---- */

struct kafka_transaction;

/* `group`: where the handle is whose metadata goes with the positions, so that an expelled member is refused; NULL, or
 * nothing there: none. */
int kafka_transaction_make(struct kafka *log, const char *id, int tracked, rd_kafka_t *const *group,
			   const char *group_name, struct transaction **out, struct error *err);
/* As kafka_producer_prepare; does nothing where it has been done. */
int kafka_transaction_prepare(struct transaction *transaction, struct error *err);

int kafka_transaction_open(struct log *log, const char *id, struct transaction **out, struct error *err);
void kafka_transaction_close(struct transaction *transaction);
struct buffer *kafka_append_begin(struct transaction *transaction, int topic, int partition, struct bytes key,
				  int64_t timestamp_ms);
int kafka_append_end(struct transaction *transaction, bool deletion, struct error *err);
void kafka_append_cancel(struct transaction *transaction);
void kafka_keep(struct transaction *transaction);
void kafka_undo(struct transaction *transaction);
size_t kafka_bytes(const struct transaction *transaction);
void kafka_set_position(struct transaction *transaction, const char *group, int topic, int partition, int64_t offset);
void kafka_expect(struct transaction *transaction, int topic, int partition, int64_t offset);
int kafka_commit(struct transaction *transaction, struct error *err);
bool kafka_undecided(const struct transaction *transaction);
int kafka_abort(struct transaction *transaction, struct error *err);
int64_t kafka_first_offset(const struct transaction *transaction, int topic, int partition);

/* ---- members ---- */

int kafka_member_open(struct log *log, const struct member_spec *spec, struct member **out, struct error *err);
void kafka_member_close(struct member *member);
struct transaction *kafka_member_transaction(struct member *member);
int kafka_member_poll(struct member *member, int64_t wait_ms, struct member_event *event, struct error *err);
int kafka_member_start(struct member *member, int partition, const int64_t *positions, struct error *err);
int kafka_member_stop(struct member *member, int partition, struct error *err);
int kafka_member_fetch(struct member *member, int partition, int input, struct log_batch *out, struct error *err);

#endif
