/*
 * Plain JSON, both ways: no union wrappers, enums as strings, bytes and fixed as base64, timestamps as integer
 * milliseconds (ISO 8601 with a zone is accepted too on input), defaults filled in on input, an unknown field is an
 * error, NaN and infinities are written as the strings "NaN", "Infinity", "-Infinity" and accepted as such.
 * A union takes the first branch that the JSON value fits. A timestamp-micros is an integer of microseconds. A whole
 * number may be written as 3.0 or 1.7e12, up to 2^53; in a union with a float or double it is one. A NUL may stand in a
 * string, but not in the key of a map (on input).
 */
#ifndef RECORD_JSON_H
#define RECORD_JSON_H

#include "base/buffer.h"
#include "record/record.h"

/* Parses one JSON object into the record's slots; what they point to is in the arena. Errors (SKIP) name the path, what
 * was found and what was expected, and the closest known name of an unknown field. */
int json_read(struct bytes text, struct record *record, struct arena *arena, struct error *err);

/* Appends the record as one line of JSON, without a line end, fields in the schema's order. */
void json_write(const struct record *record, struct buffer *out);

/* Appends a string of UTF-8 in quotes, escaped. */
void json_write_text(struct bytes text, struct buffer *out);

/* ISO 8601 with zone ("2026-11-21T05:00:00.123Z", "...+01:00") to milliseconds since 1970; also used for --from. */
int json_parse_time(const char *text, int64_t *ms, struct error *err);
/* The same the other way, in UTC: at most 32 bytes with the final 0. */
void json_format_time(int64_t ms, char to[32]);

/* Base64 (RFC 4648, with padding). The error says at which character. */
int json_base64_read(struct bytes text, struct buffer *out, struct error *err);
void json_base64_write(struct bytes bytes, struct buffer *out);

#endif
