/*
 * Reading simple values of Avro's binary encoding: each function gets where the value begins and where the bytes end,
 * and returns where the value ends, or NULL where it is cut short or not allowed.
 */
#ifndef RECORD_WIRE_H
#define RECORD_WIRE_H

#include "record/utf8.h"

static inline const uint8_t *
read_long_varint(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
		uint64_t part = *at++;

		if (shift == 63 && part > 1)
			return NULL;
		value |= (part & 0x7f) << shift;
		if (part < 0x80) {
			*out = value;
			return at;
		}
	}
	return NULL;
}

static inline const uint8_t *
read_varint(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
	if (end - at >= 2) {
		if (at[0] < 0x80) {
			*out = at[0];
			return at + 1;
		}
		if (at[1] < 0x80) {
			*out = (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
			return at + 2;
		}
	}
	return read_long_varint(at, end, out);
}

/* Most longs are times, of six bytes: all up to eight are read at once. */
static inline const uint8_t *
read_varint_wide(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
	uint64_t word, stops;
	int size;

	if (end - at < 8)
		return read_varint(at, end, out);
	word = load_u64(at);
	stops = ~word & UTF8_HIGH_BITS;
	if (!stops)
		return read_long_varint(at, end, out);
	size = (__builtin_ctzll(stops) >> 3) + 1;
	word &= ~UTF8_HIGH_BITS & (UINT64_MAX >> (64 - 8 * size));
	/* Pairs of 7 bits become 14, pairs of those 28, and those 56. */
	word = (word & 0x007f007f007f007fu) | (word & 0x7f007f007f007f00u) >> 1;
	word = (word & 0x00003fff00003fffu) | (word & 0x3fff00003fff0000u) >> 2;
	*out = (word & 0x000000000fffffffu) | (word & 0x0fffffff00000000u) >> 4;
	return at + size;
}

static inline const uint8_t *
read_integer(const uint8_t *at, const uint8_t *end, int64_t *out)
{
	uint64_t raw = 0;

	at = read_varint_wide(at, end, &raw);
	*out = zigzag_decode(raw);
	return at;
}

static inline const uint8_t *
read_int(const uint8_t *at, const uint8_t *end, int64_t *out)
{
	uint64_t raw = 0;

	at = read_varint(at, end, &raw);
	*out = zigzag_decode(raw);
	return raw <= UINT32_MAX ? at : NULL;
}

/* An index from 0 to below `count`. */
static inline const uint8_t *
read_index(const uint8_t *at, const uint8_t *end, int32_t count, int64_t *out)
{
	at = read_int(at, end, out);
	return *out >= 0 && *out < count ? at : NULL;
}

static inline const uint8_t *
read_float(const uint8_t *at, const uint8_t *end, double *out)
{
	float value;

	if (end - at < 4)
		return NULL;
	memcpy(&value, at, sizeof(value));
	*out = (double)value;
	return at + sizeof(value);
}

static inline const uint8_t *
read_double(const uint8_t *at, const uint8_t *end, double *out)
{
	if (end - at < 8)
		return NULL;
	memcpy(out, at, sizeof(*out));
	return at + sizeof(*out);
}

static inline const uint8_t *
read_boolean(const uint8_t *at, const uint8_t *end, int64_t *out)
{
	if (at == end || *at > 1)
		return NULL;
	*out = *at;
	return at + 1;
}

static inline const uint8_t *
read_fixed(const uint8_t *at, const uint8_t *end, size_t size, struct bytes *out)
{
	if ((size_t)(end - at) < size)
		return NULL;
	*out = bytes_of(at, size);
	return at + size;
}

/* A negative size is an odd number in zigzag. */
static inline const uint8_t *
read_bytes(const uint8_t *at, const uint8_t *end, struct bytes *out)
{
	uint64_t raw = 0;

	at = read_varint(at, end, &raw);
	if (!at || (raw & 1) || raw >> 1 > (uint64_t)(end - at))
		return NULL;
	*out = bytes_of(at, (size_t)(raw >> 1));
	return at + out->size;
}

static inline const uint8_t *
read_string(const uint8_t *at, const uint8_t *end, struct bytes *out)
{
	at = read_bytes(at, end, out);
	return at && utf8_valid(out->data, out->size) ? at : NULL;
}

#endif
