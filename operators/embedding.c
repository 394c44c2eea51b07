#include "operators/embedding.h"

#include <math.h>

#include "base/clock.h"
#include "operators/id_list.h"

#define RESCALE_HALF_LIVES 32 /* r may fall so far behind before it moves on */
#define HALF_LIVES_MAX 1000   /* more than that is 0, or cannot be */
#define LANES 8 /* components worked on together: a constant, so that the loop becomes vector code at -O2 */

/* ---- the loops that take the time ---- */

/* sum += age * (weight * vector), rounded in that order: as scaling what stands there already rounds it */
static void
add(float *restrict sum, const float *restrict vector, size_t count, float weight, float age)
{
	size_t i = 0;

	for (; i + LANES <= count; i += LANES)
		for (size_t lane = 0; lane < LANES; lane++)
			sum[i + lane] += age * (weight * vector[i + lane]);
	for (; i < count; i++)
		sum[i] += age * (weight * vector[i]);
}

static void
scale(float *restrict to, const float *restrict from, size_t count, float by)
{
	size_t i = 0;

	for (; i + LANES <= count; i += LANES)
		for (size_t lane = 0; lane < LANES; lane++)
			to[i + lane] = by * from[i + lane];
	for (; i < count; i++)
		to[i] = by * from[i];
}

static void
shrink(float *sum, size_t count, float by)
{
	size_t i = 0;

	for (; i + LANES <= count; i += LANES)
		for (size_t lane = 0; lane < LANES; lane++)
			sum[i + lane] *= by;
	for (; i < count; i++)
		sum[i] *= by;
}

/* ---- the layout: the head, S, the ids one behind the other, the name of the space ---- */

struct embedding_head
embedding_head_of(struct bytes value)
{
	struct embedding_head head = {0};

	if (value.size)
		memcpy(&head, value.data, sizeof(head));
	return head;
}

static size_t
ids_offset(const struct embedding_head *head)
{
	return sizeof(*head) + head->dimensions * sizeof(float);
}

static size_t
size_of(const struct embedding_head *head)
{
	return ids_offset(head) + (size_t)head->id_count * ID_SIZE + head->space_size;
}

static float *
sum_of(uint8_t *value)
{
	return (float *)(void *)(value + sizeof(struct embedding_head));
}

struct bytes
embedding_space(struct bytes value)
{
	struct embedding_head head = embedding_head_of(value);

	return bytes_of(value.data + value.size - head.space_size, head.space_size);
}

/* ---- ids ---- */

static bool
is_known(struct bytes value, const struct embedding_event *event)
{
	struct embedding_head head = embedding_head_of(value);

	return event->known ||
	       (head.id_count > 0 && id_list_has(value.data + ids_offset(&head), head.id_count, id_hash(event->id)));
}

struct bytes
embedding_ids(struct bytes value)
{
	struct embedding_head head = embedding_head_of(value);

	return bytes_of(value.data + ids_offset(&head), (size_t)head.id_count * ID_SIZE);
}

bool
embedding_is_full(struct bytes value)
{
	return embedding_head_of(value).id_count >= EMBEDDING_IDS_MAX;
}

/* The first `kept` ids stay. */
static size_t
keep_ids(uint8_t *value, struct embedding_head *head, size_t kept)
{
	uint8_t *ids = value + ids_offset(head);

	memmove(ids + kept * ID_SIZE, ids + (size_t)head->id_count * ID_SIZE, head->space_size);
	head->id_count = (uint32_t)kept;
	memcpy(value, head, sizeof(*head));
	return size_of(head);
}

size_t
embedding_forget(uint8_t *value, size_t size, int64_t until)
{
	struct embedding_head head = embedding_head_of(bytes_of(value, size));
	size_t kept;

	if (size == 0)
		return 0;
	kept = id_list_forget(value + ids_offset(&head), head.id_count, until);
	return kept == head.id_count ? size : keep_ids(value, &head, kept);
}

size_t
embedding_drop_ids(uint8_t *value, size_t size)
{
	struct embedding_head head = embedding_head_of(bytes_of(value, size));

	head.paged = 1;
	return keep_ids(value, &head, 0);
}

/* ---- events ---- */

int
embedding_check(const struct embedding_event *event, size_t dimensions, struct error *err)
{
	if (event->dimensions != dimensions)
		return fail(err, SKIP, "the vector has %zu components instead of %zu", event->dimensions, dimensions);
	for (size_t i = 0; i < dimensions; i++)
		if (!(fabsf(event->vector[i]) <= EMBEDDING_COMPONENT_MAX)) /* also where it is no number */
			return fail(err, SKIP, "component %zu of the vector is %g; at most %g either way", i,
				    (double)event->vector[i], (double)EMBEDDING_COMPONENT_MAX);
	if (!(event->weight > 0 && event->weight <= EMBEDDING_WEIGHT_MAX))
		return fail(err, SKIP, "the weight is %g; more than 0 and at most %g", event->weight,
			    EMBEDDING_WEIGHT_MAX);
	if (event->occurred_at < -EMBEDDING_TIME_MAX || event->occurred_at > EMBEDDING_TIME_MAX)
		return fail(err, SKIP, "the time %lld is no sane time", (long long)event->occurred_at);
	if (event->space.size > EMBEDDING_SPACE_SIZE_MAX)
		return fail(err, SKIP, "the name of the embedding space has %zu bytes; at most %d", event->space.size,
			    EMBEDDING_SPACE_SIZE_MAX);
	return 0;
}

enum embedding_verdict
embedding_judge(struct bytes value, const struct embedding_event *event, int64_t until)
{
	struct embedding_head head = embedding_head_of(value);

	if (event->occurred_at <= until || (head.floor_ms && event->occurred_at <= head.floor_ms) ||
	    (event->occurred_at <= event->floor_ms && !event->known))
		return EMBEDDING_TOO_OLD;
	if (!event->vector)
		return is_known(value, event) ? EMBEDDING_REPEATED : EMBEDDING_LACKS_VECTOR;
	if (value.size == 0 || head.dimensions != event->dimensions)
		return EMBEDDING_STARTS;
	if (!bytes_equal(embedding_space(value), event->space))
		return event->newer ? EMBEDDING_STARTS : EMBEDDING_OLD_SPACE;
	return is_known(value, event) ? EMBEDDING_REPEATED : EMBEDDING_COUNTS;
}

size_t
embedding_size_with(struct bytes value, const struct embedding_event *event, enum embedding_verdict verdict)
{
	if (verdict == EMBEDDING_COUNTS)
		return value.size + ID_SIZE;
	return sizeof(struct embedding_head) + event->dimensions * sizeof(float) + ID_SIZE + event->space.size;
}

/* From 0 to below the half life, also of a time before 1970. */
static int64_t
remainder_of(int64_t ms, int64_t half_life_ms)
{
	int64_t remainder = ms % half_life_ms;

	return remainder < 0 ? remainder + half_life_ms : remainder;
}

static void
start(uint8_t *value, const struct embedding_event *event, struct embedding_head *head)
{
	*head = (struct embedding_head){
		.reference_ms = event->occurred_at,
		.newest_ms = head->actions && head->newest_ms > event->occurred_at ? head->newest_ms
										   : event->occurred_at,
		.caused_ms = head->actions ? head->caused_ms : TIME_MIN,
		.floor_ms = head->floor_ms,
		.revision = head->revision,
		.dimensions = (uint32_t)event->dimensions,
		.space_size = (uint32_t)event->space.size,
	};
	memset(sum_of(value), 0, event->dimensions * sizeof(float));
	if (event->space.size)
		memcpy(value + ids_offset(head), event->space.data, event->space.size);
}

/* Room for one id more is there: it goes between the others and the name. */
static void
remember(uint8_t *value, const struct embedding_event *event, struct embedding_head *head)
{
	uint8_t *at = value + ids_offset(head) + (size_t)head->id_count * ID_SIZE;

	insist(head->id_count < EMBEDDING_IDS_MAX);
	memmove(at + ID_SIZE, at, head->space_size);
	id_list_set(at, 0, id_hash(event->id), event->occurred_at);
	head->id_count++;
}

/* Moves r near to `to`: by whole half lives, so that S and W change by a power of two. */
static void
move_reference(uint8_t *value, struct embedding_head *head, int64_t to, int64_t half_life_ms)
{
	int64_t half_lives = to > head->reference_ms ? (to - head->reference_ms) / half_life_ms : 0;
	double by;

	if (half_lives < RESCALE_HALF_LIVES)
		return;
	by = half_lives < HALF_LIVES_MAX ? ldexp(1, (int)-half_lives) : 0;
	shrink(sum_of(value), head->dimensions, (float)by);
	head->weight *= by;
	head->reference_ms += half_lives * half_life_ms;
}

/* 2^(ms / half life), where whole half lives round nothing. */
static double
age_factor(int64_t ms, int64_t half_life_ms)
{
	int64_t part = remainder_of(ms, half_life_ms), whole = (ms - part) / half_life_ms;

	if (whole < -HALF_LIVES_MAX)
		return 0;
	return ldexp(exp2((double)part / (double)half_life_ms), whole < HALF_LIVES_MAX ? (int)whole : HALF_LIVES_MAX);
}

/* With a second event r becomes a whole number of half lives, so that it does not matter which of them came first: what
 * they weigh is the same to the last bit. A single one has its own time, and is the item's vector as it is. */
static void
align_reference(uint8_t *value, struct embedding_head *head, int64_t half_life_ms)
{
	int64_t part = remainder_of(head->reference_ms, half_life_ms);
	double by = age_factor(part, half_life_ms);

	shrink(sum_of(value), head->dimensions, (float)by);
	head->weight *= by;
	head->reference_ms -= part;
}

void
embedding_apply(uint8_t *value, const struct embedding_event *event, enum embedding_verdict verdict,
		int64_t half_life_ms)
{
	struct embedding_head head;
	double age;

	memcpy(&head, value, sizeof(head));
	if (verdict == EMBEDDING_STARTS)
		start(value, event, &head);
	remember(value, event, &head);
	if (head.actions == 1)
		align_reference(value, &head, half_life_ms);
	move_reference(value, &head, event->occurred_at, half_life_ms);
	age = age_factor(event->occurred_at - head.reference_ms, half_life_ms);
	add(sum_of(value), event->vector, event->dimensions, (float)event->weight, (float)age);
	head.weight += event->weight * age;
	head.actions++;
	if (event->occurred_at > head.newest_ms)
		head.newest_ms = event->occurred_at;
	if (event->occurred_at > head.caused_ms)
		head.caused_ms = event->occurred_at;
	memcpy(value, &head, sizeof(head));
}

void
embedding_vector(struct bytes value, float *out)
{
	struct embedding_head head = embedding_head_of(value);
	const float *sum = (const float *)(const void *)(value.data + sizeof(head));

	scale(out, sum, head.dimensions, (float)(1 / head.weight));
}

double
embedding_weight(struct bytes value, int64_t half_life_ms)
{
	struct embedding_head head = embedding_head_of(value);

	return head.weight * age_factor(head.reference_ms - head.newest_ms, half_life_ms);
}
