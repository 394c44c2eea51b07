/* The vector of a user, held against the formula in double precision over all events at once. */
#include "operators/embedding.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "operators/id_list.h"
#include "tests/test.h"

#define HALF_LIFE 3600000 /* ms */
#define DIMENSIONS_MAX 256
#define NEVER TIME_MIN /* nothing is forgotten */

static struct error err;

/* What an operator does with the entry of a store. */
struct state {
	uint8_t *value;
	size_t size;
};

static struct bytes
value_of(const struct state *state)
{
	return bytes_of(state->value, state->size);
}

static enum embedding_verdict
put(struct state *state, const struct embedding_event *event, int64_t until)
{
	enum embedding_verdict verdict;
	size_t old;

	check_ok(embedding_check(event, event->dimensions, &err));
	state->size = old = embedding_forget(state->value, state->size, until);
	verdict = embedding_judge(bytes_of(state->value, state->size), event, until);
	if (verdict > EMBEDDING_COUNTS)
		return verdict;
	state->size = embedding_size_with(bytes_of(state->value, state->size), event, verdict);
	state->value = memory_resize(state->value, state->size);
	if (state->size > old)
		memset(state->value + old, 0, state->size - old);
	embedding_apply(state->value, event, verdict, HALF_LIFE);
	return verdict;
}

static void
clear(struct state *state)
{
	memory_free(&state->value);
	state->size = 0;
}

/* ---- any order ---- */

struct sample {
	char id[16];
	int64_t at;
	double weight;
	float vector[DIMENSIONS_MAX];
};

static double
unit(struct test_random *random)
{
	return (double)test_random_below(random, 1 << 30) / (1 << 30);
}

static struct sample *
samples(struct test_random *random, size_t count, size_t dimensions, int64_t span_ms)
{
	struct sample *list = memory_new_array(count, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		snprintf(list[i].id, sizeof(list[i].id), "e%zu", i);
		list[i].at = 1767225600000 + (int64_t)test_random_below(random, (uint64_t)span_ms);
		list[i].weight = 0.1 + 5 * unit(random);
		for (size_t c = 0; c < dimensions; c++)
			list[i].vector[c] = (float)(2 * unit(random) - 1);
	}
	return list;
}

static struct embedding_event
event_of(const struct sample *sample, size_t dimensions)
{
	return (struct embedding_event){.id = bytes_of_text(sample->id),
					.occurred_at = sample->at,
					.weight = sample->weight,
					.vector = sample->vector,
					.dimensions = dimensions,
					.space = bytes_of_text("v1"),
					.floor_ms = TIME_MIN};
}

/* The formula, as it stands. Returns the weight. */
static double
by_the_formula(const struct sample *list, size_t count, size_t dimensions, double *vector)
{
	int64_t newest = list[0].at;
	double weight = 0;

	for (size_t i = 1; i < count; i++)
		newest = list[i].at > newest ? list[i].at : newest;
	memset(vector, 0, dimensions * sizeof(*vector));
	for (size_t i = 0; i < count; i++) {
		double w = list[i].weight * exp2((double)(list[i].at - newest) / HALF_LIFE);

		weight += w;
		for (size_t c = 0; c < dimensions; c++)
			vector[c] += w * (double)list[i].vector[c];
	}
	for (size_t c = 0; c < dimensions; c++)
		vector[c] /= weight;
	return weight;
}

static void
shuffle(struct test_random *random, struct sample *list, size_t count)
{
	for (size_t i = count - 1; i > 0; i--) {
		size_t other = test_random_below(random, i + 1);
		struct sample kept = list[i];

		list[i] = list[other];
		list[other] = kept;
	}
}

static void
check_any_order(size_t count, size_t dimensions, int64_t span_ms)
{
	struct test_random random = test_random_of(test_seed(11));
	struct sample *list = samples(&random, count, dimensions, span_ms);
	double wanted[DIMENSIONS_MAX], weight = by_the_formula(list, count, dimensions, wanted);
	float got[DIMENSIONS_MAX];

	for (int round = 0; round < 10; round++) {
		struct state state = {0};

		for (size_t i = 0; i < count; i++) {
			struct embedding_event event = event_of(&list[i], dimensions);

			check(put(&state, &event, NEVER) <= EMBEDDING_COUNTS);
			if (i % 3 == 0)
				check_int(put(&state, &event, NEVER), EMBEDDING_REPEATED);
		}
		embedding_vector(value_of(&state), got);
		for (size_t c = 0; c < dimensions; c++)
			if (!(fabs((double)got[c] - wanted[c]) <= 2e-6))
				check_real((double)got[c], wanted[c]);
		check(fabs(embedding_weight(value_of(&state), HALF_LIFE) / weight - 1) < 1e-9);
		check_int(embedding_head_of(value_of(&state)).actions, (int64_t)count);
		clear(&state);
		shuffle(&random, list, count);
	}
	memory_free(&list);
}

TEST(any_order_gives_the_vector_of_the_formula_within_some_half_lives)
{
	check_any_order(300, 64, 5 * HALF_LIFE);
	check_any_order(300, 256, 5 * HALF_LIFE);
}

TEST(any_order_gives_it_over_hundreds_of_half_lives)
{
	check_any_order(300, 64, (int64_t)700 * HALF_LIFE);
	check_any_order(30, 256, (int64_t)3000 * HALF_LIFE);
}

TEST(any_order_gives_it_for_odd_dimensions_and_for_one_event)
{
	check_any_order(50, 13, HALF_LIFE);
	check_any_order(1, 1, 1);
}

/* ---- one thing at a time ---- */

static const float ones[4] = {1, 1, 1, 1}, twos[4] = {2, 2, 2, 2};

static struct embedding_event
event(const char *id, int64_t at, const float *vector)
{
	return (struct embedding_event){.id = bytes_of_text(id),
					.occurred_at = at,
					.weight = 1,
					.vector = vector,
					.dimensions = 4,
					.space = bytes_of_text("v1"),
					.floor_ms = TIME_MIN};
}

static double
first(const struct state *state)
{
	float vector[4];

	embedding_vector(value_of(state), vector);
	return (double)vector[0];
}

TEST(two_events_give_the_same_bits_in_either_order)
{
	struct test_random random = test_random_of(test_seed(17));

	for (int round = 0; round < 200; round++) {
		struct sample *list = samples(&random, 2, 4, round % 2 ? HALF_LIFE / 10 : (int64_t)20 * HALF_LIFE);
		float vectors[2][4];

		for (int order = 0; order < 2; order++) {
			struct state state = {0};

			for (int i = 0; i < 2; i++) {
				struct embedding_event event = event_of(&list[order ? 1 - i : i], 4);

				put(&state, &event, NEVER);
			}
			embedding_vector(value_of(&state), vectors[order]);
			clear(&state);
		}
		check_bytes(bytes_of(vectors[0], sizeof(vectors[0])), bytes_of(vectors[1], sizeof(vectors[1])));
		memory_free(&list);
	}
}

TEST(half_a_life_later_weighs_twice_as_much)
{
	struct state state = {0};
	struct embedding_event a = event("a", 1000, ones), b = event("b", 1000 + HALF_LIFE, twos);

	check_int(put(&state, &a, NEVER), EMBEDDING_STARTS);
	check_real(first(&state), 1);
	check_int(put(&state, &b, NEVER), EMBEDDING_COUNTS);
	check(fabs(first(&state) - (1 + 2 * 2) / 3.0) < 1e-6);
	check(fabs(embedding_weight(value_of(&state), HALF_LIFE) - 1.5) < 1e-12);
	clear(&state);
}

TEST(an_id_is_remembered_as_long_as_stated_and_what_is_older_is_refused)
{
	struct state state = {0};
	struct embedding_event a = event("a", 10000, ones), b = event("b", 20500, ones);

	put(&state, &a, NEVER);
	put(&state, &b, 9999);
	check_int(put(&state, &a, 9999), EMBEDDING_REPEATED);
	check_int(embedding_head_of(value_of(&state)).id_count, 2);
	check_int(put(&state, &a, 10000), EMBEDDING_TOO_OLD);
	check_int(embedding_head_of(value_of(&state)).id_count, 1);
	check_int(put(&state, &b, 20499), EMBEDDING_REPEATED);
	check_real(embedding_weight(value_of(&state), HALF_LIFE) < 2, 1);
	clear(&state);
}

TEST(a_full_list_of_ids_is_taken_out_and_pages_tell_the_repeats_of_it)
{
	struct state state = {0};
	struct embedding_event a = event("id 0", 1000, ones), b = event("other", 500, ones);
	char id[32];

	for (int i = 0; i < EMBEDDING_IDS_MAX; i++) {
		struct embedding_event e = event(id, 1000 * (int64_t)(i + 1), ones);

		snprintf(id, sizeof(id), "id %d", i);
		e.id = bytes_of_text(id);
		check(put(&state, &e, NEVER) <= EMBEDDING_COUNTS);
	}
	check(embedding_is_full(value_of(&state)));
	check_int((int64_t)embedding_ids(value_of(&state)).size, (int64_t)EMBEDDING_IDS_MAX * ID_SIZE);
	check_int(put(&state, &a, NEVER), EMBEDDING_REPEATED);
	state.size = embedding_drop_ids(state.value, state.size);
	check(!embedding_is_full(value_of(&state)));
	check_int(embedding_head_of(value_of(&state)).paged, 1);
	check_bytes(embedding_space(value_of(&state)), bytes_of_text("v1"));
	a.known = true;
	check_int(put(&state, &a, NEVER), EMBEDDING_REPEATED);
	b.floor_ms = 500;
	check_int(put(&state, &b, NEVER), EMBEDDING_TOO_OLD);
	b.floor_ms = 499;
	check_int(put(&state, &b, NEVER), EMBEDDING_COUNTS);
	check_int(embedding_head_of(value_of(&state)).actions, EMBEDDING_IDS_MAX + 1);
	clear(&state);
}

TEST(a_new_space_starts_anew_and_an_old_one_is_refused)
{
	struct state state = {0};
	struct embedding_event a = event("a", 1000, ones), b = event("b", 2000, twos), c = event("c", 3000, ones);

	put(&state, &a, NEVER);
	b.space = bytes_of_text("version 2");
	b.newer = true;
	check_int(put(&state, &b, NEVER), EMBEDDING_STARTS);
	check_real(first(&state), 2);
	check_int(embedding_head_of(value_of(&state)).actions, 1);
	check_int(put(&state, &c, NEVER), EMBEDDING_OLD_SPACE);
	c.space = b.space; /* the item has its new vector now */
	check_int(put(&state, &c, NEVER), EMBEDDING_COUNTS);
	check_bytes(embedding_space(value_of(&state)), bytes_of_text("version 2"));
	check_int(put(&state, &b, NEVER), EMBEDDING_REPEATED);
	clear(&state);
}

TEST(a_new_space_does_not_set_the_time_back)
{
	struct state state = {0};
	struct embedding_event a = event("a", 5000, ones), b = event("b", 2000, twos);

	put(&state, &a, NEVER);
	b.space = bytes_of_text("v2");
	b.newer = true;
	check_int(put(&state, &b, NEVER), EMBEDDING_STARTS);
	check_int(embedding_head_of(value_of(&state)).newest_ms, 5000);
	check(fabs(embedding_weight(value_of(&state), HALF_LIFE) - exp2(-3000.0 / HALF_LIFE)) < 1e-12);
	clear(&state);
}

TEST(an_event_without_a_vector_is_told_from_a_repeat_and_from_one_that_is_too_old)
{
	struct state state = {0};
	struct embedding_event a = event("a", 5000, ones), b = event("b", 6000, NULL);

	check_int(embedding_judge(bytes_of(NULL, 0), &b, NEVER), EMBEDDING_LACKS_VECTOR);
	put(&state, &a, NEVER);
	check_int(embedding_judge(value_of(&state), &b, NEVER), EMBEDDING_LACKS_VECTOR);
	check_int(embedding_judge(value_of(&state), &b, 6000), EMBEDDING_TOO_OLD);
	a.vector = NULL;
	check_int(embedding_judge(value_of(&state), &a, NEVER), EMBEDDING_REPEATED);
	clear(&state);
}

TEST(other_dimensions_start_anew)
{
	struct state state = {0};
	struct embedding_event a = event("a", 1000, ones), b = event("b", 2000, twos);

	put(&state, &a, NEVER);
	b.dimensions = 2;
	check_int(put(&state, &b, NEVER), EMBEDDING_STARTS);
	check_int(embedding_head_of(value_of(&state)).dimensions, 2);
	clear(&state);
}

TEST(what_is_no_vector_is_refused)
{
	float vector[4] = {1, 2, 3, 4};
	struct embedding_event e = event("a", 1000, vector);

	check_ok(embedding_check(&e, 4, &err));
	check_fails(embedding_check(&e, 5, &err), "the vector has 4 components instead of 5");
	check_int(err.action, SKIP);
	vector[3] = NAN;
	check_fails(embedding_check(&e, 4, &err), "component 3 of the vector is");
	vector[3] = INFINITY;
	check_fails(embedding_check(&e, 4, &err), "component 3 of the vector is inf");
	vector[3] = -2e12f;
	check_fails(embedding_check(&e, 4, &err), "component 3 of the vector is -2e+12");
	vector[3] = 0;
	e.weight = 0;
	check_fails(embedding_check(&e, 4, &err), "the weight is 0");
	e.weight = NAN;
	check_fails(embedding_check(&e, 4, &err), "the weight is");
	e.weight = 1;
	e.occurred_at = TIME_MIN;
	check_fails(embedding_check(&e, 4, &err), "no sane time");
}
