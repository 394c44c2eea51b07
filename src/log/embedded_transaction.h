/* The pending records of one transaction of the embedded log, and its way to the committer. */
#ifndef LOG_EMBEDDED_TRANSACTION_H
#define LOG_EMBEDDED_TRANSACTION_H

#include "base/usage.h"
#include "log/embedded_log.h"

struct stream_state {
	size_t size;	    /* bytes of records */
	size_t chunk_count; /* closed chunks */
	size_t chunk_size;  /* of the open chunk, and so on: */
	uint32_t count;
	int64_t min_time, max_time;
};

struct chunk {
	size_t size;
	uint32_t count;
	int64_t min_time, max_time;
};

struct stream {
	int topic, partition;
	struct buffer records;
	struct usage usage;   /* of `records` */
	struct chunk *chunks; /* closed ones */
	size_t chunk_capacity;
	struct stream_state now, kept;
	bool used, touched;		/* in transaction->used, ->touched */
	int64_t first_offset, expected; /* of the last commit; the end before the next one; -1: none, any */
	int64_t end;			/* behind what is being committed */
};

struct stream_position {
	char *group;
	int topic, partition;
	int64_t offset;
	bool set; /* in this transaction */
};

struct stream_list {
	struct stream **items;
	size_t count, capacity;
};

struct embedded_transaction {
	struct transaction transaction;
	struct embedded *log;
	char *id;
	struct stream **streams[EMBEDDED_TOPICS_MAX]; /* by topic and partition */
	struct stream_list used, touched, committed;
	struct stream_position *positions;
	size_t position_count, position_capacity;
	size_t bytes;
	/* between append_begin and append_end */
	struct stream *open;
	size_t open_size; /* of the buffer before it */
	size_t key_size;
};
int embedded_transaction_open(struct log *log, const char *id, struct transaction **out, struct error *err);
void embedded_transaction_close(struct transaction *transaction);
struct buffer *embedded_append_begin(struct transaction *transaction, int topic, int partition, struct bytes key,
				     int64_t timestamp_ms);
int embedded_append_end(struct transaction *transaction, bool deletion, struct error *err);
void embedded_append_cancel(struct transaction *transaction);
void embedded_keep(struct transaction *transaction);
void embedded_undo(struct transaction *transaction);
size_t embedded_bytes(const struct transaction *transaction);
void embedded_set_position(struct transaction *transaction, const char *group, int topic, int partition,
			   int64_t offset);
int embedded_abort(struct transaction *transaction, struct error *err);
int64_t embedded_first_offset(const struct transaction *transaction, int topic, int partition);
void embedded_expect(struct transaction *transaction, int topic, int partition, int64_t offset);
void transaction_clear(struct embedded_transaction *transaction);
int embedded_committer_start(struct embedded *log, struct error *err);
void embedded_committer_stop(struct embedded *log);
int embedded_commit(struct transaction *transaction, struct error *err);

#endif
