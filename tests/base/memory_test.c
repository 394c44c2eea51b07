#include "base/memory.h"

#include <stdint.h>
#include <string.h>

#include "tests/base/death.h"
#include "tests/test.h"

TEST(new_memory_is_zeroed_and_never_null)
{
	uint8_t *some = memory_new(100), *none = memory_new(0);

	for (int i = 0; i < 100; i++)
		check_int(some[i], 0);
	check(none);
	memory_free(&some);
	memory_free(&none);
	check(!some && !none);
}

TEST(freeing_null_does_nothing)
{
	char *nothing = NULL;

	memory_free(&nothing);
	check(!nothing);
}

TEST(resizing_keeps_what_was_there)
{
	char *text = memory_text("abc");

	text = memory_resize(text, 1 << 20);
	check_text(text, "abc");
	text = memory_resize_array(text, 2, 2);
	check_int(memcmp(text, "abc", 4), 0);
	memory_free(&text);
}

TEST(format_makes_a_text_of_any_length)
{
	char *text = memory_format("%s-%0500d", "n", 7);

	check_int((int64_t)strlen(text), 502);
	check_text(text + 498, "0007");
	memory_free(&text);
}

static volatile size_t very_many = SIZE_MAX / 2;

static void
overflow_an_array(void)
{
	void *got = memory_new_array(very_many, 16);

	memory_free(&got);
}

TEST(an_array_whose_size_overflows_ends_the_process_with_a_message)
{
	char said[4096];

	check(dies(overflow_an_array, said, sizeof(said)));
	check_contains(said, "isotope: out of memory: ");
	check_contains(said, "lower `memory:` in the topology");
}

TEST(what_is_resident_is_known_and_was_no_more_than_the_peak)
{
	int64_t now_bytes, peak_bytes;

	memory_resident(&now_bytes, &peak_bytes);
	check(now_bytes > 100000);
	check(peak_bytes >= now_bytes);
}
