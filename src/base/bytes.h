/* A borrowed run of bytes: a pointer and a size. Whoever hands one out says how long it lives. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *data; /* may be NULL where size is 0 */
	size_t size;
};

static inline struct bytes
bytes_of(const void *data, size_t size)
{
	return (struct bytes){.data = data, .size = size};
}

static inline struct bytes
bytes_of_text(const char *text)
{
	return bytes_of(text, strlen(text));
}

static inline bool
bytes_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* As memcmp; where one is a prefix of the other, the shorter comes first. */
static inline int
bytes_compare(struct bytes a, struct bytes b)
{
	size_t common = a.size < b.size ? a.size : b.size;
	int order = common ? memcmp(a.data, b.data, common) : 0;

	if (order != 0)
		return order;
	return a.size < b.size ? -1 : a.size > b.size;
}

/* Without the UTF-8 byte order mark (EF BB BF) that some editors begin a text with. */
static inline struct bytes
bytes_without_mark(struct bytes text)
{
	bool marked = text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0;

	return marked ? bytes_of(text.data + 3, text.size - 3) : text;
}

/* For printf's "%.*s": bytes_arguments(b) stands for the size and the pointer. */
#define bytes_arguments(b) (int)(b).size, (const char *)(b).data

/* Two lower-case digits a byte, and a NUL: 2 * size + 1 characters. */
static inline void
bytes_write_hex(struct bytes bytes, char *to)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.size; i++) {
		*to++ = digits[bytes.data[i] >> 4];
		*to++ = digits[bytes.data[i] & 15];
	}
	*to = '\0';
}

#endif
