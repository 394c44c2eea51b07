/* UTF-8 as in Unicode's table of well-formed byte sequences: no over-long forms, surrogates, or code points beyond
 * 0x10FFFF. */
#ifndef RECORD_UTF8_H
#define RECORD_UTF8_H

#include "base/buffer.h"

#define UTF8_HIGH_BITS 0x8080808080808080u

bool utf8_valid_any(const uint8_t *data, size_t size);

/* The same, fast where all is ASCII. */
static inline bool
utf8_valid(const uint8_t *data, size_t size)
{
	uint64_t high = 0;
	size_t i = 0;

	if (size >= 8) {
		for (; i < size - 8; i += 8)
			high |= load_u64(data + i);
		high |= load_u64(data + (size - 8));
	} else if (size >= 4) {
		/* It follows this branch with a size of 7 into the buffer of a caller whose size is less. */
		/* cppcheck-suppress pointerOutOfBoundsCond */
		high = load_u32(data) | load_u32(data + (size - 4));
	} else {
		for (; i < size; i++)
			high |= data[i];
	}
	return !(high & UTF8_HIGH_BITS) || utf8_valid_any(data, size);
}

#endif
