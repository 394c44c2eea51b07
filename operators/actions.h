/*
 * What a user can do with an item: the symbols of the enum `action` of an engagement. State keeps an action as its
 * number here, which does not depend on a schema; so new ones are added at the end.
 */
#ifndef OPERATORS_ACTIONS_H
#define OPERATORS_ACTIONS_H

#include "base/buffer.h"
#include "base/error.h"

#define ACTIONS_COUNT 9

extern const char *const actions_names[ACTIONS_COUNT]; /* for record/symbols.h */

/* "click: 1, like: 2.5": a weight for each action, 0 for those that are not named. Refuses unknown names, an action
 * that is named twice, what is no number from 0 to `max`, and a list without a weight over 0. */
int actions_parse_weights(const char *list, double max, double weights[ACTIONS_COUNT], struct error *err);

/* "click, like share": a set of bits, 1 << number. Refuses unknown names, and a list of none. */
int actions_parse(const char *list, unsigned *set, struct error *err);

/* As JSON, for `isotope state`: an engagement that is kept. */
void actions_show(struct bytes engagement_id, struct bytes item_id, int action, int64_t occurred_at,
		  struct buffer *out);

#endif
