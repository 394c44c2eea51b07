/*
 * Values that a configuration names instead of containing them, and files that hold one. Errors show no value.
 *
 *     password: ${FILE:/run/secrets/kafka}   the file's text
 *     bootstrap.servers: ${ENV:HOST}:9092    the environment variable; anywhere in a text, as often as needed
 *     pattern: $${x}                         ${x} itself
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>

#include "base/error.h"

#define SECRET_SIZE_MAX 65536 /* bytes of a file that holds one */

/* Whether there is anything to fill in. */
bool secret_is_named(const char *text);
/* A copy of the text, filled in; to be freed with secret_free. FATAL: a variable that is not set, a file that cannot be
 * read, anything else between the braces. */
int secret_fill(const char *text, char **out, struct error *err);

/* The text of a file without a byte order mark and without the line ends at its end; to be freed with secret_free.
 * FATAL: it cannot be read, is empty, is larger than SECRET_SIZE_MAX, or holds a zero byte. */
int secret_read(const char *path, char **out, struct error *err);
/* The same, its first line alone. */
int secret_read_line(const char *path, char **out, struct error *err);

/* Overwrites it first. */
void secret_free(char **secret);

#endif
