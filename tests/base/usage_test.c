#include "base/usage.h"

#include "tests/test.h"

#define LARGE ((size_t)64 << 20)

static void
use(struct usage *usage, struct buffer *buffer, size_t size)
{
	buffer_reserve(buffer, size);
	buffer->size = size;
	usage_end_buffer(usage, buffer);
	check_int((int64_t)buffer->size, 0);
}

TEST(what_was_needed_once_is_given_back_after_so_many_uses)
{
	struct buffer buffer = {0};
	struct usage usage = {0};

	use(&usage, &buffer, LARGE);
	for (int i = 0; i < USAGE_COUNT_MAX - 1; i++) {
		use(&usage, &buffer, 1000);
		check((size_t)buffer.capacity >= LARGE);
	}
	use(&usage, &buffer, 1000);
	check_int((int64_t)buffer.capacity, (int64_t)USAGE_BYTES_KEPT);
	use(&usage, &buffer, LARGE);
	check((size_t)buffer.capacity >= LARGE);
	buffer_fini(&buffer);
}

TEST(what_is_needed_now_and_then_stays)
{
	struct buffer buffer = {0};
	struct usage usage = {0};

	for (int i = 0; i < 10 * USAGE_COUNT_MAX; i++)
		use(&usage, &buffer, i % (USAGE_COUNT_MAX - 1) == 0 ? LARGE : 1000);
	check((size_t)buffer.capacity >= LARGE);
	buffer_fini(&buffer);
}

TEST(as_much_stays_as_the_last_uses_needed)
{
	struct usage usage = {0};
	size_t held = LARGE;

	for (int i = 0; i < USAGE_COUNT_MAX; i++)
		held = usage_end(&usage, i == 5 ? LARGE / 4 : 10, held);
	check_int((int64_t)held, (int64_t)LARGE / 4);
}

TEST(little_is_never_given_back)
{
	struct usage usage = {0};

	for (int i = 0; i < 10 * USAGE_COUNT_MAX; i++)
		check_int((int64_t)usage_end(&usage, 0, USAGE_BYTES_KEPT), (int64_t)USAGE_BYTES_KEPT);
}
