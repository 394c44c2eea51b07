#include "record/schema.h"

#define FINGERPRINT_EMPTY 0xc15d213aa4d7a795u /* the polynomial, and the fingerprint of nothing */

/* Byte by byte and bit by bit: a fingerprint is computed once per schema. */
uint64_t
schema_fingerprint(struct bytes canonical)
{
	uint64_t value = FINGERPRINT_EMPTY;

	for (size_t i = 0; i < canonical.size; i++) {
		uint64_t part = (value ^ canonical.data[i]) & 0xff;

		for (int bit = 0; bit < 8; bit++)
			part = (part >> 1) ^ (FINGERPRINT_EMPTY & -(part & 1));
		value = (value >> 8) ^ part;
	}
	return value;
}
