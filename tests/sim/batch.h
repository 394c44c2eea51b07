/* What must come out, computed from the whole feed at once: no order, no time, no state. */
#ifndef TESTS_SIM_BATCH_H
#define TESTS_SIM_BATCH_H

#include "tests/sim/feed.h"

/* The last row of an impression, but for what it has from the impression, and its revision. */
struct batch_outcome {
	bool engaged, skipped, completed;
	unsigned actions; /* bit per action seen */
	double watched;
	int engagements;
	int64_t first_at, last_at;		      /* where there are any */
	const struct feed_score *scores[FEED_MODELS]; /* in the order of their versions */
	int score_count;
};

void batch_outcome(const struct feed *feed, int impression, struct batch_outcome *out);
bool batch_is_late(const struct feed *feed, int engagement);
bool batch_is_orphan(const struct feed *feed, int engagement);
bool batch_is_hindsight(const struct feed *feed, int score);

/* The newest of what a user did, skips apart, newest first: how many of them went into `out`, `most` or fewer. */
int batch_history(const struct feed *feed, int user, const struct feed_engagement **out, int most);

/* ---- reconcile ---- */

enum batch_kind { BATCH_LOST, BATCH_DUPLICATED, BATCH_PHANTOM, BATCH_ALTERED, BATCH_LATE };
enum batch_hop { BATCH_ENGINE_SERVER, BATCH_SERVER_CLIENT, BATCH_ENGINE, BATCH_SERVER, BATCH_CLIENT, BATCH_HOPS };
#define BATCH_MISMATCHES (2 * BATCH_HOPS) /* by hop: first what is not about a field, then the item */

struct batch_mismatch {
	int kind; /* enum batch_kind; -1: none */
	int count;
};

void batch_mismatches(const struct feed *feed, int request, int position, struct batch_mismatch *out);

#endif
