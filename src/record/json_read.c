#include "record/json.h"
#include "record/value.h"

int
json_read(struct bytes text, struct record *record, struct arena *arena, struct error *err)
{
	struct value_reader reader = {.rules = VALUE_PLAIN, .arena = arena};
	json_error_t where;
	json_t *json = json_loadb((const char *)text.data, text.size,
				  JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
	int result;

	if (!json)
		return fail(err, SKIP, "not JSON at character %d: %s", where.position, where.text);
	result = value_read_fields(&reader, record->schema, json, record->slots);
	if (result < 0)
		fault_raise(&reader.fault, SKIP, record->schema, err);
	json_decref(json);
	record->body = bytes_of(NULL, 0);
	return result;
}
