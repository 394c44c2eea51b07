#include "operators/embedding.h"

#include <math.h>
#include <stdlib.h>

#define RESCALE_HALF_LIVES 32 /* r may fall so far behind before it moves on */
#define LANES 8 /* components worked on together: a constant, so that the loop becomes vector code at -O2 */

/* What is kept of an id: 12 bytes, one behind the other after S; then comes the name of the space. */
#define ID_SIZE 12

/* ---- the loops that take the time ---- */

/* sum += by * vector */
static void
add(float *restrict sum, const float *restrict vector, size_t count, float by)
{
	size_t i = 0;

	for (; i + LANES <= count; i += LANES)
		for (size_t lane = 0; lane < LANES; lane++)
			sum[i + lane] += by * vector[i + lane];
	for (; i < count; i++)
		sum[i] += by * vector[i];
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

/* ---- the layout ---- */

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

/* FNV-1a, its bits spread at the end. It is part of the state's format. */
static uint64_t
hash_of(struct bytes id)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < id.size; i++)
		hash = (hash ^ id.data[i]) * 0x100000001b3u;
	hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
	return hash ^ (hash >> 33);
}

/* Rounded up: an id is remembered rather longer than asked for. */
static uint32_t
seconds_of(int64_t ms)
{
	int64_t seconds = ms / 1000 + (ms % 1000 > 0);

	if (seconds < 0)
		return 0;
	return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

static bool
is_known(struct bytes value, struct bytes id)
{
	struct embedding_head head = embedding_head_of(value);
	uint64_t hash = hash_of(id);

	for (uint32_t i = 0; i < head.id_count; i++)
		if (load_u64(value.data + ids_offset(&head) + i * ID_SIZE) == hash)
			return true;
	return false;
}

static int
compare_seconds(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* There are as many ids as may be: the time up to which to forget the older half of them. */
static int64_t
older_half(const uint8_t *ids)
{
	uint32_t seconds[EMBEDDING_IDS_MAX];

	for (size_t i = 0; i < EMBEDDING_IDS_MAX; i++)
		seconds[i] = load_u32(ids + i * ID_SIZE + 8);
	qsort(seconds, EMBEDDING_IDS_MAX, sizeof(seconds[0]), compare_seconds);
	return (int64_t)seconds[EMBEDDING_IDS_MAX / 2] * 1000;
}

size_t
embedding_forget(uint8_t *value, size_t size, int64_t until)
{
	struct embedding_head head = embedding_head_of(bytes_of(value, size));
	uint8_t *ids = value + ids_offset(&head);
	uint32_t kept = 0;

	if (size == 0)
		return 0;
	if (head.id_count == EMBEDDING_IDS_MAX && older_half(ids) > until)
		until = head.floor_ms = older_half(ids);
	for (uint32_t i = 0; i < head.id_count; i++) {
		if ((int64_t)load_u32(ids + i * ID_SIZE + 8) * 1000 <= until)
			continue;
		memmove(ids + kept * ID_SIZE, ids + i * ID_SIZE, ID_SIZE);
		kept++;
	}
	if (kept == head.id_count)
		return size;
	memmove(ids + kept * ID_SIZE, ids + head.id_count * ID_SIZE, head.space_size);
	head.id_count = kept;
	memcpy(value, &head, sizeof(head));
	return size_of(&head);
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

	if (event->occurred_at <= until || (head.floor_ms && event->occurred_at <= head.floor_ms))
		return EMBEDDING_TOO_OLD;
	if (!event->vector)
		return is_known(value, event->id) ? EMBEDDING_REPEATED : EMBEDDING_LACKS_VECTOR;
	if (value.size == 0 || head.dimensions != event->dimensions)
		return EMBEDDING_STARTS;
	if (!bytes_equal(embedding_space(value), event->space))
		return event->made_at > head.made_ms ? EMBEDDING_STARTS : EMBEDDING_OLD_SPACE;
	return is_known(value, event->id) ? EMBEDDING_REPEATED : EMBEDDING_COUNTS;
}

size_t
embedding_size_with(struct bytes value, const struct embedding_event *event, enum embedding_verdict verdict)
{
	if (verdict == EMBEDDING_COUNTS)
		return value.size + ID_SIZE;
	return sizeof(struct embedding_head) + event->dimensions * sizeof(float) + ID_SIZE + event->space.size;
}

static void
start(uint8_t *value, const struct embedding_event *event, struct embedding_head *head)
{
	*head = (struct embedding_head){
		.reference_ms = event->occurred_at,
		.newest_ms = head->actions && head->newest_ms > event->occurred_at ? head->newest_ms
										   : event->occurred_at,
		.made_ms = event->made_at,
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
	store_u64(at, hash_of(event->id));
	store_u32(at + 8, seconds_of(event->occurred_at));
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
	by = half_lives < 1000 ? ldexp(1, (int)-half_lives) : 0;
	shrink(sum_of(value), head->dimensions, (float)by);
	head->weight *= by;
	head->reference_ms += half_lives * half_life_ms;
}

static double
age_factor(int64_t ms, int64_t half_life_ms)
{
	return exp2((double)ms / (double)half_life_ms);
}

void
embedding_apply(uint8_t *value, const struct embedding_event *event, enum embedding_verdict verdict,
		int64_t half_life_ms)
{
	struct embedding_head head;
	double weight;

	memcpy(&head, value, sizeof(head));
	if (verdict == EMBEDDING_STARTS)
		start(value, event, &head);
	remember(value, event, &head);
	move_reference(value, &head, event->occurred_at, half_life_ms);
	weight = event->weight * age_factor(event->occurred_at - head.reference_ms, half_life_ms);
	add(sum_of(value), event->vector, event->dimensions, (float)weight);
	head.weight += weight;
	head.actions++;
	if (event->occurred_at > head.newest_ms)
		head.newest_ms = event->occurred_at;
	if (event->made_at > head.made_ms)
		head.made_ms = event->made_at;
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
