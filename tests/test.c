#include "tests/test.h"

#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_SKIPPED 77

static struct test *tests;
static char directory[4096];
static bool seed_used;
static uint64_t seed_value;

void
test_register(struct test *test)
{
	struct test **link = &tests;

	while (*link)
		link = &(*link)->next;
	*link = test;
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
	(void)info, (void)kind, (void)at;
	return remove(path);
}

static void
remove_directory(void)
{
	if (directory[0])
		nftw(directory, remove_one, 32, FTW_DEPTH | FTW_PHYS);
	directory[0] = 0;
}

static _Noreturn void
end_failed(const char *file, int line)
{
	fprintf(stderr, "    at %s:%d\n", file, line);
	if (seed_used)
		fprintf(stderr, "    TEST_SEED=%" PRIu64 " repeats this run\n", seed_value);
	remove_directory();
	_exit(1);
}

void
test_check(bool condition, const char *what, const char *file, int line)
{
	if (condition)
		return;
	fprintf(stderr, "    %s does not hold\n", what);
	end_failed(file, line);
}

void
test_check_int(int64_t got, int64_t wanted, const char *what, const char *file, int line)
{
	if (got == wanted)
		return;
	fprintf(stderr, "    %s is %" PRId64 ", wanted %" PRId64 "\n", what, got, wanted);
	end_failed(file, line);
}

void
test_check_real(double got, double wanted, const char *what, const char *file, int line)
{
	if (got == wanted || (isnan(got) && isnan(wanted)))
		return;
	fprintf(stderr, "    %s is %.17g, wanted %.17g\n", what, got, wanted);
	end_failed(file, line);
}

void
test_check_text(const char *got, const char *wanted, const char *what, const char *file, int line)
{
	if (strcmp(got, wanted) == 0)
		return;
	fprintf(stderr, "    %s is\n      %s\n    wanted\n      %s\n", what, got, wanted);
	end_failed(file, line);
}

void
test_check_contains(const char *got, const char *part, const char *what, const char *file, int line)
{
	if (strstr(got, part))
		return;
	fprintf(stderr, "    %s is\n      %s\n    which does not contain\n      %s\n", what, got, part);
	end_failed(file, line);
}

static void
print_hex(const char *label, struct bytes bytes)
{
	fprintf(stderr, "    %s (%zu bytes)", label, bytes.size);
	for (size_t i = 0; i < bytes.size && i < 256; i++)
		fprintf(stderr, "%s%02x", i % 32 == 0 ? "\n      " : "", bytes.data[i]);
	fprintf(stderr, "\n");
}

void
test_check_bytes(struct bytes got, struct bytes wanted, const char *what, const char *file, int line)
{
	if (bytes_equal(got, wanted))
		return;
	print_hex(what, got);
	print_hex("wanted", wanted);
	end_failed(file, line);
}

void
test_check_ok(int result, const struct error *err, const char *what, const char *file, int line)
{
	if (result == 0)
		return;
	fprintf(stderr, "    %s failed (%s): %s\n", what, error_action_name(err->action), err->text);
	end_failed(file, line);
}

void
test_check_fails(int result, const struct error *err, const char *part, const char *what, const char *file, int line)
{
	if (result != -1) {
		fprintf(stderr, "    %s returned %d, wanted a failure that says\n      %s\n", what, result, part);
		end_failed(file, line);
	}
	test_check_contains(err->text, part, what, file, line);
}

_Noreturn void
test_skip(const char *why)
{
	fprintf(stderr, "    skipped: %s\n", why);
	remove_directory();
	_exit(EXIT_SKIPPED);
}

/* librdkafka starts its threads with C11's thrd_create, which the thread sanitizer of gcc 12 does not see: in such a
 * thread the sanitizer itself crashes. */
void
test_skip_under_the_thread_sanitizer(void)
{
#ifdef __SANITIZE_THREAD__
	test_skip("the thread sanitizer does not know librdkafka's threads");
#endif
}

const char *
test_directory(void)
{
	const char *base = getenv("TMPDIR");

	if (!directory[0]) {
		snprintf(directory, sizeof(directory), "%s/isotope-test-XXXXXX", base ? base : "/tmp");
		if (!mkdtemp(directory)) {
			perror(directory);
			_exit(1);
		}
	}
	return directory;
}

const char *
test_source_root(void)
{
	const char *root = getenv("ISOTOPE_SOURCE_ROOT");

	return root ? root : ".";
}

const char *
test_topology_file(const char *topology)
{
	static char path[512];
	const char *place = strstr(topology, "%s");
	char *root = realpath(test_source_root(), NULL);
	FILE *file;

	snprintf(path, sizeof(path), "%s/topology.yaml", test_directory());
	file = fopen(path, "w");
	test_check(file && root && place, "the topology can be written, and has a place for the repository", __FILE__,
		   __LINE__);
	fprintf(file, "%.*s%s%s", (int)(place - topology), topology, root, place + 2);
	test_check(fclose(file) == 0, "the topology is written", __FILE__, __LINE__);
	free(root);
	return path;
}

uint64_t
test_seed(uint64_t initial)
{
	const char *text = getenv("TEST_SEED");

	seed_used = true;
	seed_value = text ? strtoull(text, NULL, 10) : initial;
	return seed_value;
}

struct test_random
test_random_of(uint64_t seed)
{
	return (struct test_random){.state = seed * 0x9e3779b97f4a7c15u + 0x1234567u};
}

uint64_t
test_random_next(struct test_random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * 0x2545f4914f6cdd1du;
}

uint64_t
test_random_below(struct test_random *random, uint64_t bound)
{
	insist(bound > 0);
	return (test_random_next(random) >> 11) % bound;
}

int
main(int argc, char **argv)
{
	int ran = 0;

	for (struct test *test = tests; test; test = test->next) {
		if (argc > 1 && strcmp(argv[1], "--list") == 0) {
			printf("%s\n", test->name);
			continue;
		}
		if (argc > 1 && strcmp(argv[1], test->name) != 0)
			continue;
		fprintf(stderr, "  %s\n", test->name);
		test->run();
		remove_directory();
		ran++;
	}
	if (argc > 1 && strcmp(argv[1], "--list") != 0 && ran == 0) {
		fprintf(stderr, "no test is named %s\n", argv[1]);
		return 1;
	}
	return 0;
}
