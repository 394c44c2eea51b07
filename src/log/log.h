/*
 * The log: where topics live. One interface, several implementations (log_ops.h): `embedded` (one directory, one
 * writing process), `kafka` (a cluster), and `sim` (in memory, for simulations). Nothing above this file knows which
 * one it is.
 *
 * A topic has partitions, a partition has records with offsets that only grow. What a transaction appended, to however
 * many partitions, becomes visible all together with the positions it carries, or never.
 *
 * Three ways in:
 *     struct reader       follows one partition from an offset: `consume`, restore of a journal, tools
 *     struct transaction  appends records and positions, commits them as one: `produce`, dead letter replay
 *     struct member       one worker of an operator: told which partitions are its own, fetches their inputs, and has
 *     a
 *                         transaction in which outputs, journal blocks and input positions go together
 *
 * Threads: `struct log` may be used by all; a reader, a transaction and a member belong to one thread each. Offsets
 * count records from 0; -1 is "none".
 */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"

#define LOG_PARTITIONS_MAX 4096	    /* of one topic */
#define LOG_TOPIC_NAME_SIZE_MAX 249 /* bytes; letters, digits, '.', '_', '-' as in Kafka */
#define LOG_RECORD_SIZE_MAX 1000000 /* bytes of key + value of one record; Kafka's default limit less its overhead */
#define LOG_RETENTION_FOREVER (-1)
#define LOG_RETENTION_UNSET (-2) /* kafka: what the broker has for topics that say nothing; embedded: for ever */
#define LOG_TOPIC_ID_SIZE 16	 /* bytes */
#define LOG_TIMESTAMP_NONE (-1)	 /* as Kafka has it: the producer was too old to give one */

struct log;
struct reader;
struct transaction;
struct member;

/* ---- the log and its topics ---- */

/* What a process has of each at a time, at most: who shares the log's memory. All 0: not known. */
struct log_load {
	int queues;	      /* partitions of inputs */
	int tasks;	      /* each with its inputs, or its journal while it is restored */
	int table_partitions; /* of global tables */
	int writers;	      /* transactions of workers */
};

struct log_config {
	const char *type; /* "embedded" or "kafka" */
	const char *
		directory; /* embedded: where it lives; NULL: in memory, gone with log_close. kafka: holds the name that
				  this process gives its transactions, so that the next one ends what it left open */
	bool read_only;	   /* embedded: another process may be writing; nothing can be appended */
	int64_t wait_ms;   /* kafka: for the cluster to answer, and for each topic's answer; 0: half a minute */
	int64_t memory_bytes; /* embedded: for write buffers and caches together; kafka: for librdkafka's queues */
	int64_t disk_bytes;   /* embedded: the oldest records go when its directory is larger; 0: no bound */
	struct clock *clock;
	const char *application; /* kafka: names the connections, for people who look at the broker */
	const char *instance;	 /* kafka: static membership under this name, unique in the application; or NULL */
	bool at_least_once;	 /* kafka: no transactions; what a crash interrupts may be there twice */
	const char *const *properties; /* kafka, passed through: name, value, name, value, NULL; or NULL */
	int64_t commit_interval_ms;    /* kafka: how often the caller commits; 0: not known */
	struct log_load load;	       /* kafka: memory_bytes is shared out by it */
	int64_t stalled_ms; /* kafka: a partition that delivers nothing for so long is fetched anew; 0: a minute */
};

#define LOG_COMMIT_INTERVAL "commit_interval" /* the one above that has no name among the properties */

/*
 * What is wrong with a configuration, as far as that shows without opening the log: `found` is called for each problem,
 * with what log_open would say. `property` is the one of the properties, "type", LOG_COMMIT_INTERVAL, or "", all
 * together.
 */
typedef void log_problem(void *argument, const char *property, const struct error *problem);
void log_check(const struct log_config *config, log_problem *found, void *argument);
int log_open(const struct log_config *config, struct log **out, struct error *err);
void log_close(struct log **log); /* every reader, transaction and member was closed before */
struct topic_spec {
	const char *name;
	int partitions;
	bool compacted;		   /* keeps at least the last record of every key */
	int64_t compaction_lag_ms; /* and one that a later record of its key replaces for so long after that */
	bool journal;		   /* keeps everything until it is trimmed */
	int64_t retention_ms;	   /* LOG_RETENTION_FOREVER: keep; else records older than that (by timestamp) may go */
	int64_t retention_bytes;   /* per partition, likewise */
};

/* Creates the topic, or checks that it exists with as many partitions (FATAL if not) and takes over its settings. */
int log_create_topic(struct log *log, const struct topic_spec *spec, struct error *err);
/* More partitions for a topic, which count from the next opening of the log on. FATAL: Kafka has a tool for that. */
int log_raise_partitions(struct log *log, int topic, int partitions, struct error *err);
/* That it exists with as many partitions; else FATAL. */
int log_check_topic(struct log *log, const struct topic_spec *spec, struct error *err);
/* That a journal has no settings by which it would lose records; else FATAL. */
int log_check_journal(struct log *log, const struct topic_spec *spec, struct error *err);
/* Whether the topic is as it was when it was opened, by what the log has found out meanwhile. FATAL: it has another
 * count of partitions. RETRY: it is not there any more. Cheap; any thread. */
int log_topic_look(struct log *log, int topic, struct error *err);
/* What tells the topic from another one of its name: LOG_TOPIC_ID_SIZE bytes, borrowed; all zero: it is not known. */
const uint8_t *log_topic_id(struct log *log, int topic);
/* Whether a job creates the topics that it lacks (a log of its own), or people do (a cluster that others use too). */
bool log_is_private(const struct log *log);
/* What names this process as a writer of the log, for people, or "": borrowed. */
const char *log_identity(struct log *log);

/* A topic by name: a small number that stands for it while the log is open. FATAL where there is none. */
int log_topic(struct log *log, const char *name, int *topic, struct error *err);
int log_topic_partitions(struct log *log, int topic);
/* Bytes of key and value of a record that the topic takes: LOG_RECORD_SIZE_MAX, or less where the topic says so. */
size_t log_record_size_max(struct log *log, int topic);
const char *log_topic_name(struct log *log, int topic);

struct partition_ends {
	int64_t start, end; /* offsets: of the first record kept, and behind the last committed one */
	/*
	 * The end including records of transactions that are still open. Whoever takes over from another must read up
	 * to here: what his predecessor committed at the last moment may hide behind a transaction that is still open.
	 */
	int64_t pending_end;
};

/* For people, and for a start: waits for the answer as log_open does, and until a stop. */
int log_partition_ends(struct log *log, int topic, int partition, struct partition_ends *out, struct error *err);
/* The same for who has other work than to wait, as of since_us (clock_monotonic_us) or later. RETRY: the log has been
 * asked and has not answered yet; the same call takes its answer. */
int log_ends_since(struct log *log, int topic, int partition, int64_t since_us, struct partition_ends *out,
		   struct error *err);

struct partition_info {
	int64_t start, end;	       /* as above */
	int64_t first_time, last_time; /* timestamps, ms; TIME_MIN where it is empty */
	int64_t records, bytes;	       /* kept (records may be fewer than end - start); -1: not known */
};

/* For people; slower. */
int log_partition_info(struct log *log, int topic, int partition, struct partition_info *out, struct error *err);
/* The offset of the first record whose timestamp is `time_ms` or later; the end where there is none. */
int log_offset_at(struct log *log, int topic, int partition, int64_t time_ms, int64_t *offset, struct error *err);
/* Forgets all records before `offset`. */
int log_trim(struct log *log, int topic, int partition, int64_t offset, struct error *err);
/* Offsets that a commit takes in a partition behind its records, at most; a group's position of its own journal is
 * behind them. */
#define LOG_COMMIT_MARKERS 1
/* The position a group committed last, or -1. */
int log_position(struct log *log, const char *group, int topic, int partition, int64_t *offset, struct error *err);
/* The same of all partitions of the topic, at once, and without waiting for commits that are under way. */
int log_positions(struct log *log, const char *group, int topic, int64_t *offsets, struct error *err);

/* The partition of a key: Java's murmur2 as the Java producer does it, so that topics written by Java co-partition. */
#define LOG_PARTITIONER "murmur2"
int log_partition_of(struct bytes key, int partitions);

/* ---- reading ---- */

struct log_record {
	int64_t offset;
	int64_t timestamp_ms; /* or LOG_TIMESTAMP_NONE */
	struct bytes key;     /* data NULL: no key */
	struct bytes value;   /* data NULL: a deletion, on compacted topics */
};

/* Offsets that retention or a trim took away before they were read. from == to: none. Some of them may never have been
 * records (markers of transactions). */
struct log_gap {
	int64_t from, to;
};

/* Of key and value and whether they are there: tells a record from another at the same offset. The same for ever: it is
 * kept in blocks. */
uint64_t log_record_checksum(const struct log_record *record);

struct log_batch {
	const struct log_record *records; /* valid until the next fetch from the same place */
	size_t count;
	int64_t next; /* the offset that the next fetch goes on at */
	int64_t end;  /* the end of the partition as last known (stable: committed records only) */
	bool at_end;  /* next has reached an end that was confirmed just now */
	/* at_end, and no transaction was open behind it: nothing is on its way. */
	bool quiet;
	struct log_gap lost; /* before the records of this batch; said once */
	/* The partition had records and delivered none, and is fetched anew: so many times in a row; said once each. */
	int stalled;
};

int log_reader_open(struct log *log, int topic, int partition, int64_t offset, struct reader **out, struct error *err);
/* The next records, up to about 1 MiB; count 0 where there is nothing within wait_ms. An offset before the start of the
 * partition goes on at the start. */
int reader_fetch(struct reader *reader, int64_t wait_ms, struct log_batch *out, struct error *err);
void reader_close(struct reader **reader);

/* ---- writing ---- */

/* `id` names the writer (application, operator, instance) for fencing and for people who look for a hanging one. */
int log_transaction_open(struct log *log, const char *id, struct transaction **out, struct error *err);
void transaction_close(struct transaction **transaction); /* what was not committed is aborted */

/*
 * Appends one record in two steps, so that a value is encoded straight into the log's own batch:
 *     buffer = transaction_append_begin(...); encode onto the end of *buffer; transaction_append_end(...)
 * `key.data` NULL: no key. Between the two calls only the buffer may be used. append_end fails (SKIP, record undone)
 * where key and value are larger than log_record_size_max. append_cancel takes a begun record back.
 */
struct buffer *transaction_append_begin(struct transaction *transaction, int topic, int partition, struct bytes key,
					int64_t timestamp_ms);
int transaction_append_end(struct transaction *transaction, struct error *err);
void transaction_append_cancel(struct transaction *transaction);
/* Appends a record without a value: on a compacted topic the key is gone after it. Fails as append_end does. */
int transaction_append_deletion(struct transaction *transaction, int topic, int partition, struct bytes key,
				int64_t timestamp_ms, struct error *err);

/* What was appended since the last keep is kept, or taken back: all outputs of one input record, or none. */
void transaction_keep(struct transaction *transaction);
void transaction_undo(struct transaction *transaction);

size_t transaction_bytes(const struct transaction *transaction); /* pending, for commits by size */

/* The group's position: the offset of the next record to be read. Of a journal: the log puts the end there that this
 * commit gives it, where it knows it. */
void transaction_position(struct transaction *transaction, const char *group, int topic, int partition, int64_t offset);

/*
 * The owner token of a journal partition: whoever has read it to its end, with nothing pending behind, may go on
 * writing there, and only there. From here on the records that a commit appends to this partition must get the offsets
 * `offset`, `offset` + 1 and so on; else another process has written to it since, and transaction_commit fails with
 * ABORT. So of two that write the same journal at most one wins each step, whatever their groups say. What the commit
 * before has appended moves it on; an abort forgets it, since the end has to be found out again. In a member's
 * transaction, for its journal.
 */
void transaction_expect(struct transaction *transaction, int topic, int partition, int64_t offset);

/*
 * Makes everything kept since the last commit visible at once, durably, or fails: RETRY (outcome unknown: call it
 * again as it is), ABORT (nothing of it will ever be visible), FENCED (another one uses this id, or the log has given
 * this one up), FATAL. After success the transaction is empty.
 */
int transaction_commit(struct transaction *transaction, struct error *err);
/* After a RETRY of transaction_commit: whether the log may have taken it. False: it certainly has not. */
bool transaction_undecided(const struct transaction *transaction);
/* Nothing since the last commit will be visible. After ABORT and FENCED it must succeed before anything else is done:
 * it makes the transaction usable again. RETRY: the log cannot be reached; call it again. */
int transaction_abort(struct transaction *transaction, struct error *err);

/* The offset that the first record of the last commit got in this partition, or -1 where it had none there. */
int64_t transaction_first_offset(const struct transaction *transaction, int topic, int partition);

#include "log/log_member.h"

#endif
