/* How a response is stored: the value of its entry. */
#include "operators/reconcile_response.h"

#include "base/packed.h"

/* ---- reading ---- */

/* Of a response. A time follows for each of the four in the middle. What layout 0 wrote has no users. */
enum { JUDGED = 1 << 0, HELD = 1 << 1, HAS_FLOOR = 1 << 2, IS_TOLD = 1 << 3, DUE_AGAIN = 1 << 4, USERS = 1 << 5 };
enum { HASHED = 1 << 0, TOLD = 1 << 1, ONE_VERSION = 1 << 2 };	       /* of an impression */
enum { KIND_BITS = 3, HOP_BITS = 3, LISTED = 1 << 7, VERSION_AT = 2 }; /* of what is packed into a byte */

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
	bool due_again = response->due_again != TIME_MAX;
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
		response_note(response, entry);
	}
	impression->seen = due_again ? (uint16_t)cursor_varint(cursor) : impression->entry_count;
	if (flags & TOLD)
		read_told(cursor, impression, context);
}

/* What an entry's value begins with. The flags. */
static uint8_t
read_head(struct cursor *cursor, struct response *out)
{
	uint8_t flags = cursor_u8(cursor);

	out->base = (int64_t)cursor_u64(cursor);
	out->judged = flags & JUDGED;
	if (flags & HAS_FLOOR)
		out->floor = out->base + cursor_signed(cursor);
	if (flags & HELD)
		out->held_in = out->base + cursor_signed(cursor);
	if (flags & IS_TOLD)
		out->told_at = out->base + cursor_signed(cursor);
	if (flags & DUE_AGAIN)
		out->due_again = out->base + cursor_signed(cursor);
	out->marker_count = (uint32_t)cursor_varint(cursor);
	return flags;
}

/* A text behind its size and 1; 0: it is not known. */
static struct bytes
read_user(struct cursor *cursor)
{
	uint64_t size = cursor_varint(cursor);

	return size > 0 ? cursor_bytes(cursor, size - 1) : (struct bytes){0};
}

static struct response
blank_response(void)
{
	return (struct response){.floor = TIME_MIN,
				 .held_in = TIME_MIN,
				 .told_at = TIME_MIN,
				 .due_again = TIME_MAX,
				 .first = {TIME_MAX, TIME_MAX, TIME_MAX}};
}

/* The entry may move while the response is in use, so its value is copied: texts point into the copy. */
void
response_read(struct bytes value, struct context *context, struct response *out)
{
	uint8_t *copy = context_take(context, value.size);
	struct cursor cursor = cursor_of(bytes_of(copy, value.size));
	uint8_t flags = 0;

	*out = blank_response();
	if (value.size != 0) {
		memcpy(copy, value.data, value.size);
		flags = read_head(&cursor, out);
	}
	out->markers = context_take(context, (out->marker_count + 1) * sizeof(*out->markers));
	for (uint32_t i = 0; i < out->marker_count; i++) {
		for (int j = 0; j < USER; j++)
			out->markers[i].texts[j] = cursor_text(&cursor);
		out->markers[i].texts[USER] = flags & USERS ? read_user(&cursor) : (struct bytes){0};
	}
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
	struct response head = blank_response();

	read_head(&cursor, &head);
	return head.held_in;
}

/* ---- writing ---- */

#define VARINT BUFFER_VARINT_SIZE_MAX
#define TOLD_SIZE_MAX (2 + 2 * VARINT + sizeof(uint32_t))

static size_t
impression_size_max(const struct impression *impression)
{
	size_t size = 1 + 3 * VARINT + (impression->id.data ? impression->id.size : sizeof(impression->hash));

	for (int i = 0; i < impression->version_count; i++)
		size += impression->versions[i].item.size + 3 * VARINT;
	return size + impression->entry_count * 2u * VARINT + 2 * VARINT + IMPRESSION_TOLD_MAX * TOLD_SIZE_MAX;
}

size_t
response_size_max(const struct response *response)
{
	size_t size = 1 + 8 + 6 * VARINT;

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
put_impression(uint8_t *to, const struct response *response, const struct impression *impression)
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
		to = store_signed(to, entry->at - response->base);
	}
	if (response->due_again != TIME_MAX)
		to += store_varint(to, impression->seen);
	return impression->told_count ? put_told(to, impression) : to;
}

static uint8_t *
put_head(uint8_t *to, const struct response *response)
{
	*to++ = (uint8_t)(USERS | (response->judged ? JUDGED : 0) | (response->held_in != TIME_MIN ? HELD : 0) |
			  (response->floor != TIME_MIN ? HAS_FLOOR : 0) |
			  (response->told_at != TIME_MIN ? IS_TOLD : 0) |
			  (response->due_again != TIME_MAX ? DUE_AGAIN : 0));
	store_u64(to, (uint64_t)response->base);
	to += sizeof(uint64_t);
	if (response->floor != TIME_MIN)
		to = store_signed(to, response->floor - response->base);
	if (response->held_in != TIME_MIN)
		to = store_signed(to, response->held_in - response->base);
	if (response->told_at != TIME_MIN)
		to = store_signed(to, response->told_at - response->base);
	if (response->due_again != TIME_MAX)
		to = store_signed(to, response->due_again - response->base);
	return to + store_varint(to, response->marker_count);
}

static uint8_t *
put_marker(uint8_t *to, const struct marker *marker)
{
	struct bytes user = marker->texts[USER];

	for (int j = 0; j < USER; j++)
		to = store_text(to, marker->texts[j]);
	to += store_varint(to, user.data ? user.size + 1 : 0);
	if (user.size != 0)
		memcpy(to, user.data, user.size);
	return to + user.size;
}

int
response_write(const struct response *response, struct context *context, struct bytes *out, struct error *err)
{
	size_t most = response_size_max(response), size;
	uint8_t *data, *to;

	data = to = context_take(context, most);
	to = put_head(to, response);
	for (uint32_t i = 0; i < response->marker_count; i++)
		to = put_marker(to, &response->markers[i]);
	to += store_varint(to, response->impression_count);
	for (uint32_t i = 0; i < response->impression_count; i++)
		to = put_impression(to, response, &response->impressions[i]);
	size = (size_t)(to - data);
	insist(size <= most);
	if (size > STORE_VALUE_SIZE_MAX)
		return fail(err, FATAL, "the response takes %zu bytes of state; at most %d", size,
			    STORE_VALUE_SIZE_MAX);
	*out = bytes_of(data, size);
	return 0;
}

/* ---- looking ---- */

/* The head alone: nothing is taken from a context here. */
void
response_show(struct bytes value, struct buffer *out)
{
	struct cursor cursor = cursor_of(value);
	struct response head = blank_response();
	bool users;

	users = read_head(&cursor, &head) & USERS;
	for (uint64_t i = 0; i < head.marker_count && !cursor.bad; i++) {
		for (int j = 0; j < USER; j++)
			cursor_text(&cursor);
		if (users)
			read_user(&cursor);
	}
	buffer_print(out,
		     "{\"first_at\": %lld, \"impressions\": %llu, \"judged\": %s, \"held\": %s, \"due_again\": %s, "
		     "\"bytes\": %zu}",
		     (long long)head.base, (unsigned long long)cursor_varint(&cursor), head.judged ? "true" : "false",
		     head.held_in != TIME_MIN ? "true" : "false", head.due_again != TIME_MAX ? "true" : "false",
		     value.size);
}
