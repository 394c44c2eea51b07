/*
 * What formats are made of beyond the integers of buffer.h: texts behind their size as a varint, signed integers as
 * zigzag varints, reals as their eight bytes. Three ways each: onto the end of a buffer, into memory that is large
 * enough (the result is what lies behind), and from a cursor, where a text is a view.
 */
#ifndef BASE_PACKED_H
#define BASE_PACKED_H

#include "base/buffer.h"

static inline void
buffer_put_text(struct buffer *buffer, struct bytes text)
{
	buffer_put_varint(buffer, text.size);
	buffer_put_bytes(buffer, text);
}

static inline void
buffer_put_signed(struct buffer *buffer, int64_t value)
{
	buffer_put_varint(buffer, zigzag_encode(value));
}

static inline void
buffer_put_real(struct buffer *buffer, double value)
{
	buffer_put(buffer, &value, sizeof(value));
}

static inline uint8_t *
store_text(uint8_t *to, struct bytes text)
{
	to += store_varint(to, text.size);
	if (text.size != 0)
		memcpy(to, text.data, text.size);
	return to + text.size;
}

static inline uint8_t *
store_signed(uint8_t *to, int64_t value)
{
	return to + store_varint(to, zigzag_encode(value));
}

static inline uint8_t *
store_real(uint8_t *to, double value)
{
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
}

/* Bytes that store_text writes. */
static inline size_t
text_size(struct bytes text)
{
	uint8_t scratch[BUFFER_VARINT_SIZE_MAX];

	return store_varint(scratch, text.size) + text.size;
}

static inline struct bytes
cursor_text(struct cursor *cursor)
{
	return cursor_bytes(cursor, cursor_varint(cursor));
}

static inline int64_t
cursor_signed(struct cursor *cursor)
{
	return zigzag_decode(cursor_varint(cursor));
}

static inline double
cursor_real(struct cursor *cursor)
{
	uint64_t bits = cursor_u64(cursor);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

#endif
