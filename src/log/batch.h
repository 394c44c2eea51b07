/*
 * How records are stored: many together as one batch, so that the cost of the database is paid once for thousands.
 *
 * A batch is a header of 16 bytes (records, offsets covered, flags, stamp) and its records one behind the other: key
 * size, value size (u32, BATCH_ABSENT: none), timestamp (i64), key, value. Where compaction took records out, the flag
 * BATCH_SPARSE says that each record is preceded by its distance from the first offset (u32). The stamp is the number
 * of the commit that wrote it, modulo 2^32; 0: not a commit, or one of before there were stamps. Beside it, under a
 * key of its own, is a summary of fixed size, so that looking for an offset or a time reads no data.
 */
#ifndef LOG_BATCH_H
#define LOG_BATCH_H

#include "log/log.h"

#define BATCH_HEADER_SIZE 16
#define BATCH_RECORD_SIZE 16 /* of a record's own header */
#define BATCH_ABSENT UINT32_MAX
#define BATCH_SPARSE 1U
#define BATCH_SUMMARY_SIZE 64

struct batch_summary {
	uint32_t span;		    /* offsets covered */
	uint32_t count;		    /* records in it: fewer than span after compaction */
	int64_t size;		    /* bytes of the batch */
	int64_t min_time, max_time; /* timestamps of its records */
	int64_t high_time;	    /* highest timestamp of the partition up to here, so that times can be bisected */
	int64_t records, bytes;	    /* of all batches of the partition before this one */
};

void batch_summary_write(uint8_t to[BATCH_SUMMARY_SIZE], const struct batch_summary *summary);
int batch_summary_read(struct bytes from, struct batch_summary *summary, struct error *err);

void batch_header_write(uint8_t to[BATCH_HEADER_SIZE], uint32_t count, uint32_t span, uint32_t flags, uint32_t stamp);

/* A record of a batch onto the end of `to`; `distance` is written for sparse batches only (pass -1 for others). */
void batch_put_record(struct buffer *to, const struct log_record *record, int64_t distance);

/* The size of the batch that stands at the beginning of `data`, and its stamp; 0: there is no whole one. */
size_t batch_find(struct bytes data, uint32_t *stamp);

struct batch_records {
	struct log_record *items;
	size_t count, capacity;
};

/* Lays out the records with offsets from `from` on; they point into `data`. `next` is the offset behind the batch. */
int batch_read(struct bytes data, int64_t base, int64_t from, struct batch_records *records, int64_t *next,
	       struct error *err);

#endif
