#include "base/logger.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define CUT_JSON ",\"cut\":true" /* what stands in for the pairs that had no room */
#define ESCAPE_SIZE_MAX 6	 /* bytes of the longest escape: \u001f */

static const char *const level_names[] = {
	[LOGGER_DEBUG] = "debug",
	[LOGGER_INFO] = "info",
	[LOGGER_WARN] = "warn",
	[LOGGER_ERROR] = "error",
};

static _Atomic int level_least = LOGGER_INFO;
static _Atomic bool as_json;

/* A line that is being put together. `room` keeps free what the end of the line needs, so that a cut line is whole. */
struct line {
	char text[LOGGER_LINE_SIZE];
	size_t size;
	size_t room; /* bytes that may be filled */
};

void
logger_set_level(enum logger_level least)
{
	atomic_store_explicit(&level_least, (int)least, memory_order_relaxed);
}

void
logger_set_json(bool json)
{
	atomic_store_explicit(&as_json, json, memory_order_relaxed);
}

bool
logger_is_json(void)
{
	return atomic_load_explicit(&as_json, memory_order_relaxed);
}

int
logger_parse_level(const char *name, enum logger_level *level)
{
	for (int i = LOGGER_DEBUG; i <= LOGGER_ERROR; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum logger_level)i;
			return 0;
		}
	}
	return -1;
}

/* All of `text` or nothing of it. */
static bool
line_put(struct line *line, const char *text, size_t size)
{
	if (line->room - line->size < size)
		return false;
	memcpy(line->text + line->size, text, size);
	line->size += size;
	return true;
}

/* One byte as it stands inside a JSON string; returns how many bytes that is. */
static size_t
escape(char to[ESCAPE_SIZE_MAX + 1], char byte)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char code = (unsigned char)byte;

	to[0] = '\\';
	to[1] = byte;
	if (byte == '"' || byte == '\\')
		return 2;
	to[1] = byte == '\n' ? 'n' : byte == '\t' ? 't' : 'r';
	if (byte == '\n' || byte == '\t' || byte == '\r')
		return 2;
	if (code >= 0x20 && code != 0x7f) {
		to[0] = byte;
		return 1;
	}
	memcpy(to, "\\u00", 4);
	to[4] = hex[code >> 4];
	to[5] = hex[code & 15];
	return ESCAPE_SIZE_MAX;
}

const char *
logger_quote(char *to, int size, const char *text)
{
	char escaped[ESCAPE_SIZE_MAX + 1];
	int used = 0;

	if (size < 3) {
		if (size > 0)
			*to = 0;
		return to;
	}
	to[used++] = '"';
	for (; *text; text++) {
		int more = (int)escape(escaped, *text);

		if (size - used < more + 2)
			break;
		memcpy(to + used, escaped, (size_t)more);
		used += more;
	}
	to[used++] = '"';
	to[used] = 0;
	return to;
}

static bool
line_put_string(struct line *line, const char *text, size_t size)
{
	char escaped[ESCAPE_SIZE_MAX + 1];

	if (!line_put(line, "\"", 1))
		return false;
	for (size_t i = 0; i < size; i++)
		if (!line_put(line, escaped, escape(escaped, text[i])))
			return false;
	return line_put(line, "\"", 1);
}

static size_t
digits(const char *text, size_t size)
{
	size_t count = 0;

	while (count < size && text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

/* What JSON takes without quotes: true, false, and numbers such as -12 or 3.5 (not 007, which is somebody's name). */
static bool
is_plain_json(const char *text, size_t size)
{
	size_t whole, fraction;

	if ((size == 4 && memcmp(text, "true", 4) == 0) || (size == 5 && memcmp(text, "false", 5) == 0))
		return true;
	if (size > 0 && text[0] == '-')
		text++, size--;
	whole = digits(text, size);
	if (whole == 0 || (whole > 1 && text[0] == '0'))
		return false;
	if (whole == size)
		return true;
	fraction = digits(text + whole + 1, size - whole - 1);
	return text[whole] == '.' && fraction > 0 && whole + 1 + fraction == size;
}

/* The size of the value at the start of `text`: up to the closing quote, or to the next space. */
static size_t
value_size(const char *text)
{
	size_t size = 1;

	if (text[0] != '"')
		return strcspn(text, " ");
	while (text[size] && text[size] != '"')
		size += text[size] == '\\' && text[size + 1] ? 2 : 1;
	return size + (text[size] == '"');
}

/* Turns `key=value key="value"` into `,"key":value,"key":"value"`. */
static bool
line_put_json_pairs(struct line *line, const char *pairs)
{
	while (*(pairs += strspn(pairs, " "))) {
		size_t key = strcspn(pairs, "= ");
		const char *value = pairs + key + (pairs[key] == '=');
		size_t size = value_size(value);
		size_t start = line->size;
		bool quoted = size >= 2 && value[0] == '"' && value[size - 1] == '"';
		bool as_is = quoted || is_plain_json(value, size);

		if (!line_put(line, ",", 1) || !line_put_string(line, pairs, key) || !line_put(line, ":", 1) ||
		    !(as_is ? line_put(line, value, size) : line_put_string(line, value, size))) {
			line->size = start;
			return false;
		}
		pairs = value + size;
	}
	return true;
}

static void
print_time(char *to, size_t size)
{
	struct timespec now;
	struct tm parts;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	used = strftime(to, size, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(to + used, size - used, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

static void
line_fill_json(struct line *line, const char *time, enum logger_level level, const char *event, const char *pairs)
{
	line->room -= sizeof(CUT_JSON "}") - 1;
	line_put(line, "{\"time\":", 8);
	line_put_string(line, time, strlen(time));
	line_put(line, ",\"level\":", 9);
	line_put_string(line, level_names[level], strlen(level_names[level]));
	line_put(line, ",\"event\":", 9);
	line_put_string(line, event, strnlen(event, LOGGER_LINE_SIZE / 8));
	if (!line_put_json_pairs(line, pairs)) {
		line->room += sizeof(CUT_JSON) - 1;
		line_put(line, CUT_JSON, sizeof(CUT_JSON) - 1);
	}
	line->room = LOGGER_LINE_SIZE - 1;
	line_put(line, "}", 1);
}

static void
line_fill_text(struct line *line, const char *time, enum logger_level level, const char *event, const char *pairs)
{
	int size = snprintf(line->text, line->room, "%s %s %s%s%s", time, level_names[level], event, *pairs ? " " : "",
			    pairs);

	line->size = size < 0 ? 0 : (size_t)size < line->room ? (size_t)size : line->room - 1;
}

static void
write_line(enum logger_level level, const char *event, const char *format, va_list args)
{
	struct line line = {.room = LOGGER_LINE_SIZE - 1};
	char pairs[LOGGER_LINE_SIZE];
	char time[32];

	vsnprintf(pairs, sizeof(pairs), format, args);
	/* Whoever can put a line feed into a value must not be able to forge a line. */
	for (char *at = pairs; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	print_time(time, sizeof(time));
	if (logger_is_json())
		line_fill_json(&line, time, level, event, pairs);
	else
		line_fill_text(&line, time, level, event, pairs);
	line.text[line.size++] = '\n';
	if (write(STDERR_FILENO, line.text, line.size) < 0)
		return; /* nowhere left to say so */
}

void
logger_write(enum logger_level level, const char *event, const char *format, ...)
{
	va_list args;

	if ((int)level < atomic_load_explicit(&level_least, memory_order_relaxed))
		return;
	va_start(args, format);
	write_line(level, event, format, args);
	va_end(args);
}

void
logger_tell(enum logger_level level, const char *event, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(level, event, format, args);
	va_end(args);
}
