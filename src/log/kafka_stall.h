/*
 * Whether a partition has stopped delivering: by the word of its leader there are records behind the position, all
 * decided, and none has come for too long, though whoever reads it asks. Control records and what was aborted move the
 * position too (the end of the partition says so), so that they make no lag here. Pure.
 */
#ifndef LOG_KAFKA_STALL_H
#define LOG_KAFKA_STALL_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: nothing was seen. */
struct kafka_stall {
	int64_t behind_us; /* since then it has been behind, without moving; 0: it is not */
	int64_t position;
	int count; /* times in a row that something was to be done, without the position moving since */
};

/*
 * The last stable offset was confirmed just now, and nothing was there to be read. True: something is to be done.
 * Looks that are further apart than limit_us see it later.
 */
bool kafka_stall_look(struct kafka_stall *stall, int64_t position, int64_t end, int64_t now_us, int64_t limit_us);

#endif
