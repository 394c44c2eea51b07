/*
 * Segments: files that batches are appended to, a stream of them per topic (all its partitions in the order of their
 * commits). The database holds only where a batch stands: a batch is written once, and never moved.
 *
 *     DIR/segments/<topic>-<number>     batches one behind the other, rolled at SEGMENT_SIZE
 *
 * A body is made durable before the row that refers to it; what no row refers to does not exist. A writer never goes on
 * in a file of an earlier one, so there is nothing to repair after a crash: what it left over goes with its file, and a
 * file goes when no row refers to anything in it, and when the removal of those rows is durable. In memory (directory
 * NULL) the files are memfds.
 *
 * What cannot be made durable fails for good: after a failed fsync the kernel counts the pages as clean, so that the
 * next one succeeds without having written them. From then on nothing is appended, whichever thread has met it.
 *
 * Errors: RETRY where nothing was done and it may work later (a full disk, too many open files), else FATAL.
 *
 * Threads: all calls from any. Bodies are read by pread into the caller's buffer: no
 * mapping that a shortened file could turn into a signal.
 */
#ifndef LOG_SEGMENT_H
#define LOG_SEGMENT_H

#include "base/buffer.h"
#include "base/error.h"

#define SEGMENT_SIZE (64 << 20)	   /* bytes, after which the next file begins; one batch may pass it */
#define SEGMENT_SIZE_MIN (1 << 20) /* where the log has a bound */
/* Files kept open: a quarter of what the process may have open (ulimit -n), within: */
#define SEGMENT_FILES_OPEN_MAX 256
#define SEGMENT_FILES_OPEN_MIN 4
#define SEGMENT_PLACE_SIZE 32 /* bytes of a stored place */

struct segments;

/* Where a batch stands: the value of its row in the database. */
#define SEGMENT_BATCH_SIZE_MAX ((uint64_t)64 << 20) /* bytes; more no writer has ever put into one */

struct segment_place {
	uint64_t number;   /* of the file */
	uint64_t position; /* in it */
	uint64_t size;
	uint64_t checksum; /* XXH3 of the records, seeded with that of the header */
};

int segments_open(const char *directory, bool read_only, struct segments **out, struct error *err);
void segments_close(struct segments **segments);

/* The next file begins after so many bytes. */
void segments_set_size(struct segments *segments, int64_t bytes);

/* Appends a batch given in two parts, not yet durable. */
int segments_append(struct segments *segments, int topic, struct bytes header, struct bytes records,
		    struct segment_place *out, struct error *err);
/* Makes durable what was appended to the topic since the last call. */
int segments_sync(struct segments *segments, int topic, struct error *err);
/* The rows of all that was appended to the topic are in the database: from now on its files may be judged by them. */
void segments_indexed(struct segments *segments, int topic);

/* 0, or -1 where something could not be made durable once. */
int segments_check(struct segments *segments, struct error *err);

/*
 * The batch into `out`. *gone: there is no such file. That is as it should be only if the batch was taken away
 * meanwhile, so the caller looks whether a row still refers to it.
 */
int segments_read(struct segments *segments, int topic, const struct segment_place *place, struct buffer *out,
		  bool *gone, struct error *err);

/*
 * Goes through the topic's files from a place on, batch by batch, as far as there are whole ones, whether rows refer to
 * them or not. `visit` is given the file's number, and position, size and stamp (batch.h) of the batch.
 */
typedef void segments_visit(void *argument, uint64_t number, uint64_t position, size_t size, uint32_t stamp);
int segments_scan(struct segments *segments, int topic, uint64_t number, uint64_t position, segments_visit *visit,
		  void *argument, struct error *err);
/* The number of the topic's last file; UINT64_MAX: it has none. */
uint64_t segments_last(struct segments *segments, int topic);
/* The topic's first file that nothing is appended to any more: its number, and when it was last written to. False:
 * there is none. */
bool segments_oldest(struct segments *segments, int topic, uint64_t *number, int64_t *written_ms);
/* The next file of the topic has this number or a higher one. */
void segments_reserve(struct segments *segments, int topic, uint64_t number);

/* Where a file is, for messages; the caller's to free. */
char *segments_path(const struct segments *segments, int topic, uint64_t number);

/*
 * Taking files away: `segments_first_unindexed` first, then the rows are looked through; then every file with a lower
 * number of which `referred` does not say true may go. Before the first of them is removed, the removal of the rows
 * that referred to them must be durable: `segments_removable` says whether there are any.
 */
uint64_t segments_first_unindexed(struct segments *segments, int topic);
typedef bool segments_referred(void *argument, uint64_t number);
bool segments_removable(struct segments *segments, int topic, uint64_t before, segments_referred *referred,
			void *argument);
int segments_remove(struct segments *segments, int topic, uint64_t before, segments_referred *referred, void *argument,
		    struct error *err);

void segment_place_write(uint8_t to[SEGMENT_PLACE_SIZE], const struct segment_place *place);
int segment_place_read(struct bytes from, struct segment_place *place, struct error *err);

#endif
