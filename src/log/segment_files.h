/*
 * The files of segments: which there are, and their descriptors. For segment*.c alone.
 *
 * Descriptors are bounded: the one that was used longest ago is closed for the next. What is not durable yet stays
 * open, since a failed write-back is reported to the descriptors that are open then.
 *
 * Absence is proven: only ENOENT says that a file is not there, and whether it should be is for the caller to find out
 * (segment.h). EMFILE and ENFILE: RETRY, after others were closed; everything else: FATAL.
 *
 * Threads: `lock` guards the lists and the descriptors. A descriptor that was taken stays open until it is put back.
 */
#ifndef LOG_SEGMENT_FILES_H
#define LOG_SEGMENT_FILES_H

#include <pthread.h>

#include "log/segment.h"

#define SEGMENT_TOPICS_MAX 4096

struct segment {
	uint64_t number;
	uint64_t used; /* the count of uses at the last one */
	int fd;	       /* -1: not open */
	int users;     /* that have taken it */
	bool dirty;    /* written to, not durable */
	bool dead;     /* removed: closed by the last user */
};

/* The files of one topic, by number. */
struct segment_stream {
	pthread_mutex_t appending; /* held while a batch is written or made durable; taken before `lock` */
	struct segment *items;
	size_t count, capacity;
	uint64_t next_number;
	bool writing;	 /* this process has begun a file: */
	uint64_t number; /* the last one */
	int64_t end;	 /* where the next batch goes */
	/* under `lock`: files from here on may have batches without a row */
	uint64_t first_unindexed;
};

struct segments {
	char *directory; /* NULL: in memory */
	bool read_only;
	int directory_fd; /* held open, so that a new name can be made durable whatever else is open */
	size_t open_max;
	int64_t size; /* of a file, after which the next one begins */
	pthread_mutex_t lock;
	size_t open_count;
	uint64_t uses;
	bool failed; /* something could not be made durable: nothing is appended any more */
	char failure[ERROR_TEXT_SIZE];
	struct segment_stream streams[SEGMENT_TOPICS_MAX];
};

char *segment_path(const struct segments *segments, int topic, uint64_t number); /* the caller's to free */

/* The file's descriptor. 0; 1 where there is no such file; -1. */
int segment_take(struct segments *segments, int topic, uint64_t number, int *fd, struct error *err);
void segment_put(struct segments *segments, int topic, uint64_t number);

/* The next file of the topic, empty and with a durable name. */
int segment_begin(struct segments *segments, int topic, struct error *err);
/* The last one was written to, or made durable. */
void segment_mark(struct segments *segments, int topic, bool dirty);
bool segment_is_dirty(struct segments *segments, int topic);

/* Under the lock. Removes it from the disk and from the list; -1 with errno. That need not be durable. */
int segment_unlink(struct segments *segments, int topic, struct segment *segment);

/* What is in the directory. */
int segment_files_open(struct segments *segments, struct error *err);
void segment_files_close(struct segments *segments);

/* errno as an error; `path` NULL: the directory. */
int segment_error(const struct segments *segments, const char *path, const char *what, struct error *err);

#endif
