/* It would tear JSON and its macros apart. */
/* clang-format off */
#include "tests/record/support.h"

static void
refused(const char *json, const char *part)
{
	struct schema_document *document;
	struct error err;

	check_fails(schema_parse(bytes_of_text(json), &document, &err), part);
	check(document == NULL);
}

TEST(attributes_are_kept)
{
	struct schema_document *document = parse("{\"type\":\"record\",\"name\":\"r\",\"namespace\":\"a.b\","
		"\"doc\":\"all\",\"aliases\":[\"old\",\"c.older\"],"
		"\"fields\":[{\"name\":\"t\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},"
		"\"doc\":\"when\",\"aliases\":[\"time\"],\"default\":5}]}");
	const struct schema *root = document->root;

	check_text(root->name, "a.b.r");
	check_text(schema_short_name(root), "r");
	check_text(root->doc, "all");
	check_text(root->aliases[0], "a.b.old");
	check_text(root->aliases[1], "c.older");
	check(root->aliases[2] == NULL);
	check_text(root->fields[0].doc, "when");
	check_text(root->fields[0].aliases[0], "time");
	check_int(root->fields[0].schema->logical, LOGICAL_TIMESTAMP_MILLIS);
	check_int(json_integer_value(root->fields[0].initial), 5);
	schema_free(&document);
	check(document == NULL);
}

TEST(slots_follow_each_other)
{
	struct schema_document *document = parse(RECORD(FIELD("a", "\"int\"") "," FIELD("b",
		"[\"null\",\"string\"]") "," FIELD("c", "{\"type\":\"record\",\"name\":\"s\",\"fields\":["
		FIELD("x", "\"int\"") "," FIELD("y", "\"int\"") "]}") "," FIELD("d", "[\"int\",\"s\"]") ","
		FIELD("e", "{\"type\":\"array\",\"items\":\"s\"}")));
	const struct schema_field *fields = document->root->fields;

	check_int(fields[1].slot, 1);
	check_int(fields[2].slot, 3);
	check_int(fields[3].slot, 5);
	check_int(fields[4].slot, 8);
	check_int(document->root->width, 9);
	check_int(document->root->slot_count, 9);
	check(fields[2].schema == fields[3].schema->branches[1]);
	schema_free(&document);
}

TEST(a_record_that_contains_itself_is_held_by_reference)
{
	struct schema_document *document = parse(RECORD(FIELD("a", "\"int\"") "," FIELD("next", "[\"null\",\"r\"]")));

	check(document->root->by_reference);
	check_int(document->root->width, 1);
	check_int(document->root->slot_count, 3);
	schema_free(&document);
}

TEST(logical_types_that_do_not_fit_are_ignored)
{
	struct schema_document *document = parse(RECORD(FIELD("a",
		"{\"type\":\"int\",\"logicalType\":\"timestamp-millis\"}") "," FIELD("b",
		"{\"type\":\"string\",\"logicalType\":\"uuid\"}") "," FIELD("c",
		"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}")));

	check_int(document->root->fields[0].schema->logical, LOGICAL_OTHER);
	check_int(document->root->fields[0].schema->type, SCHEMA_INT);
	check_int(document->root->fields[1].schema->logical, LOGICAL_OTHER);
	check_int(document->root->fields[2].schema->logical, LOGICAL_TIMESTAMP_MICROS);
	schema_free(&document);
}

TEST(wrong_schemas_are_refused_with_the_place)
{
	refused("{", "not JSON");
	refused("{\"type\":\"int\",\"type\":\"int\"}", "duplicate");
	refused("7", "a type must be a string");
	refused("{\"name\":\"x\"}", "\"type\" is missing");
	refused("\"strng\"", "type strng is not known");
	refused(RECORD(FIELD("x", "\"strng\"")), "field r.x: type strng is not known");
	refused(RECORD(FIELD("in", "{\"type\":\"record\",\"name\":\"s\",\"fields\":[" FIELD("x", "\"q\"") "]}")),
		"field s.x: type q");
	refused(RECORD("{\"name\":\"x\"}"), "field r.x: \"type\" is missing");
	refused(RECORD("{\"type\":\"int\"}"), "record r: field 1: \"name\" is missing");
	refused(RECORD(FIELD("1x", "\"int\"")), "\"1x\" is not a name");
	refused(RECORD(FIELD("x", "\"int\"") "," FIELD("x", "\"int\"")), "field x is there twice");
	refused("{\"type\":\"record\",\"name\":\"r\"}", "\"fields\" is missing");
	refused("{\"type\":\"record\",\"name\":\"a..b\",\"fields\":[]}", "not a name");
	refused("{\"type\":\"record\",\"name\":\"int\",\"fields\":[]}", "cannot be named int");
	refused("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"A\"]}", "symbol A is there twice");
	refused("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"],\"default\":\"B\"}", "default \"B\" is not one");
	refused("{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}", "\"size\" must be");
	refused("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\\u0000\"]}", "symbol 1 is not a name");
	refused("{\"type\":\"enum\",\"name\":\"e\\u0000\",\"symbols\":[\"A\"]}", "\"name\" must be a string");
	refused("{\"type\":\"array\"}", "\"items\" is missing");
	refused("{\"type\":\"map\"}", "\"values\" is missing");
	refused("[\"int\",\"int\"]", "int is in the union twice");
	refused("[[\"int\"]]", "another union");
	refused("[{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"]},{\"type\":\"enum\",\"name\":\"e\","
		"\"symbols\":[\"A\"]}]", "e is defined twice");
	refused(RECORD("{\"name\":\"x\",\"type\":\"int\",\"order\":\"up\"}"), "\"order\" must be");
}

TEST(wrong_defaults_are_refused)
{
	refused(RECORD(DEFAULT("x", "\"int\"", "\"a\"")),
		"field r.x: wrong default: expected an int, found the string \"a\"");
	refused(RECORD(DEFAULT("x", "\"int\"", "3000000000")), "wrong default: expected an int (");
	refused(RECORD(DEFAULT("x", "[\"null\",\"string\"]", "7")), "wrong default: expected a string, found 7");
	refused(RECORD(DEFAULT("x", "[\"string\",\"long\"]", "null")), "expected a value that fits a branch");
	refused(RECORD(DEFAULT("x", "\"double\"", "\"nan\"")), "expected a number, found the string \"nan\"");
	refused(RECORD(DEFAULT("x", "\"bytes\"", "\"\\u0100\"")), "U+0000 to U+00FF");
	refused(RECORD(DEFAULT("x", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}", "\"a\"")),
		"expected 2 bytes, found 1");
	refused(RECORD(DEFAULT("x", "{\"type\":\"array\",\"items\":\"int\"}", "[1,true]")),
		"wrong default at [1]: expected an int, found true");
	refused(RECORD(DEFAULT("x", "{\"type\":\"record\",\"name\":\"s\",\"fields\":[" FIELD("y", "\"int\"") "]}",
			       "{}")),
		"wrong default at .y: is missing");
	/* A default that needs itself. */
	refused(RECORD(DEFAULT("x", "\"r\"", "{}")), "nested deeper");
}

TEST(nesting_and_size_are_limited)
{
	struct buffer text = {0};
	struct schema_document *document;
	struct error err;

	for (int i = 0; i < 100; i++)
		buffer_print(&text, "{\"type\":\"array\",\"items\":");
	check_fails(schema_parse(buffer_bytes(&text), &document, &err), "not JSON");
	buffer_print(&text, "\"int\"");
	for (int i = 0; i < 100; i++)
		buffer_print(&text, "}");
	check_fails(schema_parse(buffer_bytes(&text), &document, &err), "nested deeper than 64");
	buffer_clear(&text);
	/* Each record holds the one before it twice. */
	buffer_print(&text, "[{\"type\":\"record\",\"name\":\"r0\",\"fields\":[" FIELD("a", "\"int\"") "]}");
	for (int i = 1; i < 30; i++)
		buffer_print(&text,
			     ",{\"type\":\"record\",\"name\":\"r%d\",\"fields\":[{\"name\":\"a\",\"type\":\"r%d\"},"
			     "{\"name\":\"b\",\"type\":\"r%d\"}]}",
			     i, i - 1, i - 1);
	buffer_print(&text, "]");
	check_fails(schema_parse(buffer_bytes(&text), &document, &err), "more than 65536 parts");
	buffer_clear(&text);
	memset(buffer_reserve(&text, SCHEMA_TEXT_SIZE_MAX + 1), ' ', SCHEMA_TEXT_SIZE_MAX + 1);
	text.size = SCHEMA_TEXT_SIZE_MAX + 1;
	check_fails(schema_parse(buffer_bytes(&text), &document, &err), "at most 1048576");
	buffer_fini(&text);
}

TEST(names_resolve_in_their_namespace)
{
	struct schema_document *document = parse("{\"type\":\"record\",\"name\":\"a.b.r\",\"fields\":[" FIELD("x",
		"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"]}") "," FIELD("y",
		"{\"type\":\"fixed\",\"name\":\"f\",\"namespace\":\"c\",\"size\":1}") "," FIELD("z",
		"\"a.b.e\"") "," FIELD("u", "\"e\"") "," FIELD("v", "\"c.f\"") "]}");
	const struct schema_field *fields = document->root->fields;

	check_text(fields[0].schema->name, "a.b.e");
	check_text(fields[1].schema->name, "c.f");
	check(fields[2].schema == fields[0].schema && fields[3].schema == fields[0].schema);
	check(fields[4].schema == fields[1].schema);
	schema_free(&document);
	refused("[{\"type\":\"fixed\",\"name\":\"c.f\",\"size\":1},{\"type\":\"array\",\"items\":\"f\"}]",
		"type f is not known");
}

TEST(a_short_name_may_mean_a_type_without_namespace)
{
	struct schema_document *document = parse("{\"type\":\"record\",\"name\":\"shop.r\",\"fields\":[" FIELD("x",
		"{\"type\":\"fixed\",\"name\":\"mark\",\"namespace\":\"\",\"size\":1}") "," FIELD("y",
		"\"mark\"") "]}");

	check_text(document->root->fields[0].schema->name, "mark");
	check(document->root->fields[1].schema == document->root->fields[0].schema);
	schema_free(&document);
}

TEST(attributes_that_are_null_are_not_given)
{
	struct schema_document *document = parse("{\"type\":\"record\",\"name\":\"shop.r\","
		"\"doc\":null,\"aliases\":null,"
		"\"fields\":["
		FIELD("x", "{\"type\":\"fixed\",\"name\":\"mark\",\"namespace\":null,\"size\":1}") "]}");

	check_text(document->root->fields[0].schema->name, "shop.mark");
	check(!document->root->doc);
	schema_free(&document);
	refused("{\"type\":\"record\",\"name\":null,\"fields\":[]}", "\"name\" must be a string");
}

TEST(comments_and_a_byte_order_mark_are_passed_over)
{
	struct schema_document *document = parse("\xef\xbb\xbf// of the \"home\" page\n/* one\n   two */"
		"{\"type\":\"enum\",\"name\":\"e\",\"doc\":\"https://x /* no \\\" comment\",\"symbols\":"
		"[/**/\"A\"]} // end");

	check_text(document->root->doc, "https://x /* no \" comment");
	check_int(document->root->symbol_count, 1);
	schema_free(&document);
	refused("// one\n/* two */ [\"int\" oops]", "line 2, column");
	refused("\"int\" /* without an end", "not JSON");
}

TEST(a_default_may_be_of_any_branch_and_no_number)
{
	struct schema_document *document = parse(RECORD(DEFAULT("a", "[\"float\",\"null\"]", "null") "," DEFAULT("b",
		"[\"null\",\"string\"]", "\"\"") "," DEFAULT("c", "\"double\"", "\"NaN\"") "," DEFAULT("d", "\"float\"",
		"\"-Infinity\"")));
	struct record record;
	struct arena arena = {0};
	struct buffer out = {0};
	struct error err;

	record_init(&record, document->root);
	check_ok(decoder_defaults(document->root, &record, &arena, &err));
	json_write(&record, &out);
	check_bytes(buffer_bytes(&out), bytes_of_text("{\"a\":null,\"b\":\"\",\"c\":\"NaN\",\"d\":\"-Infinity\"}"));
	record_fini(&record);
	arena_fini(&arena);
	buffer_fini(&out);
	schema_free(&document);
}

TEST(a_file_that_is_not_there_is_named)
{
	struct schema_document *document;
	struct error err;

	check_fails(schema_parse_file("/nowhere/x.avsc", &document, &err),
		    "/nowhere/x.avsc: the schema cannot be opened");
}
