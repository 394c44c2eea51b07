/* The text of a schema file: JSON in which comments may stand, as in Java's Avro. */
#ifndef RECORD_SCHEMA_TEXT_H
#define RECORD_SCHEMA_TEXT_H

#include "base/bytes.h"

/*
 * A copy of the same size with spaces in place of comments (from // to the end of the line, and between slash-star and
 * star-slash), so that every line and column stays where it was. A comment without an end stays, and is no JSON. The
 * caller frees it with memory_free.
 */
char *schema_text_plain(struct bytes text);

#endif
