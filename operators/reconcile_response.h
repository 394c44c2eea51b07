/*
 * What the three logs said about one response: one entry of the store `responses` per request_id.
 *
 * In memory a response is this structure, made from the entry's value and written back to it. Every log entry is kept
 * (its stage, its time, what it said), so that a verdict follows from the set of entries, in whatever order they came.
 * What they said is kept once: a version is an item, a position and a marker, and nearly all log entries of an
 * impression share one; nearly all versions of a response share a marker.
 *
 * A log entry that comes after the verdict is kept with the others, and is seen by the next verdict.
 *
 * An impression that matched and was judged keeps the 64-bit hash of its id instead of the id: should a log entry come
 * that is about it, that one brings the id along.
 *
 * All memory is the context's: gone when the hook returns. Texts point into a copy of the value.
 */
#ifndef OPERATORS_RECONCILE_RESPONSE_H
#define OPERATORS_RECONCILE_RESPONSE_H

#include "operators/integrity_series.h"

#define RESPONSE_MARKERS_MAX 1000      /* different ones in one response; further log entries do not fit */
#define RESPONSE_IMPRESSIONS_MAX 10000 /* the most that impressions_max may be */
#define IMPRESSION_ENTRIES_MAX 10000   /* ... and entries_max */
#define IMPRESSION_TOLD_MAX 17	       /* mismatches of one impression: one for each hop and field that there is */

enum stage { RETURNED, DELIVERED, RECEIVED, EXPOSED, STAGES };
/* What log entries say beside their item and position. Those of the trace marker and the platform are in rows, too. */
enum marker_text { GROUP, STRATEGY, MODEL, PLATFORM, USER, MARKER_TEXTS, ROW_TEXTS = USER };

/* Which log a stage is written to. */
static inline enum reconcile_log
log_of_stage(int stage)
{
	return stage == RETURNED ? ENGINE : stage == DELIVERED ? SERVER : CLIENT;
}

struct marker {
	struct bytes texts[MARKER_TEXTS]; /* USER: data NULL where it is not known, since layout 0 did not keep it */
};

struct version {
	struct bytes item;
	int64_t position;
	uint32_t marker; /* index */
};

struct logged {
	int64_t at;
	uint16_t version; /* index */
	uint8_t stage;
};

/* A mismatch that was found and, unless it was one too many, told. */
struct told {
	uint8_t kind, hop, field; /* reconcile_verdict.h */
	bool listed;		  /* its rows go out */
	uint32_t revision;	  /* of the last row */
	uint32_t count;
	uint32_t digest; /* of what the last row said */
};

struct impression {
	struct bytes id; /* data NULL: only its hash is kept */
	uint64_t hash;
	struct version *versions;
	struct logged *entries;
	struct told *told;
	uint16_t version_count, entry_count, told_count;
	uint16_t seen; /* of the entries, those that the verdict has seen: the first ones */
};

struct response {
	int64_t base;	     /* times are stored relative to it: that of the first log entry */
	int64_t floor;	     /* the watermark when the first log entry came; TIME_MIN: none yet */
	int64_t first[LOGS]; /* the earliest log entry of each log; TIME_MAX: none */
	int64_t held_in;     /* the window that waits for it, since a log is silent; TIME_MIN: it is not held */
	int64_t told_at;     /* the latest detected_at of its verdicts; TIME_MIN: there is none */
	int64_t due_again;   /* when it is judged again, since log entries came late; TIME_MAX: none did */
	bool judged;
	struct marker *markers;
	struct impression *impressions;
	uint32_t marker_count, impression_count;
};

/* A log entry that has come. */
struct arrival {
	struct bytes id;
	enum stage stage;
	int64_t at;
	struct bytes item;
	int64_t position;
	struct marker marker;
};

/* The response of an entry's value; of one that is empty, a new one whose first log entry is about to be added. */
void response_read(struct bytes value, struct context *context, struct response *out);
/* Its value; FATAL: it would be larger than an entry may be, which response_add does not let happen. */
int response_write(const struct response *response, struct context *context, struct bytes *out, struct error *err);

/* No more than this, with every mismatch that there can be: when the time has come to tell them it is too late to
 * refuse. */
size_t response_size_max(const struct response *response);

/* A log entry has come to be known: `first` follows. */
void response_note(struct response *response, const struct logged *entry);

/* What a response may have at most. */
struct response_limits {
	int64_t impressions, entries; /* of one impression */
};

/* Adds a log entry. false: it does not fit; the response is not to be used any more. */
bool response_add(struct response *response, const struct arrival *arrival, const struct response_limits *limits,
		  struct context *context);

/* The response as the verdict saw it, where log entries have come since. It shares all of the other one's memory. */
struct response response_seen(const struct response *response, struct context *context);

#define RESPONSE_LAYOUT 1 /* what layout 0 wrote is read as it is */

/* The window that waits for the response of an entry's value, since a log is silent; TIME_MIN: none. */
int64_t response_held_in(struct bytes value);

/* Says in JSON what the value of an entry holds. */
void response_show(struct bytes value, struct buffer *out);

/* When the response was made: the earliest log entry of the earliest log that has any. */
int64_t response_anchor(const struct response *response);

/* Of two log entries of one impression, whether the first comes first: by time, then by stage and by what they say. */
bool logged_before(const struct response *response, const struct impression *impression, const struct logged *a,
		   const struct logged *b);

#endif
