/* It would tear JSON and its macros apart. */
/* clang-format off */
#include "tests/record/support.h"

TEST(fields_and_symbols_are_found_by_name)
{
	struct schema_document *document = parse(RECORD(FIELD("a", "\"int\"") "," FIELD("e",
		"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}")));

	check(schema_field_find(document->root, "e") == &document->root->fields[1]);
	check(schema_field_find(document->root, "x") == NULL);
	check_int(schema_symbol_find(document->root->fields[1].schema, "B"), 1);
	check_int(schema_symbol_find(document->root->fields[1].schema, "C"), -1);
	schema_free(&document);
}

TEST(only_a_union_of_null_and_one_type_can_do_without_null)
{
	struct schema_document *document = parse(RECORD(FIELD("a", "[\"int\",\"null\"]") "," FIELD(
		"b", "[\"null\",\"int\",\"string\"]") "," FIELD("c", "\"int\"")));
	const struct schema_field *fields = document->root->fields;

	check_int(schema_without_null(fields[0].schema)->type, SCHEMA_INT);
	check(schema_without_null(fields[1].schema) == fields[1].schema);
	check(schema_without_null(fields[2].schema) == fields[2].schema);
	schema_free(&document);
}

static void
check_start(const char *whole, const char *part, const char *wrong)
{
	struct schema_document *whole_document = parse(whole), *part_document = parse(part);
	struct error err;

	if (wrong)
		check_fails(schema_starts_with(whole_document->root, part_document->root, &err), wrong);
	else
		check_ok(schema_starts_with(whole_document->root, part_document->root, &err));
	schema_free(&whole_document);
	schema_free(&part_document);
}

TEST(a_schema_starts_with_another_only_in_name_order_and_encoding)
{
	const char *part = RECORD(
		FIELD("a", "\"int\"") "," FIELD("e", "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}"));

	check_start(RECORD(FIELD("a", "\"int\"") "," FIELD("e",
		"{\"type\":\"enum\",\"name\":\"e2\",\"symbols\":[\"A\",\"B\"]}") "," FIELD("more", "\"int\"")),
		part, NULL);
	check_start(part, part, NULL);
	check_start(RECORD(FIELD("a", "\"int\"")), part, "field 2 of r must be e");
	check_start(RECORD(FIELD("b", "\"int\"")), part, "field 1 of r is b; it must be a");
	check_start(RECORD(FIELD("a", "\"long\"")), part, "field r.a is long");
	check_start(RECORD(FIELD("a", "\"int\"") "," FIELD(
			    "e", "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"B\",\"A\"]}")),
		    part, "field r.e is enum");
}

TEST(recursive_schemas_can_be_compared)
{
	const char *list = RECORD(FIELD("a", "\"int\"") "," FIELD("next", "[\"null\",\"r\"]"));

	check_start(list, list, NULL);
	/* What follows in the list is encoded otherwise. */
	check_start(RECORD(FIELD("a", "\"int\"") "," FIELD("next", "[\"null\",\"r\"]") "," FIELD("b", "\"int\"")),
		list, "field r.next is union");
}
