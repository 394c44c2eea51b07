#include "record/symbols.h"

#include <stdio.h>

#include "tests/test.h"

static struct error err;

static const char *const names[] = {"red", "green", "blue"};

static struct schema_document *
colours(const char *symbols)
{
	struct schema_document *document;
	char json[256];

	snprintf(json, sizeof(json),
		 "{\"type\": \"record\", \"name\": \"r\", \"fields\": [{\"name\": \"f\", \"type\": {\"type\": "
		 "\"enum\", \"name\": \"colour\", \"symbols\": [%s]}}]}",
		 symbols);
	check_ok(schema_parse(bytes_of_text(json), &document, &err));
	return document;
}

static const struct schema *
enumeration_of(const struct schema_document *document)
{
	return schema_field_find(document->root, "f")->schema;
}

TEST(symbols_have_the_numbers_of_their_names_whatever_their_order)
{
	struct schema_document *document = colours("\"blue\", \"red\", \"green\"");
	struct symbol_map map;

	check_ok(symbol_map_init(&map, enumeration_of(document), names, 3, &err));
	check_int(map.to_number[0], 2);
	check_int(map.to_number[1], 0);
	check_int(map.to_symbol[2], 0);
	check_int(map.to_symbol[1], 2);
	check_ok(symbol_map_complete(&map, enumeration_of(document), names, 3, &err));
	schema_free(&document);
}

TEST(a_symbol_that_nobody_knows_is_refused)
{
	struct schema_document *document = colours("\"red\", \"pink\"");
	struct symbol_map map;

	check_fails(symbol_map_init(&map, enumeration_of(document), names, 3, &err),
		    "the enum colour has the symbol pink; expected red, green, blue");
	schema_free(&document);
}

TEST(a_symbol_that_is_written_must_be_there)
{
	struct schema_document *document = colours("\"red\", \"blue\"");
	struct symbol_map map;

	check_ok(symbol_map_init(&map, enumeration_of(document), names, 3, &err));
	check_int(map.to_symbol[1], -1);
	check_fails(symbol_map_complete(&map, enumeration_of(document), names, 3, &err),
		    "the enum colour has no symbol green");
	schema_free(&document);
}
