/*
 * The world that `traffic` reports on: users with tastes, items with clusters and creators, and a ranker that guesses
 * what a user will like better than chance does. Nothing of it is stored: who user 17 is and what item 3 is like
 * follows from the seed by hashing, so that any request can be worked out by itself, in any task, again after a
 * restart.
 *
 * Times are feed times: milliseconds since the feed began. Pure functions; a model is constant once it is made.
 */
#ifndef OPERATORS_TRAFFIC_MODEL_H
#define OPERATORS_TRAFFIC_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_DIMENSIONS 16 /* of tastes and item vectors */
#define TRAFFIC_CLUSTERS 64   /* of items */
#define TRAFFIC_SLATE_MAX 64  /* positions of one request */
#define TRAFFIC_CANDIDATES 4  /* the ranker looks at so many items for each position it fills */
#define TRAFFIC_PLATFORMS 3
#define TRAFFIC_STRATEGIES 4

enum traffic_clock { TRAFFIC_WALL, TRAFFIC_UNPACED };

/* What is configured; the option table in traffic.c says what each means. */
struct traffic_parameters {
	int64_t seed, users, items, slate, new_items_per_minute, limit;
	double rate_per_second;
	double exploration, cold_start, scroll_on;
	int64_t cold_start_age_ms, engagement_delay_ms, dwell_ms;
	char *start;
	int clock; /* enum traffic_clock */
	int64_t catch_up_ms;
	int64_t disorder_ms;
	double repeats, orphans;
	double lost_engine_server, lost_server_client, duplicated, altered, phantom, late;
	int64_t late_by_ms;
	int64_t burst_every_ms, burst_for_ms;
	double burst_factor;
};

enum traffic_source { TRAFFIC_RANKED, TRAFFIC_EXPLORATION, TRAFFIC_COLD_START };

struct traffic_user {
	uint64_t number;
	bool treated; /* in the experiment group `treatment`: served by the better ranker */
	int platform;
	bool receipts; /* this platform's client says what it received, not only what it showed */
	float taste[TRAFFIC_DIMENSIONS];
};

struct traffic_item {
	uint32_t number;
	int cluster;
	uint32_t creator;
	double duration_seconds;
	float vector[TRAFFIC_DIMENSIONS];
};

struct traffic_slot {
	uint32_t item;
	enum traffic_source source;
	float affinity;	    /* the truth: 0 to 1 */
	float live, shadow; /* what the live and the shadow ranker believe it to be */
	float duration_seconds;
};

struct traffic_request {
	uint64_t number;
	int64_t at_ms;
	struct traffic_user user;
	int strategy;
	int count; /* slots filled */
	int depth; /* positions that the user scrolled to: 1 to count */
	struct traffic_slot slots[TRAFFIC_SLATE_MAX];
};

struct traffic_model {
	const struct traffic_parameters *parameters;
	double request_ms; /* between two requests */
	float centres[TRAFFIC_CLUSTERS][TRAFFIC_DIMENSIONS];
};

/* What a random number is for: each use has numbers of its own, so that one parameter does not stir up the rest. */
enum traffic_stream {
	TRAFFIC_STREAM_CENTRE,
	TRAFFIC_STREAM_USER,
	TRAFFIC_STREAM_ITEM,
	TRAFFIC_STREAM_TIME,
	TRAFFIC_STREAM_WHO,
	TRAFFIC_STREAM_RANK,
	TRAFFIC_STREAM_ENGAGE,
	TRAFFIC_STREAM_FAULT,
	TRAFFIC_STREAM_ARRIVAL,
	TRAFFIC_STREAM_REPEAT,
};

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators). */
struct traffic_random {
	uint64_t state;
};

static inline uint64_t
traffic_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static inline struct traffic_random
traffic_random_of(int64_t seed, enum traffic_stream stream, uint64_t number)
{
	uint64_t mixed = traffic_mix((uint64_t)seed * 16 + (uint64_t)stream + 0x9e3779b97f4a7c15u);

	return (struct traffic_random){.state = traffic_mix(mixed ^ (number * 0xd1342543de82ef95u + 1))};
}

static inline uint64_t
traffic_random_next(struct traffic_random *random)
{
	return traffic_mix(random->state += 0x9e3779b97f4a7c15u);
}

/* 0 <= result < 1 */
static inline double
traffic_random_unit(struct traffic_random *random)
{
	return (double)(traffic_random_next(random) >> 11) * 0x1p-53;
}

/* 0 <= result < bound */
static inline uint64_t
traffic_random_below(struct traffic_random *random, uint64_t bound)
{
	return (uint64_t)(((unsigned __int128)traffic_random_next(random) * bound) >> 64);
}

/* Exponential with this mean, cut off at twenty times the mean. */
double traffic_random_exponential(struct traffic_random *random, double mean);

void traffic_model_init(struct traffic_model *model, const struct traffic_parameters *parameters);

/* How many impressions a request gives on average. */
double traffic_exposures_mean(const struct traffic_parameters *parameters);
/* Items that exist at a feed time: 0 to result - 1. The first `items` are there from the start. */
uint32_t traffic_catalogue(const struct traffic_model *model, int64_t at_ms);
/* The oldest item that is still new at that time: those from here to the catalogue's end get cold start slots. */
uint32_t traffic_catalogue_fresh(const struct traffic_model *model, int64_t at_ms);
int64_t traffic_item_appeared_ms(const struct traffic_model *model, uint32_t item);

int64_t traffic_request_at_ms(const struct traffic_model *model, uint64_t request); /* never falls with `request` */
void traffic_request_user(const struct traffic_model *model, uint64_t request, struct traffic_user *user);
int traffic_request_strategy(const struct traffic_model *model, uint64_t request);
void traffic_item_of(const struct traffic_model *model, uint32_t number, struct traffic_item *item);
double traffic_affinity(const struct traffic_user *user, const struct traffic_item *item);

/* Works the whole request out: who asks, what is shown, how far the user scrolls. */
void traffic_request_rank(const struct traffic_model *model, uint64_t number, struct traffic_request *request);

/* The probability that somebody with this affinity engages with what stands at this position. */
double traffic_engage_probability(double affinity, int position);
/* How much of an item somebody with this affinity watches who does engage: 0 to 1. */
double traffic_watched_ratio(double affinity);
/* How likely it was that this slot got its item: what an unbiased estimate has to divide by. */
double traffic_propensity(const struct traffic_model *model, enum traffic_source source, int64_t at_ms);

#endif
