#include "cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "record/json.h"
#include "record/utf8.h"

#define FLUSH_BYTES 65536

int
output_flush(struct output *output, struct error *err)
{
	const uint8_t *at = output->buffer.data;
	size_t left = output->gone ? 0 : output->buffer.size;

	output->buffer.size = 0;
	while (left > 0) {
		ssize_t written = write(STDOUT_FILENO, at, left);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EPIPE) {
			output->gone = true;
			return 0;
		}
		if (written < 0)
			return fail(err, FATAL, "standard output cannot be written: %s", strerror(errno));
		at += written;
		left -= (size_t)written;
	}
	return 0;
}

int
output_line(struct output *output, struct error *err)
{
	buffer_put_u8(&output->buffer, '\n');
	return output->buffer.size < FLUSH_BYTES ? 0 : output_flush(output, err);
}

void
output_fini(struct output *output)
{
	buffer_fini(&output->buffer);
}

bool
output_gone(struct output *output)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR))
		output->gone = true;
	return output->gone;
}

void
output_json_text(struct buffer *out, struct bytes text)
{
	buffer_put_u8(out, '"');
	for (size_t i = 0; i < text.size; i++) {
		uint8_t byte = text.data[i];

		if (byte == '"' || byte == '\\')
			buffer_print(out, "\\%c", byte);
		else if (byte < 0x20 || byte == 0x7f)
			buffer_print(out, "\\u%04x", byte);
		else
			buffer_put_u8(out, byte);
	}
	buffer_put_u8(out, '"');
}

void
output_json_member(struct buffer *out, const char *name, struct bytes text)
{
	buffer_print(out, ",\"%s\":", name);
	if (text.data && utf8_valid(text.data, text.size)) {
		output_json_text(out, text);
		return;
	}
	buffer_print(out, "null");
	if (!text.data)
		return;
	buffer_print(out, ",\"%s_base64\":\"", name);
	json_base64_write(text, out);
	buffer_put_u8(out, '"');
}

const char *
output_count(char to[OUTPUT_NUMBER_SIZE], int64_t count)
{
	char digits[OUTPUT_NUMBER_SIZE];
	int size = snprintf(digits, sizeof(digits), "%" PRIu64, count < 0 ? 0 - (uint64_t)count : (uint64_t)count);
	char *at = to;

	if (count < 0)
		*at++ = '-';
	for (int i = 0; i < size; i++) {
		if (i > 0 && (size - i) % 3 == 0)
			*at++ = ',';
		*at++ = digits[i];
	}
	*at = 0;
	return to;
}

const char *
output_short_count(char to[OUTPUT_NUMBER_SIZE], int64_t count)
{
	static const char *const units[] = {"M", "G", "T", "P", "E"};
	double value = (double)count / 1e6;
	size_t unit = 0;

	if (count < 1000000)
		return output_count(to, count);
	while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1000;
		unit++;
	}
	snprintf(to, OUTPUT_NUMBER_SIZE, "%.*f%s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit]);
	return to;
}

const char *
output_bytes(char to[OUTPUT_NUMBER_SIZE], int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1024;
		unit++;
	}
	snprintf(to, OUTPUT_NUMBER_SIZE, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return to;
}

const char *
output_duration(char to[OUTPUT_NUMBER_SIZE], int64_t ms)
{
	const char *sign = ms < 0 ? "-" : "";
	int64_t s = (ms < 0 ? 0 - ms : ms) / 1000;

	if (s < 60)
		snprintf(to, OUTPUT_NUMBER_SIZE, "%s%.1fs", sign, (double)(ms < 0 ? 0 - ms : ms) / 1000);
	else if (s < 3600)
		snprintf(to, OUTPUT_NUMBER_SIZE, "%s%" PRId64 "m %" PRId64 "s", sign, s / 60, s % 60);
	else if (s < 2 * 86400)
		snprintf(to, OUTPUT_NUMBER_SIZE, "%s%" PRId64 "h %" PRId64 "m", sign, s / 3600, s / 60 % 60);
	else
		snprintf(to, OUTPUT_NUMBER_SIZE, "%s%" PRId64 " days", sign, s / 86400);
	return to;
}

const char *
output_time(char to[OUTPUT_NUMBER_SIZE], int64_t ms)
{
	if (ms == TIME_MIN || ms == TIME_MAX)
		snprintf(to, OUTPUT_NUMBER_SIZE, "-");
	else
		json_format_time(ms, to);
	return to;
}
