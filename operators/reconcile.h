/*
 * What the files of reconcile share: its parameters and resolved fields, its windows and its rows. The operator itself,
 * and what it promises, is reconcile.c.
 */
#ifndef OPERATORS_RECONCILE_H
#define OPERATORS_RECONCILE_H

#include "operators/integrity_series.h"
#include "operators/reconcile_verdict.h"
#include "record/symbols.h"

enum reconcile_output { MISMATCHES, COUNTS, OVERFLOW };
enum reconcile_store { RESPONSES, WINDOWS, SERIES, GAPS };
enum reconcile_counter {
	COUNT_JUDGED,
	COUNT_MISMATCHES,
	COUNT_REVISIONS,
	COUNT_UNLISTED,
	COUNT_HELD,
	COUNT_TOO_LATE,
	COUNT_OVERFLOW,
};

/* What one impression adds to the counts of its window. */
struct tally {
	uint32_t marker; /* of the response */
	int sign;	 /* 1, or -1 where it is taken back */
	uint8_t counts[TALLY_COUNTERS];
	int16_t buckets[LATENCIES]; /* of the sketches; -1: none */
	uint8_t unused[2];
};

_Static_assert(sizeof(struct tally) == 32, "tallies are compared byte by byte: nothing lies between their fields");

struct reconcile {
	int64_t window, settle, max_hold, correction_horizon, listed_max, series_max;
	struct response_limits limits;
	int field_count[LOGS]; /* of a log entry, where it may go to the output overflow */
	struct {
		struct field id, stage, item, position, marker[MARKER_TEXTS], logged_at;
		struct symbol_map stages; /* numbers: enum stage */
	} delivery[LOGS];
	struct {
		struct field id, request, kind, hop, field, expected, actual, count, marker[ROW_TEXTS], window_start,
			detected_at, revision;
		struct symbol_map kinds, hops;
	} mismatch;
	struct {
		struct field dimension, value, window_start, window_end, counts[TALLY_COUNTERS], latencies[LATENCIES],
			silent, held, task;
		struct field bucket, bucket_count; /* in an item of a sketch */
		int bucket_width, silent_width;
	} row;
};

/* reconcile_open.c: resolves fields. */
int reconcile_open(void *self, struct context *context, struct error *err);

/* reconcile.c: the hooks of the operator. */
int reconcile_process(const void *self, int input, const struct record *record, struct context *context,
		      struct error *err);
int reconcile_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err);

/* ---- reconcile_tell.c: the mismatches of an impression ---- */

/* A response that is being judged, and when: what its rows have in common. */
struct judging {
	const struct reconcile *self;
	struct response *response;
	struct bytes request_id;
	int64_t window_start, detected_at;
};

/* Holds what was told of an impression against the verdict on it now; what is new or different goes out as rows. */
int reconcile_tell(const struct judging *judging, struct impression *impression, const struct verdict *verdict,
		   struct context *context, struct error *err);

/* What the impression adds to the counts, once its mismatches have been told. */
struct tally reconcile_tally(const struct impression *impression, const struct verdict *verdict);

/* ---- reconcile_silence.c: logs that fall silent ---- */

/* A log entry has come, of this event time. */
int reconcile_note_gap(const struct reconcile *self, enum reconcile_log log, int64_t at_ms, struct context *context,
		       struct error *err);

/* The logs (bits) that ... */
struct silence {
	unsigned is;  /* have said nothing since the response was made, although another got `settle` further */
	unsigned was; /* said nothing around it for longer than settle + max_hold */
};

int reconcile_silent_logs(const struct reconcile *self, const struct response *response, struct silence *out,
			  struct context *context, struct error *err);
void gaps_show(const struct entry *entry, struct buffer *out);

/* ---- reconcile_window.c, reconcile_count.c: windows and their counts ---- */

int64_t window_of(const struct reconcile *self, int64_t at); /* the start of the window that a time is in */
/* When the next window begins, by the watermark; `otherwise` before there is one, and at the end of a bounded run. */
int64_t window_next(const struct reconcile *self, int64_t otherwise, struct context *context);

/* There will be a row when this window closes. */
int window_open(const struct reconcile *self, int64_t window_start, struct context *context, struct error *err);
/* The window waits for `by` more (or fewer) responses, since these logs (bits) are silent. */
int window_hold(const struct reconcile *self, int64_t window_start, int by, unsigned silent, struct context *context,
		struct error *err);
/* *listed: the window has room for another id, of a mismatch of this kind. */
int window_list_id(const struct reconcile *self, int64_t window_start, enum mismatch_kind kind, bool *listed,
		   struct context *context, struct error *err);
/* Adds to the window's counts. After it has closed, the difference goes out as rows of its own. */
int window_count(const struct reconcile *self, int64_t window_start, const struct response *response,
		 const struct tally *tallies, size_t count, struct context *context, struct error *err);
/* For a rescale. A window of a task is an entry of each of the tasks that there will be; the one that is given its
 * counts is given its list of series too. Each waits for the responses that are held in it. */
void window_share(const struct share_part *entry, struct share *share);
void window_share_held(int64_t window_start, const struct share_part *response, int task, struct share *share);
#define WINDOW_LAYOUT 1 /* what layout 0 wrote is read as it is */
int64_t window_merge(const struct share_part *a, const struct share_part *b, struct buffer *value);
void series_share(const struct share_part *entry, struct share *share); /* reconcile_series.c */
int64_t series_merge(const struct share_part *a, const struct share_part *b, struct buffer *value);
int window_on_timer(const struct reconcile *self, struct entry *entry, struct context *context, struct error *err);
void window_show(const struct entry *entry, struct buffer *out);
void series_show(const struct entry *entry, struct buffer *out); /* reconcile_series.c */

#endif
