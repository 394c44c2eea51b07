/*
 * The rows of one task in RocksDB: a column family per store, in it
 *
 *     'e' partition key              an entry: u48 seq | u16 form | i64 fire_at | u8 drain mark | value
 *     't' partition fire_at key      nothing; says when a row's timer fires. May be out of date: the entry decides
 *     'p' partition                  the position: u8 format | u64 journal | u64 seq | i64 offset of the first block
 *                                    whose changes are not all among the rows
 *
 * partition and fire_at are big-endian, fire_at with its sign flipped, so that rows stand in the order of numbers.
 *
 * WAL off: what is in memory is lost by a crash. RocksDB flushes the writes to a column family in their order, so each
 * family then is as it was after some prefix of the writes to it, and since its position is written into it after the
 * rows that the position promises, the promise holds in every prefix. Families may stand at different prefixes: the
 * restore begins at the earliest of their positions.
 */
#ifndef STATE_DISK_H
#define STATE_DISK_H

#include <rocksdb/c.h>

#include "base/buffer.h"
#include "state/block.h"
#include "state/database.h"
#include "state/entry.h"

struct disk_store {
	rocksdb_column_family_handle_t *family;
	bool unknown;	  /* rows from before this opening: how many is not known */
	int64_t timer_at; /* no index row before (timer_at, timer_key) stands for a timer that is not in memory */
	struct buffer timer_key;
};

struct disk {
	rocksdb_t *rocksdb;
	uint32_t partition;
	struct disk_store *stores;
	int store_count;
	rocksdb_readoptions_t *read, *scan;
	rocksdb_writeoptions_t *write;
	rocksdb_writebatch_t *batch;
	struct buffer key, index_key, value; /* scratch */
	rocksdb_pinnableslice_t *pinned;     /* what disk_get gave out */
	int64_t batch_bytes;
	bool written; /* since the last flush */
};

struct disk_row {
	uint64_t seq;
	uint16_t form;
	int64_t fire_at;
	uint8_t drain;
	struct bytes value;
};

struct disk_position {
	uint64_t journal, seq;
	int64_t offset;
};

/* `names`: of the stores, the state's own included. */
int disk_open(struct disk *disk, const struct state_config *config, const char *const *names, int store_count,
	      struct error *err);
void disk_close(struct disk *disk);

/* Into the batch; disk_write applies it. */
void disk_put(struct disk *disk, const struct entry *entry);
void disk_delete(struct disk *disk, int store, struct bytes key);
void disk_delete_timer(struct disk *disk, int store, int64_t fire_at, struct bytes key);
void disk_put_position(struct disk *disk, int store, const struct disk_position *position);
void disk_wipe(struct disk *disk, int store); /* every row of the task */
int disk_write(struct disk *disk, struct error *err);
/* Lets RocksDB bring what was written into files, in the background or while this waits. */
int disk_flush(struct disk *disk, bool wait, struct error *err);

/* Views, valid until the next call. */
int disk_get(struct disk *disk, int store, struct bytes key, struct disk_row *out, bool *found, struct error *err);
int disk_get_position(struct disk *disk, int store, struct disk_position *out, bool *found, struct error *err);

/* Rows in order, from a key on, and keys that begin with `prefix` only. */
struct disk_cursor {
	rocksdb_iterator_t *rows;
	struct buffer prefix;
};
void disk_rows_open(struct disk_cursor *cursor, struct disk *disk, int store, struct bytes prefix, struct bytes from);
/* *more false: the end. */
int disk_rows_at(struct disk_cursor *cursor, struct bytes *key, struct disk_row *row, bool *more, struct error *err);
/* Index rows, from (fire_at, key) on. */
void disk_timers_open(struct disk_cursor *cursor, struct disk *disk, int store, int64_t fire_at, struct bytes from);
int disk_timers_at(struct disk_cursor *cursor, int64_t *fire_at, struct bytes *key, bool *more, struct error *err);
void disk_cursor_next(struct disk_cursor *cursor);
void disk_cursor_close(struct disk_cursor *cursor);

#endif
