#include "record/json.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits of a character, or -1. */
static int
value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static size_t
padding_of(struct bytes text)
{
	if (text.size < 4 || text.data[text.size - 1] != '=')
		return 0;
	return text.data[text.size - 2] == '=' ? 2 : 1;
}

int
json_base64_read(struct bytes text, struct buffer *out, struct error *err)
{
	size_t padding = padding_of(text), digits = text.size - padding, before = out->size;
	uint32_t bits = 0;

	if (text.size % 4 != 0)
		return fail(err, SKIP, "base64 must have a multiple of 4 characters, padded by =; this has %zu",
			    text.size);
	buffer_reserve(out, text.size / 4 * 3);
	for (size_t i = 0; i < digits; i++) {
		int value = value_of(text.data[i]);

		if (value < 0) {
			out->size = before;
			return fail(err, SKIP, "character %zu is not one of base64's", i + 1);
		}
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 != 0)
			out->data[out->size++] = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	/* Bits that no byte takes must be 0: else two texts would mean the same bytes. */
	if (padding && (bits & (padding == 1 ? 3u : 15u)) != 0) {
		out->size = before;
		return fail(err, SKIP, "character %zu of the base64 has bits beyond the last byte", digits);
	}
	return 0;
}

void
json_base64_write(struct bytes bytes, struct buffer *out)
{
	uint8_t *to = buffer_reserve(out, (bytes.size + 2) / 3 * 4);

	for (size_t i = 0; i < bytes.size; i += 3) {
		size_t left = bytes.size - i;
		uint32_t bits = (uint32_t)bytes.data[i] << 16;

		bits |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
		bits |= left > 2 ? bytes.data[i + 2] : 0;
		*to++ = (uint8_t)alphabet[bits >> 18];
		*to++ = (uint8_t)alphabet[bits >> 12 & 63];
		*to++ = (uint8_t)(left > 1 ? alphabet[bits >> 6 & 63] : '=');
		*to++ = (uint8_t)(left > 2 ? alphabet[bits & 63] : '=');
	}
	out->size += (bytes.size + 2) / 3 * 4;
}
