#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tests/test.h"

static struct error err;

static char *
write_secret(const void *text, size_t size)
{
	char *path = memory_format("%s/secret", test_directory());
	FILE *file = fopen(path, "w");

	check(file != NULL);
	check(fwrite(text, 1, size, file) == size);
	check(fclose(file) == 0);
	return path;
}

static void
check_read(int (*read)(const char *, char **, struct error *), const char *text, const char *wanted)
{
	char *path = write_secret(text, strlen(text)), *got;

	check_ok(read(path, &got, &err));
	check_text(got, wanted);
	secret_free(&got);
	check(!got);
	memory_free(&path);
}

static void
check_unreadable(const char *text, size_t size, const char *why)
{
	char *path = write_secret(text, size), *got;

	check_fails(secret_read(path, &got, &err), why);
	check_contains(err.text, path);
	check_int(err.action, FATAL);
	memory_free(&path);
}

TEST(a_secret_ends_before_its_line_ends)
{
	check_read(secret_read, "hunter2", "hunter2");
	check_read(secret_read, "hunter2\n", "hunter2");
	check_read(secret_read, "hunter2\r\n\r\n", "hunter2");
	check_read(secret_read, "\xef\xbb\xbfhunter2\r\n", "hunter2");
	check_read(secret_read, " a b ", " a b ");
	/* A key in PEM has lines. */
	check_read(secret_read, "one\ntwo\n", "one\ntwo");
	check_read(secret_read_line, "one\r\ntwo\n", "one");
}

TEST(a_file_without_a_secret_is_refused)
{
	static char large[SECRET_SIZE_MAX + 1];
	char *got;

	memset(large, 'x', sizeof(large));
	check_unreadable("", 0, "is empty");
	check_unreadable("\r\n", 2, "is empty");
	check_unreadable("a\0b", 3, "holds a zero byte");
	check_unreadable(large, sizeof(large), "is larger than 65536 bytes");
	check_fails(secret_read("/nowhere/secret", &got, &err), "/nowhere/secret cannot be read: No such file");
	check_fails(secret_read(test_directory(), &got, &err), "cannot be read");
}

static void
check_filled(const char *text, const char *wanted)
{
	char *got;

	check_ok(secret_fill(text, &got, &err));
	check_text(got, wanted);
	secret_free(&got);
}

TEST(what_is_named_is_filled_in_wherever_it_stands)
{
	char *path = write_secret("hunter2\n", 8);
	char *text = memory_format("${FILE:%s}!", path);

	setenv("ISOTOPE_TEST_HOST", "kafka1", 1);
	setenv("ISOTOPE_TEST_EMPTY", "", 1);
	check_filled("${ENV:ISOTOPE_TEST_HOST}:9092", "kafka1:9092");
	check_filled("a${ENV:ISOTOPE_TEST_HOST}${ENV:ISOTOPE_TEST_EMPTY}b${ENV:ISOTOPE_TEST_HOST}", "akafka1bkafka1");
	check_filled(text, "hunter2!");
	check_filled("$${x} $5 {view} $", "${x} $5 {view} $");
	check_filled("", "");
	check(secret_is_named("a${") && secret_is_named("$${x}") && !secret_is_named("$5 {view}"));
	memory_free(&text);
	memory_free(&path);
}

TEST(what_is_filled_in_is_not_filled_in_again)
{
	setenv("ISOTOPE_TEST_HOST", "${ENV:HOME}", 1);
	check_filled("${ENV:ISOTOPE_TEST_HOST}", "${ENV:HOME}");
}

TEST(what_cannot_be_filled_in_is_missed)
{
	char *got;

	unsetenv("ISOTOPE_TEST_NONE");
	check_fails(secret_fill("a${ENV:ISOTOPE_TEST_NONE}", &got, &err),
		    "the environment has no variable ISOTOPE_TEST_NONE");
	check_fails(secret_fill("${FILE:/nowhere/secret}", &got, &err), "/nowhere/secret cannot be read");
	check_fails(secret_fill("${VAULT:x}", &got, &err), "${VAULT:x} means nothing; expected ${ENV:NAME}");
	check_fails(secret_fill("${ENV:HOME", &got, &err), "${ has no }");
	check_fails(secret_fill("${}", &got, &err), "${} means nothing");
}
