#include "record/schema_text.h"

#include "base/memory.h"

/* Where the text goes on behind a string that begins at `at`. */
static size_t
string_end(const char *text, size_t size, size_t at)
{
	for (at++; at < size && text[at] != '"'; at++)
		at += text[at] == '\\';
	return at < size ? at + 1 : size;
}

/* Where the text goes on behind a comment that begins at `at`; 0: there is none, or it has no end. */
static size_t
comment_end(const char *text, size_t size, size_t at)
{
	char kind = at + 1 < size && text[at] == '/' ? text[at + 1] : 0;

	if (kind == '/') {
		const char *end = memchr(text + at, '\n', size - at);

		return end ? (size_t)(end - text) : size;
	}
	for (size_t i = at + 2; kind == '*' && i + 1 < size; i++)
		if (text[i] == '*' && text[i + 1] == '/')
			return i + 2;
	return 0;
}

char *
schema_text_plain(struct bytes text)
{
	char *plain = memory_new(text.size + 1);
	size_t at = 0, end;

	if (text.size)
		memcpy(plain, text.data, text.size);
	while (at < text.size) {
		if (plain[at] == '"') {
			at = string_end(plain, text.size, at);
			continue;
		}
		end = comment_end(plain, text.size, at);
		if (!end)
			at++;
		for (; at < end; at++)
			if (plain[at] != '\n')
				plain[at] = ' ';
	}
	return plain;
}
