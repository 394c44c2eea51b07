#include "tests/record/support.h"

static void
check_pair(const char *plain, const char *coded)
{
	struct buffer out = {0};
	struct error err;

	json_base64_write(bytes_of_text(plain), &out);
	check_bytes(buffer_bytes(&out), bytes_of_text(coded));
	buffer_clear(&out);
	check_ok(json_base64_read(bytes_of_text(coded), &out, &err));
	check_bytes(buffer_bytes(&out), bytes_of_text(plain));
	buffer_fini(&out);
}

TEST(the_examples_of_the_rfc_go_both_ways)
{
	check_pair("", "");
	check_pair("f", "Zg==");
	check_pair("fo", "Zm8=");
	check_pair("foo", "Zm9v");
	check_pair("foob", "Zm9vYg==");
	check_pair("fooba", "Zm9vYmE=");
	check_pair("foobar", "Zm9vYmFy");
	check_pair("\xfb\xff\xfe", "+//+");
}

TEST(what_is_not_base64_is_refused_and_adds_nothing)
{
	static const char *const wrong[] = {
		"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zm9-", "Zh==", "Zm9="};
	struct buffer out = {0};
	struct error err;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		check_int(json_base64_read(bytes_of_text(wrong[i]), &out, &err), -1);
		check_int((int64_t)out.size, 0);
	}
	check_fails(json_base64_read(bytes_of_text("Zm9v!m9v"), &out, &err), "character 5 ");
	buffer_fini(&out);
}
