#include "cli/letters.h"

#include "tests/test.h"

static struct error err;
static struct letter_mark place;

TEST(an_id_is_a_partition_and_an_offset)
{
	check_ok(letters_parse_id("3:17", &place, &err));
	check_int(place.number, 3);
	check_int(place.at, 17);
	check_ok(letters_parse_id("0:9223372036854775807", &place, &err));
	check_int(place.at, INT64_MAX);
}

TEST(what_is_no_id_is_refused)
{
	static const char *const wrong[] = {
		"", "3", "3:", ":3", "3:4:", "3:4x", "-1:4", "3:-4", " 3:4", "9999:1", "3:9223372036854775808"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_fails(letters_parse_id(wrong[i], &place, &err), "names no dead letter");
}
