/* It would tear JSON and its macros apart. */
/* clang-format off */
#include "record/utf8.h"
#include "tests/test.h"

static bool
valid(const char *text)
{
	return utf8_valid((const uint8_t *)text, strlen(text));
}

TEST(well_formed_sequences_are_valid)
{
	check(valid(""));
	check(valid("abcdefghijklmnopq"));
	check(valid("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"));
	check(valid("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
}

TEST(ill_formed_sequences_are_not)
{
	static const char *const wrong[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2\x41",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xe1\x80",
		"\xe1\x80\x41",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf1\x80\x80",
		"\xff",
		"\xfe",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check(!valid(wrong[i]));
}

TEST(a_wrong_byte_is_found_at_every_place_of_every_size)
{
	uint8_t text[40];

	for (size_t size = 1; size <= sizeof(text); size++)
		for (size_t at = 0; at < size; at++) {
			memset(text, 'a', sizeof(text));
			check(utf8_valid(text, size));
			text[at] = 0xff;
			check(!utf8_valid(text, size));
		}
}
