#include "base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

#define OPENING "${"
#define VARIABLE "ENV:"
#define FILE_PATH "FILE:"

void
secret_free(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	memory_free(secret);
}

/* ---- files ---- */

static int
read_all(const char *path, char *to, size_t *size, struct error *err)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return fail(err, FATAL, "%s cannot be read: %s", path, strerror(errno));
	errno = 0;
	*size = fread(to, 1, SECRET_SIZE_MAX + 1, file);
	if (ferror(file)) {
		fail(err, FATAL, "%s cannot be read: %s", path, strerror(errno));
		fclose(file);
		return -1;
	}
	fclose(file);
	if (*size > SECRET_SIZE_MAX)
		return fail(err, FATAL, "%s is larger than %d bytes; expected a secret", path, SECRET_SIZE_MAX);
	if (memchr(to, 0, *size))
		return fail(err, FATAL, "%s holds a zero byte; expected a text", path);
	return 0;
}

static int
read_text(const char *path, bool first_line, char **out, struct error *err)
{
	char *read = memory_new(SECRET_SIZE_MAX + 2);
	struct bytes text;
	size_t size = 0;
	int result = read_all(path, read, &size, err);

	if (result == 0) {
		text = bytes_without_mark(bytes_of(read, size));
		if (first_line)
			text.size = strcspn((const char *)text.data, "\r\n");
		while (text.size > 0 && strchr("\r\n", text.data[text.size - 1]))
			text.size--;
		if (text.size == 0)
			result = fail(err, FATAL, "%s is empty; expected a secret", path);
		else
			*out = memory_format("%.*s", bytes_arguments(text));
	}
	explicit_bzero(read, SECRET_SIZE_MAX + 2);
	memory_free(&read);
	return result;
}

int
secret_read(const char *path, char **out, struct error *err)
{
	return read_text(path, false, out, err);
}

int
secret_read_line(const char *path, char **out, struct error *err)
{
	return read_text(path, true, out, err);
}

/* ---- filling in ---- */

bool
secret_is_named(const char *text)
{
	return strstr(text, OPENING) != NULL;
}

/* Appends what stands between the braces stands for. */
static int
fill_one(const char *name, struct buffer *out, struct error *err)
{
	char *read = NULL;
	const char *found;

	if (strncmp(name, VARIABLE, strlen(VARIABLE)) == 0) {
		found = getenv(name + strlen(VARIABLE));
		if (!found)
			return fail(err, FATAL, "the environment has no variable %s", name + strlen(VARIABLE));
		buffer_print(out, "%s", found);
		return 0;
	}
	if (strncmp(name, FILE_PATH, strlen(FILE_PATH)) != 0)
		return fail(err, FATAL,
			    "${%.100s} means nothing; expected ${ENV:NAME} or ${FILE:path} ($${ stands for ${ itself)",
			    name);
	if (secret_read(name + strlen(FILE_PATH), &read, err) < 0)
		return -1;
	buffer_print(out, "%s", read);
	secret_free(&read);
	return 0;
}

/* The text behind the braces that open at `at`; NULL: they do not close, or what they hold is not there. */
static const char *
fill_braces(const char *at, struct buffer *out, struct error *err)
{
	const char *end = strchr(at, '}');
	char *name;
	int result;

	if (!end) {
		fail(err, FATAL, "${ has no }; expected ${ENV:NAME} or ${FILE:path} ($${ stands for ${ itself)");
		return NULL;
	}
	name = memory_format("%.*s", (int)(end - at) - (int)strlen(OPENING), at + strlen(OPENING));
	result = fill_one(name, out, err);
	memory_free(&name);
	return result < 0 ? NULL : end + 1;
}

int
secret_fill(const char *text, char **out, struct error *err)
{
	struct buffer filled = {0};

	while (text && *text) {
		if (strncmp(text, "$" OPENING, strlen("$" OPENING)) == 0) {
			buffer_print(&filled, OPENING);
			text += strlen("$" OPENING);
		} else if (strncmp(text, OPENING, strlen(OPENING)) == 0) {
			text = fill_braces(text, &filled, err);
		} else {
			buffer_put_u8(&filled, (uint8_t)*text++);
		}
	}
	buffer_put_u8(&filled, 0);
	if (text)
		*out = memory_text((const char *)filled.data);
	explicit_bzero(filled.data, filled.size);
	buffer_fini(&filled);
	return text ? 0 : -1;
}
