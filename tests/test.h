/*
 * Unit tests in C: a file per source file, each TEST a behaviour. A test binary runs all its tests; with a name it runs
 * that one (the runner gives each a process of its own); --list prints the names.
 *
 *     TEST(a_short_buffer_is_refused)
 *     {
 *             check_int(decode(...), -1);
 *             check_text(err.text, "...");
 *     }
 *
 * A check that fails prints both values and the place, and ends the test. Each test has a directory of its own,
 * test_directory(), removed when it ends.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

void test_register(struct test *test);

#define TEST(id)                                                                                                       \
	static void test_##id(void);                                                                                   \
	static struct test test_entry_##id = {.name = #id, .run = test_##id};                                          \
	__attribute__((constructor)) static void test_register_##id(void)                                              \
	{                                                                                                              \
		test_register(&test_entry_##id);                                                                       \
	}                                                                                                              \
	static void test_##id(void)

#define check(condition) test_check((condition), #condition, __FILE__, __LINE__)
#define check_int(got, wanted) test_check_int((got), (wanted), #got, __FILE__, __LINE__)
#define check_real(got, wanted) test_check_real((got), (wanted), #got, __FILE__, __LINE__)
#define check_text(got, wanted) test_check_text((got), (wanted), #got, __FILE__, __LINE__)
#define check_contains(got, part) test_check_contains((got), (part), #got, __FILE__, __LINE__)
#define check_bytes(got, wanted) test_check_bytes((got), (wanted), #got, __FILE__, __LINE__)
/* The call returned 0; else its error is printed. */
#define check_ok(call) test_check_ok((call), &err, #call, __FILE__, __LINE__)
/* The call failed, and the error's text contains `part`. */
#define check_fails(call, part) test_check_fails((call), &err, (part), #call, __FILE__, __LINE__)

void test_check(bool condition, const char *what, const char *file, int line);
void test_check_int(int64_t got, int64_t wanted, const char *what, const char *file, int line);
void test_check_real(double got, double wanted, const char *what, const char *file, int line);
void test_check_text(const char *got, const char *wanted, const char *what, const char *file, int line);
void test_check_contains(const char *got, const char *part, const char *what, const char *file, int line);
void test_check_bytes(struct bytes got, struct bytes wanted, const char *what, const char *file, int line);
void test_check_ok(int result, const struct error *err, const char *what, const char *file, int line);
void test_check_fails(int result, const struct error *err, const char *part, const char *what, const char *file,
		      int line);

_Noreturn void test_skip(const char *why); /* ends the test as skipped */
/* Before a test that lets librdkafka start threads. */
void test_skip_under_the_thread_sanitizer(void);

const char *test_directory(void); /* of this test, empty when it starts */
/* A file in test_directory() with the topology, whose one %s is the repository. The caller need not free the name. */
const char *test_topology_file(const char *topology);
const char *test_source_root(void); /* the repository's directory: where schemas/ and tests/data are */

/* Random numbers by a seed (xorshift64*), the same on every machine. TEST_SEED in the environment changes the seed
 * of tests that take theirs from test_seed(); a failing test prints it. */
struct test_random {
	uint64_t state;
};
uint64_t test_seed(uint64_t initial);
struct test_random test_random_of(uint64_t seed);
uint64_t test_random_next(struct test_random *random);
uint64_t test_random_below(struct test_random *random, uint64_t bound); /* 0 <= result < bound */

#endif
