/* What names a process for the cluster: kept in its directory, and drawn anew where that is a copy. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "log/kafka_log.h"
#include "tests/test.h"

static struct error err;

/* The identity that a process has in this directory of the test. */
static char *
identity_in(const char *name, const char *instance)
{
	char *directory = memory_format("%s/%s", test_directory(), name);
	struct log_config config = {.directory = directory};
	struct kafka log = {.instance = instance ? memory_text(instance) : NULL};

	check_ok(kafka_identity_read(&log, &config, &err));
	memory_free(&directory);
	memory_free(&log.instance);
	return log.identity;
}

static void
write_identity(const char *name, const char *text)
{
	char *path = memory_format("%s/%s/identity", test_directory(), name);
	FILE *file = fopen(path, "we");

	check(file != NULL);
	fputs(text, file);
	check_int(fclose(file), 0);
	memory_free(&path);
}

static char *
content(const char *name)
{
	char *path = memory_format("%s/%s/identity", test_directory(), name);
	FILE *file = fopen(path, "re");
	char *text = memory_new(256);

	check(file != NULL);
	check(fread(text, 1, 255, file) > 0);
	fclose(file);
	memory_free(&path);
	return text;
}

#define check_same(a, b, same)                                                                                         \
	do {                                                                                                           \
		char *first = (a), *second = (b);                                                                      \
		check_int((int64_t)strlen(second), 16);                                                                \
		check((strcmp(first, second) == 0) == (same));                                                         \
		memory_free(&first);                                                                                   \
		memory_free(&second);                                                                                  \
	} while (0)

TEST(a_directory_keeps_its_name_and_a_copy_of_it_gets_another)
{
	char *directory = memory_format("%s/copy", test_directory()), *text;

	check_same(identity_in("own", NULL), identity_in("own", NULL), true);
	check_int(mkdir(directory, 0777), 0);
	text = content("own");
	write_identity("copy", text);
	check_same(identity_in("own", NULL), identity_in("copy", NULL), false);
	check_same(identity_in("copy", NULL), identity_in("copy", NULL), true);
	memory_free(&text);
	memory_free(&directory);
}

TEST(the_name_that_an_older_version_drew_stays)
{
	char *directory = memory_format("%s/old", test_directory());

	check_int(mkdir(directory, 0777), 0);
	write_identity("old", "0123456789abcdef\n");
	check_same(memory_text("0123456789abcdef"), identity_in("old", NULL), true);
	check_same(memory_text("0123456789abcdef"), identity_in("old", NULL), true);
	memory_free(&directory);
}

TEST(half_a_name_is_drawn_anew)
{
	char *directory = memory_format("%s/half", test_directory());

	check_int(mkdir(directory, 0777), 0);
	write_identity("half", "0123\n");
	check_same(memory_text("0123"), identity_in("half", NULL), false);
	memory_free(&directory);
}

TEST(an_instance_is_its_own_name)
{
	char *name = identity_in("unused", "blue");

	check(strcmp(name, "blue") == 0);
	memory_free(&name);
}
