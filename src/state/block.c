#include "state/block.h"

#include "base/packed.h"
#include <inttypes.h>

#define LAST_AT 1	       /* where in a part `last` stands */
#define CHANGE_OVERHEAD_MAX 48 /* bytes of a change besides key and value, at most */

static void
begin_part(struct block_writer *writer)
{
	struct buffer *part = &writer->part;

	buffer_clear(part);
	buffer_put_u8(part, BLOCK_FORMAT);
	buffer_put_u8(part, 0);
	buffer_put_u64(part, writer->journal);
	buffer_put_varint(part, writer->seq);
	buffer_put_varint(part, writer->number);
}

static void
end_part(struct block_writer *writer, bool last)
{
	writer->part.data[LAST_AT] = last;
	writer->bytes += writer->part.size;
	writer->number++;
	if (!writer->failed && writer->append(writer->argument, buffer_bytes(&writer->part), &writer->err) < 0)
		writer->failed = true;
}

void
block_begin(struct block_writer *writer, uint64_t journal, uint64_t seq, const struct block_prelude *prelude,
	    state_append *append, void *argument)
{
	struct buffer *part = &writer->part;

	writer->append = append;
	writer->argument = argument;
	writer->journal = journal;
	writer->seq = seq;
	writer->number = writer->bytes = 0;
	writer->failed = false;
	writer->form = prelude->form;
	begin_part(writer);
	buffer_put_text(part, prelude->header);
	buffer_put_varint(part, prelude->drains);
	buffer_put_u8(part, prelude->draining);
	buffer_put_varint(part, prelude->entries);
	buffer_put_varint(part, prelude->bytes);
	buffer_put_varint(part, prelude->journal_bytes);
	buffer_put_varint(part, prelude->floor.seq);
	buffer_put_varint(part, zigzag_encode(prelude->floor.offset));
	buffer_put_varint(part, prelude->floor.bytes);
	buffer_put_varint(part, (uint64_t)prelude->store_count);
	for (int i = 0; i < prelude->store_count; i++)
		buffer_put_text(part, prelude->stores[i]);
	buffer_put_varint(part, (uint64_t)prelude->form);
	insist(part->size < STATE_BLOCK_PART_SIZE_MAX);
}

/* Room for a change of that size in this part, or in a new one. */
static uint8_t *
reserve(struct block_writer *writer, size_t size)
{
	if (writer->part.size + size + CHANGE_OVERHEAD_MAX > STATE_BLOCK_PART_SIZE_MAX) {
		end_part(writer, false);
		begin_part(writer);
	}
	return buffer_reserve(&writer->part, size + CHANGE_OVERHEAD_MAX);
}

static uint8_t *
put_at(uint8_t *to, struct bytes bytes)
{
	to += store_varint(to, bytes.size);
	if (bytes.size)
		memcpy(to, bytes.data, bytes.size);
	return to + bytes.size;
}

void
block_put(struct block_writer *writer, const struct block_change *change, bool carried)
{
	uint8_t *to = reserve(writer, change->key.size + change->value.size);
	bool timer = change->fire_at != TIME_MAX, form = change->form != writer->form;

	*to++ = (uint8_t)(BLOCK_PUT | (timer ? BLOCK_TIMER : 0) | (change->drain ? BLOCK_DRAIN : 0) |
			  (carried ? BLOCK_CARRIED : 0) | (form ? BLOCK_FORM : 0));
	to += store_varint(to, (uint64_t)change->store);
	to = put_at(to, change->key);
	if (timer)
		to += store_varint(to, zigzag_encode(change->fire_at));
	if (change->drain)
		*to++ = change->drain;
	if (form)
		to += store_varint(to, (uint64_t)change->form);
	to = put_at(to, change->value);
	writer->part.size = (size_t)(to - writer->part.data);
}

void
block_remove(struct block_writer *writer, int store, struct bytes key)
{
	uint8_t *to = reserve(writer, key.size);

	*to++ = BLOCK_REMOVE;
	to += store_varint(to, (uint64_t)store);
	to = put_at(to, key);
	writer->part.size = (size_t)(to - writer->part.data);
}

int
block_end(struct block_writer *writer, struct error *err)
{
	end_part(writer, true);
	if (!writer->failed)
		return 0;
	*err = writer->err;
	return -1;
}

/* ---- reading ---- */

int
block_read_part(struct bytes part, struct block_part *out, struct error *err)
{
	struct cursor cursor = cursor_of(part);
	uint8_t format = cursor_u8(&cursor);
	uint8_t last = cursor_u8(&cursor);

	if (!cursor.bad && format == BLOCK_FORMAT_MOVED)
		return fail(err, FATAL,
			    "the journal was closed by a rescale: the state is in another journal now, of which this "
			    "process does not know; start it again");
	if (!cursor.bad && (format < BLOCK_FORMAT_MIN || format > BLOCK_FORMAT))
		return fail(err, FATAL,
			    "the journal has blocks of format %d, this version reads %d to %d; use the version that "
			    "wrote them",
			    format, BLOCK_FORMAT_MIN, BLOCK_FORMAT);
	out->format = format;
	out->last = last != 0;
	out->journal = cursor_u64(&cursor);
	out->seq = cursor_varint(&cursor);
	out->number = cursor_varint(&cursor);
	out->body = cursor;
	if (cursor.bad || last > 1)
		return fail(err, FATAL, "a record of the journal is damaged: its beginning is not one of a block");
	return 0;
}

int
block_read_prelude(struct cursor *body, int format, struct block_prelude *out, struct error *err)
{
	uint64_t stores, form = 0;
	uint8_t draining;

	out->header = cursor_text(body);
	out->drains = cursor_varint(body);
	draining = cursor_u8(body);
	out->draining = draining != 0;
	out->entries = cursor_varint(body);
	out->bytes = cursor_varint(body);
	out->journal_bytes = cursor_varint(body);
	out->floor.seq = cursor_varint(body);
	out->floor.offset = zigzag_decode(cursor_varint(body));
	out->floor.bytes = cursor_varint(body);
	stores = cursor_varint(body);
	for (uint64_t i = 0; i < stores && i < BLOCK_STORES_MAX; i++)
		out->stores[i] = cursor_text(body);
	if (format >= 2 && stores <= BLOCK_STORES_MAX)
		form = cursor_varint(body);
	if (body->bad || form > STATE_FORMS_MAX || stores > BLOCK_STORES_MAX || draining > 1 ||
	    out->entries > INT64_MAX || out->bytes > INT64_MAX)
		return fail(err, FATAL, "a block of the journal is damaged: its prelude cannot be decoded");
	out->store_count = (int)stores;
	out->form = (int)form;
	out->format = format;
	return 0;
}

int
block_read_change(struct cursor *body, const struct block_prelude *prelude, struct block_change *out, struct error *err)
{
	unsigned kinds = prelude->format >= 2 ? BLOCK_FORM << 1 : BLOCK_CARRIED << 1;
	uint64_t form = (uint64_t)prelude->form;
	uint8_t kind = cursor_u8(body);
	uint64_t store = cursor_varint(body);

	out->kind = kind & BLOCK_KIND_MASK;
	out->key = cursor_text(body);
	out->fire_at = TIME_MAX;
	out->drain = 0;
	out->value = (struct bytes){0};
	if (out->kind == BLOCK_PUT) {
		if (kind & BLOCK_TIMER)
			out->fire_at = zigzag_decode(cursor_varint(body));
		if (kind & BLOCK_DRAIN)
			out->drain = cursor_u8(body);
		if (kind & BLOCK_FORM)
			form = cursor_varint(body);
		out->value = cursor_text(body);
	} else if (kind != BLOCK_REMOVE) {
		body->bad = true;
	}
	if (body->bad || kind >= kinds || store >= (uint64_t)prelude->store_count || form > STATE_FORMS_MAX ||
	    out->key.size > STORE_KEY_SIZE_MAX || out->value.size > STORE_VALUE_SIZE_MAX)
		return fail(err, FATAL, "a block of the journal is damaged: a change cannot be read");
	out->store = (int)store;
	out->form = (int)form;
	return 0;
}
