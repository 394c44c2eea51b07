/*
 * Standard output. What is put into the buffer is written when it has grown large and at output_flush. A write that
 * fails is an error (a full disk must not look like a whole result), except where the reader has gone, as in
 * `isotope consume ... | head`: then `gone` is set, nothing more is written, and the command ends as if it were done.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "base/buffer.h"
#include "base/error.h"

struct output {
	struct buffer buffer;
	bool gone;
};

/* Ends a line; writes when the buffer is large. */
int output_line(struct output *output, struct error *err);
int output_flush(struct output *output, struct error *err);
void output_fini(struct output *output);
/* Asks, also where nothing is to be written: a reader that went away must not leave a tailing command behind. */
bool output_gone(struct output *output);

/* A JSON string of bytes that are UTF-8. */
void output_json_text(struct buffer *out, struct bytes text);
/* ,"name":"text", and where it isn't UTF-8 ,"name":null,"name_base64":"..."; data NULL: null. */
void output_json_member(struct buffer *out, const char *name, struct bytes text);

/* 1234567 -> "1,234,567"; 1536 -> "1.5 KiB"; 65000 ms -> "1m 5s". They return `to`. */
#define OUTPUT_NUMBER_SIZE 40
const char *output_count(char to[OUTPUT_NUMBER_SIZE], int64_t count);
/* In at most 7 characters: 999,999, then 1.23M, 45.6M, 789M, 1.23G, ... */
const char *output_short_count(char to[OUTPUT_NUMBER_SIZE], int64_t count);
const char *output_bytes(char to[OUTPUT_NUMBER_SIZE], int64_t bytes);
const char *output_duration(char to[OUTPUT_NUMBER_SIZE], int64_t ms);
/* ISO 8601; "-" for TIME_MIN and TIME_MAX. */
const char *output_time(char to[OUTPUT_NUMBER_SIZE], int64_t ms);

#endif
