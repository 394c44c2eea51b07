/*
 * An alert of integrity_rollup: its entry in the store `alerts`, and its row.
 */
#ifndef OPERATORS_INTEGRITY_ROLLUP_ALERT_H
#define OPERATORS_INTEGRITY_ROLLUP_ALERT_H

#include "operators/integrity_rollup.h"

#define FIRING_KEY "firing" /* ids end with a brace */

/* What identifies an alert, in the order in which they stand: the name, then the labels by their names. */
enum alert_text { NAME, DIMENSION, HOP, LOG, TASK, VALUE, RUNBOOK, ALERT_TEXTS };

/* What its entry begins with; the texts follow, each behind its size. Stored as it is. */
struct alert_head {
	double value, threshold;
	int64_t window_start; /* the newest window that said something: its value is `value` */
	int64_t starts_at;
	int64_t breach_end;   /* of the newest window in breach */
	int64_t act_at;	      /* its timer */
	int64_t resolved_for; /* window_start when it was resolved; TIME_MIN: it never was */
	int32_t revision;
	uint8_t firing, severity;
	uint16_t unused;
};

_Static_assert(sizeof(struct alert_head) == 64, "alerts are stored: 64 bytes and the texts");

struct alert {
	struct alert_head head;
	struct bytes texts[ALERT_TEXTS];
};

/* What identifies it, as lost{dimension="all",value="all"}: the context's. */
struct bytes alert_id(const struct alert *alert, struct context *context);
/* The alert of an entry's value, from which its texts are borrowed. */
void alert_read(struct bytes value, struct alert *out);
/* *found false: *out is as it was. Texts are the context's. */
int alert_find(struct bytes id, struct alert *out, bool *found, struct context *context, struct error *err);
int alert_write(const struct alert *alert, struct bytes id, struct context *context, struct error *err);
/* It has changed: its row, with the next revision, and its entry. */
int alert_emit(const struct rollup *self, struct alert *alert, struct bytes id, struct context *context,
	       struct error *err);

#endif
