#include "operators/caused_at.h"

#include "base/clock.h"

int
caused_at_field(const struct schema *row, struct field *out, struct error *err)
{
	if (record_field_if_any(row, "caused_at", SCHEMA_LONG, out, err) < 0)
		return -1;
	if (out->slot >= 0 && out->branch_slot < 0)
		return fail(err, FATAL, "the field caused_at of %s has to be nullable", row->name);
	return 0;
}

void
caused_at_set(struct record *row, struct field field, int64_t ms)
{
	if (field.slot < 0)
		return;
	if (ms == TIME_MIN)
		record_set_null(row, field);
	else
		record_set_integer(row, field, ms);
}

int64_t
caused_at_get(const struct record *row, struct field field)
{
	return record_is_null(row, field) ? TIME_MIN : record_integer(row, field);
}
