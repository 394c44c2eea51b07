#include "tests/record/support.h"

static const char schema[] = RECORD(FIELD("a", "\"int\"") "," FIELD("b", "[\"null\",\"string\"]") "," FIELD(
	"c", "[\"long\",\"null\"]") "," FIELD("d", "\"float\""));

TEST(a_field_is_resolved_to_its_slots)
{
	struct schema_document *document = parse(schema);
	struct record record;
	struct field a, b, c, d;
	struct error err;

	check_ok(record_field(document->root, "a", SCHEMA_LONG, &a, &err));
	check_ok(record_field(document->root, "b", SCHEMA_STRING, &b, &err));
	check_ok(record_field(document->root, "c", SCHEMA_LONG, &c, &err));
	check_ok(record_field(document->root, "d", SCHEMA_DOUBLE, &d, &err));
	record_init(&record, document->root);
	check(record_is_null(&record, b));
	check(!record_is_null(&record, a));
	record_set_integer(&record, a, 7);
	record_set_bytes(&record, b, bytes_of_text("x"));
	record_set_null(&record, c);
	record_set_real(&record, d, 0.5);
	check_int(record_integer(&record, a), 7);
	check(!record_is_null(&record, b));
	check_bytes(record_bytes(&record, b), bytes_of_text("x"));
	check(record_is_null(&record, c));
	check_int(record.slots[c.branch_slot].integer, 1);
	check_real(record_real(&record, d), 0.5);
	record_fini(&record);
	schema_free(&document);
}

TEST(a_missing_or_wrong_field_is_named)
{
	struct schema_document *document = parse(schema);
	struct field field;
	struct error err;

	check_fails(record_field(document->root, "x", SCHEMA_INT, &field, &err),
		    "record r has no field x; expected one of type int");
	check_fails(record_field(document->root, "b", SCHEMA_LONG, &field, &err),
		    "field r.b is a union of null and string; expected long");
	check_fails(record_field(document->root, "c", SCHEMA_INT, &field, &err), "expected int");
	schema_free(&document);
}
