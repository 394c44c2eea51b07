/* What manual pages are made of: options from their tables, paragraphs of text. */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

#include "base/buffer.h"
#include "base/option.h"

#define MANUAL_INDENT 6 /* columns, of a help text below what it is about */

/* A help text, indented; NULL: nothing. */
void manual_help(struct buffer *out, const char *help);
/* The same where the caller has begun the line. */
void manual_wrap(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Name, type, unit, choices, default, bounds, help. `group`: the map that the option is part of, or NULL. */
void manual_option(struct buffer *out, const char *group, const struct option *option);
/* All of a table (may be NULL), then those of its groups. */
void manual_options(struct buffer *out, const struct option *options);
/* Paragraphs, each ended by a line feed, each behind an empty line. NULL: none. */
void manual_paragraphs(struct buffer *out, const char *manual);

#endif
