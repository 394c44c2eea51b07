#include "operators/reconcile_response.h"

#include "base/packed.h"

/* ---- reading ---- */

enum { JUDGED = 1 << 0, HELD = 1 << 1, HAS_FLOOR = 1 << 2 };	       /* of a response */
enum { HASHED = 1 << 0, TOLD = 1 << 1, ONE_VERSION = 1 << 2 };	       /* of an impression */
enum { KIND_BITS = 3, HOP_BITS = 3, LISTED = 1 << 7, VERSION_AT = 2 }; /* of what is packed into a byte */

/* Log entries come to be known: by reading them, or by adding one. */
static void
note_first(struct response *response, const struct logged *entry)
{
	int64_t *first = &response->first[log_of_stage(entry->stage)];

	if (entry->at < *first)
		*first = entry->at;
}

static void
read_told(struct cursor *cursor, struct impression *impression, struct context *context)
{
	impression->told_count = (uint16_t)cursor_varint(cursor);
	impression->told = context_take(context, impression->told_count * sizeof(*impression->told));
	for (int i = 0; i < impression->told_count; i++) {
		struct told *told = &impression->told[i];
		uint8_t packed = cursor_u8(cursor);

		told->kind = packed & ((1 << KIND_BITS) - 1);
		told->hop = (packed >> KIND_BITS) & ((1 << HOP_BITS) - 1);
		told->listed = packed & LISTED;
		told->field = cursor_u8(cursor);
		told->revision = (uint32_t)cursor_varint(cursor);
		told->count = (uint32_t)cursor_varint(cursor);
		told->digest = cursor_u32(cursor);
	}
}

/* One more version and log entry may be added to what is made here. */
static void
read_impression(struct cursor *cursor, struct response *response, struct impression *impression,
		struct context *context)
{
	uint8_t flags = cursor_u8(cursor);

	*impression = (struct impression){0};
	if (flags & HASHED) {
		impression->hash = cursor_u64(cursor);
	} else {
		impression->id = cursor_text(cursor);
	}
	impression->version_count = flags & ONE_VERSION ? 1 : (uint16_t)cursor_varint(cursor);
	impression->versions = context_take(context, (impression->version_count + 1u) * sizeof(struct version));
	for (int i = 0; i < impression->version_count; i++) {
		struct version *version = &impression->versions[i];

		version->item = cursor_text(cursor);
		version->position = cursor_signed(cursor);
		version->marker = (uint32_t)cursor_varint(cursor);
	}
	impression->entry_count = (uint16_t)cursor_varint(cursor);
	impression->entries = context_take(context, (impression->entry_count + 1u) * sizeof(struct logged));
	for (int i = 0; i < impression->entry_count; i++) {
		struct logged *entry = &impression->entries[i];
		uint64_t packed = cursor_varint(cursor);

		entry->stage = packed & (STAGES - 1);
		entry->version = (uint16_t)(packed >> VERSION_AT);
		entry->at = response->base + cursor_signed(cursor);
		note_first(response, entry);
	}
	if (flags & TOLD)
		read_told(cursor, impression, context);
}

/* The entry may move while the response is in use, so its value is copied: texts point into the copy. */
void
response_read(struct bytes value, struct context *context, struct response *out)
{
	uint8_t *copy = context_take(context, value.size);
	struct cursor cursor = cursor_of(bytes_of(copy, value.size));
	uint8_t flags = 0;

	*out = (struct response){.floor = TIME_MIN, .held_in = TIME_MIN, .first = {TIME_MAX, TIME_MAX, TIME_MAX}};
	if (value.size != 0) {
		memcpy(copy, value.data, value.size);
		flags = cursor_u8(&cursor);
		out->base = (int64_t)cursor_u64(&cursor);
		out->judged = flags & JUDGED;
		if (flags & HAS_FLOOR)
			out->floor = out->base + cursor_signed(&cursor);
		if (flags & HELD)
			out->held_in = out->base + cursor_signed(&cursor);
		out->marker_count = (uint32_t)cursor_varint(&cursor);
	}
	out->markers = context_take(context, (out->marker_count + 1) * sizeof(*out->markers));
	for (uint32_t i = 0; i < out->marker_count; i++)
		for (int j = 0; j < MARKER_TEXTS; j++)
			out->markers[i].texts[j] = cursor_text(&cursor);
	if (value.size != 0)
		out->impression_count = (uint32_t)cursor_varint(&cursor);
	out->impressions = context_take(context, (out->impression_count + 1) * sizeof(*out->impressions));
	for (uint32_t i = 0; i < out->impression_count; i++)
		read_impression(&cursor, out, &out->impressions[i], context);
	insist(!cursor.bad && cursor_left(&cursor) == 0);
}

int64_t
response_held_in(struct bytes value)
{
	struct cursor cursor = cursor_of(value);
	uint8_t flags = cursor_u8(&cursor);
	int64_t base = (int64_t)cursor_u64(&cursor);

	if (flags & HAS_FLOOR)
		cursor_signed(&cursor);
	return flags & HELD ? base + cursor_signed(&cursor) : TIME_MIN;
}

/* ---- writing ---- */

#define VARINT BUFFER_VARINT_SIZE_MAX
#define TOLD_SIZE_MAX (2 + 2 * VARINT + sizeof(uint32_t))

/* With room for every mismatch there can be: when the time has come to tell them, it is too late to refuse. */
static size_t
impression_size_max(const struct impression *impression)
{
	size_t size = 1 + 3 * VARINT + (impression->id.data ? impression->id.size : sizeof(impression->hash));

	for (int i = 0; i < impression->version_count; i++)
		size += impression->versions[i].item.size + 3 * VARINT;
	return size + impression->entry_count * 2u * VARINT + VARINT + IMPRESSION_TOLD_MAX * TOLD_SIZE_MAX;
}

static size_t
size_max(const struct response *response)
{
	size_t size = 1 + 8 + 4 * VARINT;

	for (uint32_t i = 0; i < response->marker_count; i++)
		for (int j = 0; j < MARKER_TEXTS; j++)
			size += VARINT + response->markers[i].texts[j].size;
	for (uint32_t i = 0; i < response->impression_count; i++)
		size += impression_size_max(&response->impressions[i]);
	return size;
}

static uint8_t *
put_told(uint8_t *to, const struct impression *impression)
{
	to += store_varint(to, impression->told_count);
	for (int i = 0; i < impression->told_count; i++) {
		const struct told *told = &impression->told[i];

		*to++ = (uint8_t)(told->kind | told->hop << KIND_BITS | (told->listed ? LISTED : 0));
		*to++ = told->field;
		to += store_varint(to, told->revision);
		to += store_varint(to, told->count);
		store_u32(to, told->digest);
		to += sizeof(told->digest);
	}
	return to;
}

static uint8_t *
put_impression(uint8_t *to, int64_t base, const struct impression *impression)
{
	*to++ = (uint8_t)((impression->id.data ? 0 : HASHED) | (impression->told_count ? TOLD : 0) |
			  (impression->version_count == 1 ? ONE_VERSION : 0));
	if (impression->id.data) {
		to = store_text(to, impression->id);
	} else {
		store_u64(to, impression->hash);
		to += sizeof(impression->hash);
	}
	if (impression->version_count != 1)
		to += store_varint(to, impression->version_count);
	for (int i = 0; i < impression->version_count; i++) {
		to = store_text(to, impression->versions[i].item);
		to = store_signed(to, impression->versions[i].position);
		to += store_varint(to, impression->versions[i].marker);
	}
	to += store_varint(to, impression->entry_count);
	for (int i = 0; i < impression->entry_count; i++) {
		const struct logged *entry = &impression->entries[i];

		to += store_varint(to, entry->stage | (uint64_t)entry->version << VERSION_AT);
		to = store_signed(to, entry->at - base);
	}
	return impression->told_count ? put_told(to, impression) : to;
}

int
response_write(const struct response *response, struct context *context, struct bytes *out, struct error *err)
{
	size_t most = size_max(response);
	uint8_t *data, *to;

	if (most > STORE_VALUE_SIZE_MAX)
		return fail(err, SKIP, "the response would take %zu bytes of state with this log entry; at most %d",
			    most, STORE_VALUE_SIZE_MAX);
	data = to = context_take(context, most);
	*to++ = (uint8_t)((response->judged ? JUDGED : 0) | (response->held_in != TIME_MIN ? HELD : 0) |
			  (response->floor != TIME_MIN ? HAS_FLOOR : 0));
	store_u64(to, (uint64_t)response->base);
	to += sizeof(uint64_t);
	if (response->floor != TIME_MIN)
		to = store_signed(to, response->floor - response->base);
	if (response->held_in != TIME_MIN)
		to = store_signed(to, response->held_in - response->base);
	to += store_varint(to, response->marker_count);
	for (uint32_t i = 0; i < response->marker_count; i++)
		for (int j = 0; j < MARKER_TEXTS; j++)
			to = store_text(to, response->markers[i].texts[j]);
	to += store_varint(to, response->impression_count);
	for (uint32_t i = 0; i < response->impression_count; i++)
		to = put_impression(to, response->base, &response->impressions[i]);
	insist((size_t)(to - data) <= most);
	*out = bytes_of(data, (size_t)(to - data));
	return 0;
}

/* ---- adding ---- */

/* The impression of an id, or the next free one. */
static struct impression *
find_impression(struct response *response, struct bytes id)
{
	struct impression *impressions = response->impressions;
	uint64_t hash = key_of(id).hash;
	uint32_t i = 0;

	while (i < response->impression_count &&
	       !(impressions[i].id.data ? bytes_equal(impressions[i].id, id) : impressions[i].hash == hash))
		i++;
	return &impressions[i];
}

static bool
markers_equal(const struct marker *a, const struct marker *b)
{
	for (int i = 0; i < MARKER_TEXTS; i++)
		if (!bytes_equal(a->texts[i], b->texts[i]))
			return false;
	return true;
}

static int
find_version(struct response *response, struct impression *impression, const struct arrival *arrival, uint16_t *out,
	     struct error *err)
{
	struct version wanted = {.item = arrival->item, .position = arrival->position};
	uint16_t i = 0;

	while (wanted.marker < response->marker_count &&
	       !markers_equal(&response->markers[wanted.marker], &arrival->marker))
		wanted.marker++;
	if (wanted.marker == RESPONSE_MARKERS_MAX)
		return fail(err, SKIP, "the response has %d different trace markers already, which is the limit",
			    RESPONSE_MARKERS_MAX);
	if (wanted.marker == response->marker_count)
		response->markers[response->marker_count++] = arrival->marker;
	for (; i < impression->version_count; i++) {
		const struct version *version = &impression->versions[i];

		if (version->position == wanted.position && version->marker == wanted.marker &&
		    bytes_equal(version->item, wanted.item))
			break;
	}
	if (i == impression->version_count)
		impression->versions[impression->version_count++] = wanted;
	*out = i;
	return 0;
}

int
response_add(struct response *response, const struct arrival *arrival, struct context *context, struct error *err)
{
	struct impression *impression = find_impression(response, arrival->id);
	struct logged entry = {.at = arrival->at, .stage = (uint8_t)arrival->stage};
	bool added = impression == &response->impressions[response->impression_count];

	if (added) {
		if (response->impression_count == RESPONSE_IMPRESSIONS_MAX)
			return fail(err, SKIP, "the response has %d impressions already, which is the limit",
				    RESPONSE_IMPRESSIONS_MAX);
		*impression = (struct impression){
			.versions = context_take(context, sizeof(struct version)),
			.entries = context_take(context, sizeof(struct logged)),
		};
		if (response->impression_count++ == 0) {
			response->base = arrival->at;
			response->floor = context_watermark(context);
		}
	}
	if (impression->entry_count == IMPRESSION_ENTRIES_MAX)
		return fail(err, SKIP, "impression %.*s has %d log entries already, which is the limit",
			    bytes_arguments(arrival->id), IMPRESSION_ENTRIES_MAX);
	if (find_version(response, impression, arrival, &entry.version, err) < 0)
		return -1;
	impression->id = arrival->id;
	impression->entries[impression->entry_count++] = entry;
	note_first(response, &entry);
	return 0;
}

/* ---- looking ---- */

/* The head alone: nothing is taken from a context here. */
void
response_show(struct bytes value, struct buffer *out)
{
	struct cursor cursor = cursor_of(value);
	uint8_t flags = cursor_u8(&cursor);
	int64_t base = (int64_t)cursor_u64(&cursor);

	for (int flag = HELD; flag <= HAS_FLOOR; flag <<= 1)
		if (flags & flag)
			cursor_signed(&cursor);
	for (uint64_t texts = cursor_varint(&cursor) * MARKER_TEXTS; texts > 0 && !cursor.bad; texts--)
		cursor_text(&cursor);
	buffer_print(out, "{\"first_at\": %lld, \"impressions\": %llu, \"judged\": %s, \"held\": %s, \"bytes\": %zu}",
		     (long long)base, (unsigned long long)cursor_varint(&cursor), flags & JUDGED ? "true" : "false",
		     flags & HELD ? "true" : "false", value.size);
}

int64_t
response_anchor(const struct response *response)
{
	for (int log = ENGINE; log < LOGS; log++)
		if (response->first[log] != TIME_MAX)
			return response->first[log];
	insist(!"a response with log entries");
	return 0;
}

bool
logged_before(const struct response *response, const struct impression *impression, const struct logged *a,
	      const struct logged *b)
{
	const struct version *of_a = &impression->versions[a->version], *of_b = &impression->versions[b->version];
	int order;

	if (a->at != b->at)
		return a->at < b->at;
	if (a->stage != b->stage || of_a == of_b)
		return a->stage < b->stage;
	order = bytes_compare(of_a->item, of_b->item);
	if (order != 0 || of_a->position != of_b->position)
		return order != 0 ? order < 0 : of_a->position < of_b->position;
	for (int i = 0; i < MARKER_TEXTS && order == 0; i++)
		order = bytes_compare(response->markers[of_a->marker].texts[i],
				      response->markers[of_b->marker].texts[i]);
	return order < 0;
}
