/* A text of an encoded record, whatever stands before it. */
#include "record/text_field.h"

#include "record/codec.h"
#include "record/json.h"
#include "tests/test.h"

static struct error err;

TEST(a_text_is_found_behind_fields_of_every_kind)
{
	const char *schema =
		"{\"type\": \"record\", \"name\": \"r\", \"fields\": ["
		"{\"name\": \"short\", \"type\": \"string\"}, {\"name\": \"long\", \"type\": \"string\"},"
		"{\"name\": \"int\", \"type\": \"int\"}, {\"name\": \"flag\", \"type\": \"boolean\"},"
		"{\"name\": \"real\", \"type\": \"double\"}, {\"name\": \"single\", \"type\": \"float\"},"
		"{\"name\": \"none\", \"type\": [\"null\", \"long\"]}, "
		"{\"name\": \"some\", \"type\": [\"null\", \"long\"]},"
		"{\"name\": \"list\", \"type\": {\"type\": \"array\", \"items\": \"string\"}},"
		"{\"name\": \"map\", \"type\": {\"type\": \"map\", \"values\": \"int\"}},"
		"{\"name\": \"inner\", \"type\": {\"type\": \"record\", \"name\": \"i\", \"fields\": "
		"[{\"name\": \"bytes\", \"type\": \"bytes\"}, {\"name\": \"fixed\", \"type\": "
		"{\"type\": \"fixed\", \"name\": \"f\", \"size\": 3}}]}},"
		"{\"name\": \"kind\", \"type\": {\"type\": \"enum\", \"name\": \"e\", \"symbols\": [\"a\", \"b\"]}},"
		"{\"name\": \"wanted\", \"type\": \"string\"}, {\"name\": \"behind\", \"type\": \"string\"}]}";
	char json[1024], long_text[201];
	struct schema_document *document;
	struct record record = {0};
	struct arena arena = {0};
	struct buffer body = {0};
	struct codec *codec;
	const struct schema *root;

	memset(long_text, 'l', 200);
	long_text[200] = '\0';
	snprintf(json, sizeof(json),
		 "{\"short\": \"s\", \"long\": \"%s\", \"int\": -7000, \"flag\": true, \"real\": 1.5, \"single\": 2, "
		 "\"none\": null, \"some\": 99999999999, \"list\": [\"x\", \"yy\"], \"map\": {\"k\": 5}, "
		 "\"inner\": {\"bytes\": \"AAAA\", \"fixed\": \"AAAA\"}, \"kind\": \"b\", \"wanted\": \"this one\", "
		 "\"behind\": \"\"}",
		 long_text);
	check_ok(schema_parse(bytes_of_text(schema), &document, &err));
	root = document->root;
	check_ok(codec_new(FRAMING_RAW, document, 0, &codec, &err));
	record_init(&record, root);
	check_ok(json_read(bytes_of_text(json), &record, &arena, &err));
	check_ok(codec_encode(codec, &record, &body, &err));
	check_bytes(text_field_of(root, buffer_bytes(&body), text_field_find(root, "wanted")),
		    bytes_of_text("this one"));
	check_bytes(text_field_of(root, buffer_bytes(&body), text_field_find(root, "short")), bytes_of_text("s"));
	check_bytes(text_field_of(root, buffer_bytes(&body), text_field_find(root, "long")), bytes_of_text(long_text));
	check_bytes(text_field_of(root, buffer_bytes(&body), text_field_find(root, "behind")), bytes_of_text(""));
	record_fini(&record);
	buffer_fini(&body);
	arena_fini(&arena);
	codec_free(&codec);
	schema_free(&document);
}

TEST(what_is_no_plain_text_is_not_found)
{
	const char *schema = "{\"type\": \"record\", \"name\": \"r\", \"fields\": ["
			     "{\"name\": \"number\", \"type\": \"int\"}, "
			     "{\"name\": \"maybe\", \"type\": [\"null\", \"string\"]}]}";
	struct schema_document *document;

	check_ok(schema_parse(bytes_of_text(schema), &document, &err));
	check_int(text_field_find(document->root, "number"), -1);
	check_int(text_field_find(document->root, "maybe"), -1);
	check_int(text_field_find(document->root, "other"), -1);
	schema_free(&document);
}
