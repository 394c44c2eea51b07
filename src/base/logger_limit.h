/*
 * How often lines of one kind are written, where somebody else decides what is worth a line: one in
 * LOGGER_LIMIT_US for each kind, which says how many were left out since the last one. All zero bytes: nothing written
 * yet. Not thread-safe.
 */
#ifndef BASE_LOGGER_LIMIT_H
#define BASE_LOGGER_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOGGER_LIMIT_US ((int64_t)60 * 1000000)
#define LOGGER_LIMIT_KINDS 64 /* that are known at a time; the one written longest ago makes room */

struct logger_limit {
	struct logger_limit_kind {
		uint64_t kind; /* 0: none */
		int64_t written_us;
		int64_t left_out;
	} kinds[LOGGER_LIMIT_KINDS];
};

/* Whether a line of that kind (not 0) may be written now, by a steady clock. *left_out: those of its kind that were
 * not, since the last one that was. */
bool logger_limit_pass(struct logger_limit *limit, uint64_t kind, int64_t now_us, int64_t *left_out);

#endif
