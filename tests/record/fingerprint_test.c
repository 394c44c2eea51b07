#include "tests/record/support.h"

TEST(nothing_has_the_fingerprint_of_the_specification)
{
	check_int((int64_t)schema_fingerprint(bytes_of_text("")), (int64_t)0xc15d213aa4d7a795u);
}

TEST(int_has_its_known_fingerprint)
{
	check_int((int64_t)schema_fingerprint(bytes_of_text("\"int\"")), (int64_t)0x7275d51a3f395c8fu);
}
