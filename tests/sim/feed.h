/*
 * What a simulation is fed with: impressions, what people did about them, and scores; made up from a seed, with
 * repeats, disorder, engagements outside the window, orphans, and values that are no records at all.
 */
#ifndef TESTS_SIM_FEED_H
#define TESTS_SIM_FEED_H

#include "dataflow/job.h"
#include "log/sim.h"

#define FEED_ID_SIZE 24
#define FEED_USERS 14
#define FEED_PER_RESPONSE 4 /* items at most */
#define FEED_MODELS 3	    /* versions that may have scored an impression */

/* The times of the join, of which the feed keeps clear: what it sends is never so late that it is too late. */
#define FEED_WINDOW_MS 10000
#define FEED_BEFORE_MS 2000
#define FEED_GRACE_MS 1000
#define FEED_HORIZON_MS 150000
#define FEED_ORPHAN_WAIT_MS 100000
#define FEED_TOLERANCE_MS 500

enum feed_topic {
	FEED_IMPRESSIONS,
	FEED_ENGAGEMENTS,
	FEED_SCORES,
	FEED_ENGINE_LOG,
	FEED_SERVER_LOG,
	FEED_CLIENT_LOG,
	FEED_TOPICS
};

enum feed_stage { FEED_RETURNED, FEED_DELIVERED, FEED_RECEIVED, FEED_EXPOSED, FEED_STAGES };

#define FEED_JOIN_TOPICS (FEED_SCORES + 1)

extern const char *const feed_topics[FEED_TOPICS];

struct feed_impression {
	char id[FEED_ID_SIZE];
	int64_t shown_at;
	bool sent; /* false: what belongs to it are orphans */
	bool exploration;
	bool has_duration;
	double duration;
};

struct feed_engagement {
	char id[FEED_ID_SIZE];
	int impression, user, action; /* index in feed_actions */
	int64_t occurred_at;
	bool has_watched, has_duration;
	double watched, duration;
};

struct feed_score {
	int impression, model;
	int64_t scored_at;
	double watch, probability;
	bool shadow;
};

/* What a log says about an item of a response. */
struct feed_delivery {
	int request, position; /* the position is that in the response: it names the impression */
	enum feed_stage stage;
	bool altered; /* the item is not what it was */
	int64_t logged_at;
};

enum feed_kind { FEED_IMPRESSION, FEED_ENGAGEMENT, FEED_SCORE, FEED_DELIVERY, FEED_RUBBISH };

struct feed_event {
	int64_t send_ms;
	enum feed_kind kind;
	int index;
};

struct feed {
	struct feed_impression *impressions;
	struct feed_engagement *engagements;
	struct feed_score *scores;
	struct feed_delivery *deliveries;
	struct feed_event *events; /* in the order of sending */
	int impression_count, engagement_count, score_count, event_count, rubbish_count;
	int request_count, delivery_count;
	int event_capacity;
	int next; /* event to be sent */
};

extern const char *const feed_actions[];
#define FEED_VIEW 0 /* among them */
#define FEED_WATCH 7
#define FEED_SKIP 8

void feed_make(struct feed *feed, struct sim_random *random, int impressions, int64_t start_ms, int64_t span_ms);
/* Instead of all that: what engine, server and client have logged about so many responses. */
void feed_make_deliveries(struct feed *feed, struct sim_random *random, int requests, int64_t start_ms,
			  int64_t span_ms);
/* Of the kinds that have a bit in `kinds` (1 << kind) only. */
void feed_keep(struct feed *feed, unsigned kinds);
void feed_fini(struct feed *feed);

/* The event as JSON; the caller frees it. Not of rubbish. */
char *feed_json(const struct feed *feed, const struct feed_event *event);
enum feed_topic feed_topic_of(const struct feed *feed, const struct feed_event *event);
/* Valid until the next call. */
const char *feed_key_of(const struct feed *feed, const struct feed_event *event);

#endif
