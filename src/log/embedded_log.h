/*
 * The embedded log: a directory with
 *
 *     format      "isotope log 2": a directory of another version is refused
 *     lock        held (flock) by the one process that writes; its pid is in it
 *     segments/   files that batches are appended to (segment.h)
 *     database/   a RocksDB with its WAL on: what is where
 *     commits     how many commits there were, as a second witness; not synced
 *
 * Keys of the database, numbers big-endian so that they sort:
 *
 *     'd' topic partition offset    the place of a batch (batch.h), by the offset of its first record
 *     'i' topic partition offset    its summary
 *     's' topic partition           start, end, and totals: written where batches go away
 *     't' topic                     the topic's settings and name
 *     'p' topic partition group     a group's position
 *     'c'                           how many commits there were
 *     'e' topic                     up to where its segments hold what was committed
 *
 * A commit appends its batches to segments, makes them durable, and then writes their places, summaries and the
 * positions as one synced write batch: that is the moment it happens. Before it nothing refers to the batches; a crash
 * leaves unused bytes in a file. In the database a batch would be written three times: WAL, table, compaction.
 *
 * Threads. One committer (embedded_commit.c) assigns offsets and writes; it alone appends, so it needs no lock for
 * what only it changes. `start` and `end` are atomics: a batch is in the database before `end` says so. What takes
 * batches away (trimming, retention, compaction) holds the partition's `maintenance`. `mutex` guards the queue of
 * commits and creation of topics; `changed` is signalled when an end has moved.
 */
#ifndef LOG_EMBEDDED_LOG_H
#define LOG_EMBEDDED_LOG_H

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

#include "base/wall_guard.h"
#include "log/batch.h"
#include "log/log_ops.h"
#include "log/segment.h"

#define EMBEDDED_TOPICS_MAX 4096
#define EMBEDDED_ACCEPT "accept_lost_commits" /* the property of embedded_tail.c */
#define EMBEDDED_BATCH_SIZE (256 * 1024)      /* bytes; a stored batch is closed when it has reached that */
#define EMBEDDED_SWEEP_INTERVAL_MS 30000      /* between two looks at retention and compaction */
#define EMBEDDED_DISK_INTERVAL_MS 5000	      /* between two looks at the size of the directory */
#define EMBEDDED_DISK_SAY_MS 60000	      /* how often a log that grows says how long the disk lasts */
#define EMBEDDED_SEGMENTS_MIN 64	      /* of a log with a bound, when it is reached */
#define EMBEDDED_CATCH_UP_INTERVAL_MS 50      /* how often a waiting read-only reader looks for more */
#define EMBEDDED_ROOM_BYTES (64 << 20)	      /* of the disk that appending leaves free, ... */
#define EMBEDDED_ROOM_PERCENT 5		      /* ... or so much of it, where that is less */
#define EMBEDDED_ROOM_OPEN_PARTS 4	      /* a start needs one of so many parts of that */
#define EMBEDDED_KEY_SIZE 17		      /* of 'd' and 'i' */
#define EMBEDDED_PARTITION_KEY_SIZE 9	      /* of 's', and the prefix of the others */
#define EMBEDDED_TAIL_KEY_SIZE 5	      /* of 'e' */
#define EMBEDDED_TAIL_SIZE 16		      /* number, position */
struct partition {
	_Atomic int64_t start, end;
	/* the committer's: */
	int64_t high_time;
	int64_t records, bytes; /* appended ever */
	/* under `maintenance`: */
	pthread_mutex_t maintenance;
	int64_t freed_bytes; /* of batches taken away, since segments were last looked through */
	int64_t clean_end;   /* compacted up to here since the log was opened */
	int64_t clean_bytes; /* of the batches before that, when it had been */
};

struct topic {
	char *name;
	int partition_count;
	struct partition *partitions;
	_Atomic bool compacted;
	_Atomic bool freed; /* batches have gone, or may have before the log was opened, since files were looked at */
	_Atomic int64_t retention_ms, retention_bytes, compaction_lag_ms;
};

struct commit;
struct embedded {
	struct log log;
	struct clock *clock;
	char *directory; /* NULL: in memory */
	char *path;	 /* of the database */
	char *secondary; /* read-only: the instance's own directory */
	bool read_only;
	int lock_fd;
	struct segments *segments;

	rocksdb_t *db;
	rocksdb_env_t *env; /* in memory only */
	rocksdb_cache_t *cache;
	rocksdb_options_t *options;
	rocksdb_block_based_table_options_t *table;
	rocksdb_readoptions_t *read;
	rocksdb_writeoptions_t *write_synced, *write_lazy;

	struct topic *topics[EMBEDDED_TOPICS_MAX];
	_Atomic int topic_count;

	pthread_mutex_t mutex;
	pthread_cond_t changed;	     /* an end moved, or a commit is done */
	pthread_cond_t work;	     /* for the committer */
	_Atomic uint64_t generation; /* counts the changes */
	struct commit *queue, **queue_tail;
	bool stopping;
	pthread_t committer;
	uint64_t commits; /* the committer's */
	int commits_fd;	  /* -1: read-only, in memory */

	_Atomic bool failed; /* a write failed: nothing is written any more */
	pthread_mutex_t failing;
	char failure[ERROR_TEXT_SIZE]; /* why, under `failing` */

	int64_t disk_bytes;	   /* the bound; 0: none */
	pthread_mutex_t measuring; /* guards: */
	struct {
		int64_t bytes, at_ms; /* by the steady clock */
	} measured[2];		      /* between a minute and two ago, and less than a minute ago */

	pthread_t sweeper;
	pthread_mutex_t sweeping; /* one sweep at a time; guards what follows */
	struct wall_guard guard;  /* guard.now_ms is what the age of records is held against */
	bool clock_said;	  /* that the clock is doubted */
	pthread_mutex_t sweep_mutex;
	pthread_cond_t sweep_work;
	bool sweep_stopping;
	pthread_mutex_t catch_up; /* read-only: one at a time */
};

struct embedded *embedded_of(struct log *log);
/* embedded_database.c: opening, and calls with errors as ours */
int embedded_database_open(struct embedded *log, const struct log_config *config, struct error *err);
void embedded_database_close(struct embedded *log);
bool embedded_database_broken(struct embedded *log); /* it was open, and cannot be used any more */
int embedded_write(struct embedded *log, rocksdb_writebatch_t *writes, bool synced, struct error *err);
/* What was written is durable. */
int embedded_sync(struct embedded *log, struct error *err);
/* The value pinned (the caller's to destroy), or NULL in *out where there is none. */
int embedded_get(struct embedded *log, const void *key, size_t key_size, rocksdb_pinnableslice_t **out,
		 struct error *err);
int embedded_catch_up(struct embedded *log, struct error *err);

/* embedded_failure.c: a log that failed stays failed, whichever thread has met it */
int embedded_check(struct embedded *log, struct error *err);	     /* FATAL with the first reason */
int embedded_fail_for_good(struct embedded *log, struct error *err); /* returns -1 */
/* RETRY where the disk has no room for so many bytes more and what the database needs. */
int embedded_room(struct embedded *log, int64_t bytes, struct error *err);
/* The same for the database to be opened; less than what appending leaves, so that retention can make room. */
int embedded_room_to_open(struct embedded *log, struct error *err);

/* embedded_tail.c: whether all commits are there that were made */
int embedded_tail_check(struct embedded *log, const char *const *properties, struct error *err);
void embedded_tail_key(uint8_t to[EMBEDDED_TAIL_KEY_SIZE], int topic);
void embedded_put_commits(rocksdb_writebatch_t *writes, uint64_t commits);
void embedded_note_commit(struct embedded *log, uint64_t commits); /* once it is durable */

int embedded_directory_open(struct embedded *log, struct error *err);
int embedded_directory_sync(struct embedded *log, struct error *err); /* the names in it are durable */
void embedded_directory_close(struct embedded *log);

/* embedded_topic.c */
int embedded_topics_load(struct embedded *log, struct error *err); /* those not known yet */
int embedded_partition_refresh(struct embedded *log, int topic, int partition, struct error *err);
void embedded_topics_free(struct embedded *log);
struct partition *embedded_partition(struct embedded *log, int topic, int partition);
int embedded_create_topic(struct log *log, const struct topic_spec *spec, struct error *err);
int embedded_raise_partitions(struct log *log, int topic, int partitions, struct error *err);
int embedded_topic(struct log *log, const char *name, int *topic, struct error *err);
int embedded_topic_partitions(struct log *log, int topic);
const char *embedded_topic_name(struct log *log, int topic);
int embedded_position(struct log *log, const char *group, int topic, int partition, int64_t *offset, struct error *err);

/* embedded_index.c: keys, and walking over summaries */
void embedded_key(uint8_t to[EMBEDDED_KEY_SIZE], char kind, int topic, int partition, int64_t offset);
void embedded_partition_key(uint8_t to[EMBEDDED_PARTITION_KEY_SIZE], char kind, int topic, int partition);
void embedded_position_key(struct buffer *to, const char *group, int topic, int partition);

struct index_walk {
	rocksdb_iterator_t *iterator;
	uint8_t prefix[EMBEDDED_PARTITION_KEY_SIZE];
	int topic, partition;
	int64_t base; /* of the batch it stands on */
	struct batch_summary summary;
};
void index_open(struct index_walk *walk, struct embedded *log, int topic, int partition);
void index_close(struct index_walk *walk);
/* Each returns 1 standing on a batch, 0 where there is none, -1 on an error. */
int index_seek(struct index_walk *walk, int64_t offset, struct error *err); /* first batch ending behind offset */
int index_last(struct index_walk *walk, struct error *err);
int index_next(struct index_walk *walk, struct error *err);
int embedded_partition_ends(struct log *log, int topic, int partition, struct partition_ends *out, struct error *err);
int embedded_partition_info(struct log *log, int topic, int partition, struct partition_info *out, struct error *err);
int embedded_offset_at(struct log *log, int topic, int partition, int64_t time_ms, int64_t *offset, struct error *err);

/* embedded_read.c: a place in a partition that is read from */
struct place {
	struct embedded *log;
	int topic, partition;
	int64_t next;
	struct buffer body; /* what the records point into */
	struct batch_records records;
};
void place_init(struct place *place, struct embedded *log, int topic, int partition, int64_t offset);
void place_fini(struct place *place);
int place_fetch(struct place *place, struct log_batch *out, struct error *err);
int embedded_reader_open(struct log *log, int topic, int partition, int64_t offset, struct reader **out,
			 struct error *err);
int embedded_reader_fetch(struct reader *reader, int64_t wait_ms, struct log_batch *out, struct error *err);
void embedded_reader_close(struct reader *reader);
/* Waits until `generation` is no longer the log's, or the monotonic time until_us. False: it was the time. */
bool embedded_wait(struct embedded *log, uint64_t generation, int64_t until_us);

int embedded_member_open(struct log *log, const struct member_spec *spec, struct member **out, struct error *err);
void embedded_member_close(struct member *member);
struct transaction *embedded_member_transaction(struct member *member);
int embedded_member_poll(struct member *member, int64_t wait_ms, struct member_event *event, struct error *err);
int embedded_member_start(struct member *member, int partition, const int64_t *positions, struct error *err);
int embedded_member_stop(struct member *member, int partition, struct error *err);
int embedded_member_fetch(struct member *member, int partition, int input, struct log_batch *out, struct error *err);

/* embedded_sweep.c: what takes batches away */
int embedded_sweeper_start(struct embedded *log, struct error *err);
void embedded_sweeper_stop(struct embedded *log);
int embedded_trim(struct log *log, int topic, int partition, int64_t offset, struct error *err);
int embedded_sweep(struct embedded *log, struct error *err); /* one look at everything */
/* Under the partition's maintenance. */
int embedded_trim_to(struct embedded *log, int topic, int partition, int64_t offset, struct error *err);
/* embedded_free.c: removes the topic's segments that no batch is in any more. */
int embedded_free_segments(struct embedded *log, int topic, struct error *err);

/* embedded_disk.c: how large the directory is, and what keeps it within its bound */
bool embedded_disk(struct log *log, struct log_disk *out);
int embedded_disk_look(struct embedded *log, struct error *err);
void embedded_disk_say(struct embedded *log);

int embedded_compact(struct embedded *log, int topic, int partition, struct error *err);

#endif
