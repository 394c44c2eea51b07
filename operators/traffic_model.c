#include "operators/traffic_model.h"

#include <math.h>

#define CREATORS_SHARE 20  /* items per creator */
#define CENTRE_WEIGHT 0.8f /* how much of an item is its cluster; the rest is its own */
#define OWN_WEIGHT 0.6f
#define NOISE_CONTROL 0.22 /* standard deviation of the ranker's guess of an affinity */
#define NOISE_TREATMENT 0.12
#define NOISE_SHADOW 0.16
#define TREATED_PERCENT 50
#define DURATION_SECONDS_MIN 4.0
#define DURATION_SECONDS_SPREAD 56.0
#define POSITION_EFFECT 0.12 /* attention falls as 1 / (1 + this x position) */
#define ENGAGE_LEAST 0.02
#define ENGAGE_MOST 0.65
#define AFFINITY_MEAN 0.40 /* of a user and an item that know nothing of each other */
#define PRECISION 14.0	   /* 1 over the variance of affinities: how far a noisy guess is to be trusted */
#define EXPONENTIAL_CUT 20.0

/* Four 16-bit numbers in -1 to 1 from one hash. */
static void
four(uint64_t bits, float to[4])
{
	for (int i = 0; i < 4; i++)
		to[i] = (float)(int16_t)(uint16_t)(bits >> (16 * i)) * 0x1p-15f;
}

/* Close to normal, variance 1: the sum of four even ones. */
static double
normal(struct traffic_random *random)
{
	float parts[4];

	four(traffic_random_next(random), parts);
	return 0.8660254 * (double)(parts[0] + parts[1] + parts[2] + parts[3]);
}

double
traffic_random_exponential(struct traffic_random *random, double mean)
{
	double value = -mean * log(1.0 - traffic_random_unit(random));

	return value < EXPONENTIAL_CUT * mean ? value : EXPONENTIAL_CUT * mean;
}

static void
fill_vector(struct traffic_random *random, float vector[TRAFFIC_DIMENSIONS])
{
	for (int i = 0; i < TRAFFIC_DIMENSIONS; i += 4)
		four(traffic_random_next(random), vector + i);
}

static double
clamp(double value, double least, double most)
{
	return value < least ? least : value > most ? most : value;
}

void
traffic_model_init(struct traffic_model *model, const struct traffic_parameters *parameters)
{
	model->parameters = parameters;
	model->request_ms = 1000.0 * traffic_exposures_mean(parameters) / parameters->rate_per_second;
	for (uint64_t i = 0; i < TRAFFIC_CLUSTERS; i++) {
		struct traffic_random random = traffic_random_of(parameters->seed, TRAFFIC_STREAM_CENTRE, i);

		fill_vector(&random, model->centres[i]);
	}
}

double
traffic_exposures_mean(const struct traffic_parameters *parameters)
{
	double mean = 0, reached = 1;

	for (int64_t i = 0; i < parameters->slate; i++, reached *= parameters->scroll_on)
		mean += reached;
	return mean;
}

uint32_t
traffic_catalogue(const struct traffic_model *model, int64_t at_ms)
{
	int64_t fresh = at_ms / 1000 * model->parameters->new_items_per_minute / 60;
	int64_t count = model->parameters->items + fresh;

	return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

uint32_t
traffic_catalogue_fresh(const struct traffic_model *model, int64_t at_ms)
{
	int64_t since_ms = at_ms - model->parameters->cold_start_age_ms;

	return since_ms > 0 ? traffic_catalogue(model, since_ms) : (uint32_t)model->parameters->items;
}

int64_t
traffic_item_appeared_ms(const struct traffic_model *model, uint32_t item)
{
	int64_t rank = (int64_t)item - model->parameters->items + 1;
	int64_t per_minute = model->parameters->new_items_per_minute;

	return rank <= 0 || per_minute == 0 ? 0 : (rank * 60 + per_minute - 1) / per_minute * 1000;
}

int64_t
traffic_request_at_ms(const struct traffic_model *model, uint64_t request)
{
	struct traffic_random random = traffic_random_of(model->parameters->seed, TRAFFIC_STREAM_TIME, request);

	return (int64_t)(((double)request + traffic_random_unit(&random)) * model->request_ms);
}

static void
user_of(const struct traffic_model *model, uint64_t number, struct traffic_user *user)
{
	struct traffic_random random = traffic_random_of(model->parameters->seed, TRAFFIC_STREAM_USER, number);
	uint64_t bits = traffic_random_next(&random);
	const float *first = model->centres[bits % TRAFFIC_CLUSTERS];
	const float *second = model->centres[(bits >> 8) % TRAFFIC_CLUSTERS];

	user->number = number;
	user->treated = (bits >> 16) % 100 < TREATED_PERCENT;
	user->platform = (int)((bits >> 32) % TRAFFIC_PLATFORMS);
	user->receipts = user->platform != 0; /* not in a browser */
	fill_vector(&random, user->taste);
	for (int i = 0; i < TRAFFIC_DIMENSIONS; i++)
		user->taste[i] = 0.9f * first[i] + 0.6f * second[i] + 0.4f * user->taste[i];
}

void
traffic_request_user(const struct traffic_model *model, uint64_t request, struct traffic_user *user)
{
	struct traffic_random random = traffic_random_of(model->parameters->seed, TRAFFIC_STREAM_WHO, request);
	double unit = traffic_random_unit(&random);

	/* Some come far more often than others. */
	user_of(model, (uint64_t)(unit * unit * (double)model->parameters->users), user);
}

int
traffic_request_strategy(const struct traffic_model *model, uint64_t request)
{
	struct traffic_random random = traffic_random_of(model->parameters->seed, TRAFFIC_STREAM_WHO, request);

	traffic_random_next(&random);
	return (int)traffic_random_below(&random, TRAFFIC_STRATEGIES);
}

void
traffic_item_of(const struct traffic_model *model, uint32_t number, struct traffic_item *item)
{
	struct traffic_random random = traffic_random_of(model->parameters->seed, TRAFFIC_STREAM_ITEM, number);
	uint64_t bits = traffic_random_next(&random);
	uint64_t creators = (uint64_t)model->parameters->items / CREATORS_SHARE + 1;
	const float *centre;

	item->number = number;
	item->cluster = (int)(bits % TRAFFIC_CLUSTERS);
	item->creator = (uint32_t)((bits >> 32) % creators);
	item->duration_seconds = floor(DURATION_SECONDS_MIN + DURATION_SECONDS_SPREAD * traffic_random_unit(&random));
	centre = model->centres[item->cluster];
	fill_vector(&random, item->vector);
	for (int i = 0; i < TRAFFIC_DIMENSIONS; i++)
		item->vector[i] = CENTRE_WEIGHT * centre[i] + OWN_WEIGHT * item->vector[i];
}

double
traffic_affinity(const struct traffic_user *user, const struct traffic_item *item)
{
	float dot = 0;
	double x;

	for (int i = 0; i < TRAFFIC_DIMENSIONS; i++)
		dot += user->taste[i] * item->vector[i];
	x = (double)dot - 0.7;
	return 0.5 + 0.5 * x / (1.0 + fabs(x));
}

static void
fill_slot(const struct traffic_model *model, const struct traffic_user *user, uint32_t number,
	  struct traffic_random *random, struct traffic_slot *slot)
{
	struct traffic_item item;
	double noise = user->treated ? NOISE_TREATMENT : NOISE_CONTROL;
	double shrink = 1.0 / (1.0 + PRECISION * noise * noise);
	double shadow_shrink = 1.0 / (1.0 + PRECISION * NOISE_SHADOW * NOISE_SHADOW);
	double guess;

	traffic_item_of(model, number, &item);
	slot->item = number;
	slot->source = TRAFFIC_RANKED;
	slot->affinity = (float)traffic_affinity(user, &item);
	slot->duration_seconds = (float)item.duration_seconds;
	/* A ranker that knows how unsure it is leans towards the mean: that keeps its predictions near the truth. */
	guess = (double)slot->affinity + noise * normal(random);
	slot->live = (float)clamp(AFFINITY_MEAN + shrink * (guess - AFFINITY_MEAN), 0, 1);
	guess = (double)slot->affinity + NOISE_SHADOW * normal(random);
	slot->shadow = (float)clamp(AFFINITY_MEAN + shadow_shrink * (guess - AFFINITY_MEAN), 0, 1);
}

/* Puts a candidate where its score belongs among the best so far, each item once. */
static void
offer(struct traffic_request *request, int wanted, const struct traffic_slot *candidate)
{
	int at = request->count;

	if (at == wanted && candidate->live <= request->slots[at - 1].live)
		return;
	for (int i = 0; i < request->count; i++)
		if (request->slots[i].item == candidate->item)
			return;
	if (request->count < wanted)
		request->count++;
	else
		at--;
	for (; at > 0 && request->slots[at - 1].live < candidate->live; at--)
		request->slots[at] = request->slots[at - 1];
	request->slots[at] = *candidate;
}

/* Gives some slots to chance (exploration) and to items that nobody knows yet (cold start). */
static void
explore(const struct traffic_model *model, struct traffic_request *request, struct traffic_random *random)
{
	uint32_t catalogue = traffic_catalogue(model, request->at_ms);
	uint32_t fresh = traffic_catalogue_fresh(model, request->at_ms);

	for (int i = 0; i < request->count; i++) {
		double unit = traffic_random_unit(random);
		struct traffic_slot *slot = &request->slots[i];

		if (unit < model->parameters->exploration) {
			fill_slot(model, &request->user, (uint32_t)traffic_random_below(random, catalogue), random,
				  slot);
			slot->source = TRAFFIC_EXPLORATION;
		} else if (unit < model->parameters->exploration + model->parameters->cold_start && fresh < catalogue) {
			fill_slot(model, &request->user,
				  fresh + (uint32_t)traffic_random_below(random, catalogue - fresh), random, slot);
			slot->source = TRAFFIC_COLD_START;
		}
	}
}

void
traffic_request_rank(const struct traffic_model *model, uint64_t number, struct traffic_request *request)
{
	struct traffic_random random = traffic_random_of(model->parameters->seed, TRAFFIC_STREAM_RANK, number);
	int wanted = (int)model->parameters->slate;
	uint32_t catalogue;

	request->number = number;
	request->at_ms = traffic_request_at_ms(model, number);
	request->strategy = traffic_request_strategy(model, number);
	request->count = 0;
	traffic_request_user(model, number, &request->user);
	catalogue = traffic_catalogue(model, request->at_ms);
	for (int i = 0; i < TRAFFIC_CANDIDATES * wanted; i++) {
		double unit = traffic_random_unit(&random); /* squared: some items are more popular */
		struct traffic_slot candidate;

		fill_slot(model, &request->user, (uint32_t)(unit * unit * catalogue), &random, &candidate);
		offer(request, wanted, &candidate);
	}
	explore(model, request, &random);
	request->depth = 1;
	while (request->depth < request->count && traffic_random_unit(&random) < model->parameters->scroll_on)
		request->depth++;
}

double
traffic_engage_probability(double affinity, int position)
{
	return clamp(ENGAGE_LEAST + ENGAGE_MOST * affinity / (1.0 + POSITION_EFFECT * position), 0, 1);
}

double
traffic_watched_ratio(double affinity)
{
	return clamp(0.15 + 1.0 * affinity, 0, 1);
}

double
traffic_propensity(const struct traffic_model *model, enum traffic_source source, int64_t at_ms)
{
	const struct traffic_parameters *parameters = model->parameters;
	uint32_t catalogue = traffic_catalogue(model, at_ms);
	uint32_t fresh = catalogue - traffic_catalogue_fresh(model, at_ms);

	if (source == TRAFFIC_EXPLORATION)
		return parameters->exploration / catalogue;
	if (source == TRAFFIC_COLD_START)
		return parameters->cold_start / fresh;
	return 1.0 - parameters->exploration - (fresh > 0 ? parameters->cold_start : 0.0);
}
