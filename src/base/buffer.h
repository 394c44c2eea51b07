/*
 * A growable run of bytes, and the fixed-width and variable-length integers that formats are made of. It grows by
 * doubling and never shrinks by itself, so that a buffer used again and again stops calling malloc. All zero bytes are
 * a valid empty buffer. Not thread-safe.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/bytes.h"

struct buffer {
	uint8_t *data;
	size_t size;	 /* bytes in use */
	size_t capacity; /* bytes allocated */
};

#define BUFFER_VARINT_SIZE_MAX 10 /* bytes of the longest variable-length integer */

void buffer_fini(struct buffer *buffer);

/* The slow half of buffer_reserve. */
void buffer_grow(struct buffer *buffer, size_t size);

/* Room for `size` more bytes at the end; the caller writes there and then adds to buffer->size. */
static inline uint8_t *
buffer_reserve(struct buffer *buffer, size_t size)
{
	if (buffer->capacity - buffer->size < size)
		buffer_grow(buffer, size);
	return buffer->data + buffer->size;
}

static inline void
buffer_clear(struct buffer *buffer)
{
	buffer->size = 0;
}

static inline struct bytes
buffer_bytes(const struct buffer *buffer)
{
	return bytes_of(buffer->data, buffer->size);
}

static inline void
buffer_put(struct buffer *buffer, const void *data, size_t size)
{
	uint8_t *to = buffer_reserve(buffer, size);

	if (size != 0)
		memcpy(to, data, size);
	buffer->size += size;
}

static inline void
buffer_put_bytes(struct buffer *buffer, struct bytes bytes)
{
	buffer_put(buffer, bytes.data, bytes.size);
}

static inline void
buffer_put_u8(struct buffer *buffer, uint8_t value)
{
	buffer_put(buffer, &value, 1);
}

/* Formatted text without a final 0. */
void buffer_print(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Integers of fixed width at any address; the machine is little-endian (checked at compile time in buffer.c). */
static inline void
store_u32(void *to, uint32_t value)
{
	memcpy(to, &value, sizeof(value));
}

static inline void
store_u64(void *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

static inline uint32_t
load_u32(const void *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static inline uint64_t
load_u64(const void *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* Big-endian: the order of the bytes is the order of the numbers. */
static inline void
store_be32(void *to, uint32_t value)
{
	store_u32(to, __builtin_bswap32(value));
}

static inline void
store_be64(void *to, uint64_t value)
{
	store_u64(to, __builtin_bswap64(value));
}

static inline uint32_t
load_be32(const void *from)
{
	return __builtin_bswap32(load_u32(from));
}

static inline uint64_t
load_be64(const void *from)
{
	return __builtin_bswap64(load_u64(from));
}

static inline void
buffer_put_u32(struct buffer *buffer, uint32_t value)
{
	buffer_put(buffer, &value, sizeof(value));
}

static inline void
buffer_put_u64(struct buffer *buffer, uint64_t value)
{
	buffer_put(buffer, &value, sizeof(value));
}

/* Unsigned LEB128, as in Protocol Buffers: 7 bits a byte, low bits first. Returns the bytes written (1 to 10). */
static inline size_t
store_varint(uint8_t *to, uint64_t value)
{
	size_t size = 0;

	for (; value >= 0x80; value >>= 7)
		to[size++] = (uint8_t)(value | 0x80);
	to[size++] = (uint8_t)value;
	return size;
}

static inline void
buffer_put_varint(struct buffer *buffer, uint64_t value)
{
	buffer->size += store_varint(buffer_reserve(buffer, BUFFER_VARINT_SIZE_MAX), value);
}

/* Avro's and Protocol Buffers' zigzag: small negative numbers become small unsigned ones. */
static inline uint64_t
zigzag_encode(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t
zigzag_decode(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/*
 * Reading, with every bound checked. A read that would pass the end, or a varint that is over-long, sets `bad` and
 * gives 0 or empty; what is read after that is 0 or empty too, so that a parser may check `bad` once at the end.
 */
struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static inline struct cursor
cursor_of(struct bytes bytes)
{
	return (struct cursor){.at = bytes.data, .end = bytes.data + bytes.size, .bad = false};
}

static inline size_t
cursor_left(const struct cursor *cursor)
{
	return cursor->bad ? 0 : (size_t)(cursor->end - cursor->at);
}

/* A view of the next `size` bytes. */
static inline struct bytes
cursor_bytes(struct cursor *cursor, uint64_t size)
{
	const uint8_t *at = cursor->at;

	if (size > cursor_left(cursor)) {
		cursor->bad = true;
		return (struct bytes){0};
	}
	cursor->at += size;
	return bytes_of(at, (size_t)size);
}

static inline uint8_t
cursor_u8(struct cursor *cursor)
{
	struct bytes got = cursor_bytes(cursor, 1);

	return got.size ? *got.data : 0;
}

static inline uint32_t
cursor_u32(struct cursor *cursor)
{
	struct bytes got = cursor_bytes(cursor, sizeof(uint32_t));

	return got.size ? load_u32(got.data) : 0;
}

static inline uint64_t
cursor_u64(struct cursor *cursor)
{
	struct bytes got = cursor_bytes(cursor, sizeof(uint64_t));

	return got.size ? load_u64(got.data) : 0;
}

/* The slow half of cursor_varint. */
uint64_t cursor_varint_long(struct cursor *cursor);

static inline uint64_t
cursor_varint(struct cursor *cursor)
{
	if (cursor_left(cursor) != 0 && *cursor->at < 0x80)
		return *cursor->at++;
	return cursor_varint_long(cursor);
}

#endif
