#include "dataflow/bounds.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

const struct value_bound bounds_table[] = {
	{"impression", "impression_id", BOUND_NOT_EMPTY},
	{"impression", "user_id_token", BOUND_NOT_EMPTY},
	{"impression", "item_id", BOUND_NOT_EMPTY},
	{"impression", "position", BOUND_COUNT},
	{"impression", "duration_seconds", BOUND_AMOUNT},
	{"impression", "propensity", BOUND_PROBABILITY},
	{"impression", "sampled_pct", BOUND_SHARE},
	{"engagement", "engagement_id", BOUND_NOT_EMPTY},
	{"engagement", "impression_id", BOUND_NOT_EMPTY},
	{"engagement", "user_id_token", BOUND_NOT_EMPTY},
	{"engagement", "item_id", BOUND_NOT_EMPTY},
	{"engagement", "watched_seconds", BOUND_AMOUNT},
	{"engagement", "duration_seconds", BOUND_AMOUNT},
	{"ranker_score", "impression_id", BOUND_NOT_EMPTY},
	{"ranker_score", "predicted_watch_seconds", BOUND_FINITE},
	{"ranker_score", "predicted_engage_prob", BOUND_PROBABILITY},
	{"delivery", "impression_id", BOUND_NOT_EMPTY},
	{"delivery", "request_id", BOUND_NOT_EMPTY},
	{"delivery", "user_id_token", BOUND_NOT_EMPTY},
	{"delivery", "item_id", BOUND_NOT_EMPTY},
	{"delivery", "position", BOUND_COUNT},
	{"item_vector", "item_id", BOUND_NOT_EMPTY},
	{"item_vector", "vector", BOUND_FINITE},
	{"user_history", "user_id_token", BOUND_NOT_EMPTY},
	{"user_history", "revision", BOUND_COUNT},
	{"user_embedding", "user_id_token", BOUND_NOT_EMPTY},
	{"user_embedding", "vector", BOUND_FINITE},
	{"user_embedding", "weight", BOUND_AMOUNT},
	{"user_embedding", "n_actions", BOUND_COUNT},
	{"user_embedding", "revision", BOUND_COUNT},
	{.record = NULL},
};

static const struct {
	const char *text;
	double min, max;
	bool above; /* the minimum itself is out of bounds */
} ranges[BOUND_RANGES] = {
	[BOUND_NOT_EMPTY] = {.text = "not empty"},
	[BOUND_FINITE] = {"a finite number", -DBL_MAX, DBL_MAX, false},
	[BOUND_COUNT] = {"0 or more", 0, DBL_MAX, false},
	[BOUND_AMOUNT] = {"0 or more, finite", 0, DBL_MAX, false},
	[BOUND_PROBABILITY] = {"0 to 1", 0, 1, false},
	[BOUND_SHARE] = {"above 0, at most 1", 0, 1, true},
};

enum shape { TEXT, INTEGER, REAL, REALS };

struct bounded {
	struct field field;
	enum shape shape;
	const struct value_bound *bound;
};

struct bounds {
	int count;
	struct bounded fields[];
};

const char *
bounds_range_text(enum bound_range range)
{
	return ranges[range].text;
}

/* ---- resolving ---- */

/* false: the field is of a type that the bound says nothing about. */
static bool
shape_of(const struct schema *schema, enum bound_range range, enum shape *out)
{
	bool list = schema->type == SCHEMA_ARRAY;
	enum schema_type type = list ? schema->items->type : schema->type;
	bool real = type == SCHEMA_FLOAT || type == SCHEMA_DOUBLE;

	*out = list ? REALS : real ? REAL : type == SCHEMA_STRING ? TEXT : INTEGER;
	if (range == BOUND_NOT_EMPTY)
		return *out == TEXT;
	return real || (!list && (type == SCHEMA_INT || type == SCHEMA_LONG));
}

static bool
resolve(const struct schema *record, const struct value_bound *bound, struct bounded *out)
{
	const struct schema_field *found = schema_field_find(record, bound->field);
	const struct schema *value = found ? schema_without_null(found->schema) : NULL;
	struct error none;

	if (!value || !shape_of(value, bound->range, &out->shape))
		return false;
	out->bound = bound;
	return record_field(record, bound->field, value->type, &out->field, &none) == 0;
}

struct bounds *
bounds_new(const struct schema *record)
{
	const char *name = schema_short_name(record);
	size_t most = sizeof(bounds_table) / sizeof(bounds_table[0]);
	struct bounds *bounds = memory_new(sizeof(*bounds) + most * sizeof(bounds->fields[0]));

	for (const struct value_bound *bound = bounds_table; bound->record; bound++)
		if (strcmp(bound->record, name) == 0 && resolve(record, bound, &bounds->fields[bounds->count]))
			bounds->count++;
	if (bounds->count == 0)
		memory_free(&bounds);
	return bounds;
}

void
bounds_free(struct bounds **bounds)
{
	memory_free(bounds);
}

/* ---- checking ---- */

/* NaN is in no range. */
static bool
is_in(enum bound_range range, double value)
{
	return value >= ranges[range].min && value <= ranges[range].max &&
	       !(ranges[range].above && value == ranges[range].min);
}

/* The first item of a list that is out of bounds, or its count. */
static size_t
first_out(enum bound_range range, const union slot *list)
{
	size_t i = 0;

	while (i < list->array.count && is_in(range, list->array.items[i].real))
		i++;
	return i;
}

static bool
holds(const struct bounded *bounded, const struct record *record)
{
	const union slot *slot = &record->slots[bounded->field.slot];
	enum bound_range range = bounded->bound->range;

	if (record_is_null(record, bounded->field))
		return true;
	switch (bounded->shape) {
	case TEXT:
		return slot->bytes.size != 0;
	case INTEGER:
		return is_in(range, (double)slot->integer);
	case REAL:
		return is_in(range, slot->real);
	case REALS:
		return first_out(range, slot) == slot->array.count;
	}
	return true;
}

/* As consume prints it. */
static const char *
number(char to[32], double value)
{
	if (isnan(value))
		return "NaN";
	if (isinf(value))
		return value > 0 ? "Infinity" : "-Infinity";
	snprintf(to, 32, "%.15g", value);
	return to;
}

static int
refuse(const struct bounded *bounded, const struct record *record, struct error *err)
{
	const union slot *slot = &record->slots[bounded->field.slot];
	const struct value_bound *bound = bounded->bound;
	const char *expected = ranges[bound->range].text;
	char text[32];
	size_t item;

	switch (bounded->shape) {
	case TEXT:
		return fail(err, SKIP, "%s is empty; expected a text that is %s", bound->field, expected);
	case INTEGER:
		return fail(err, SKIP, "%s is %lld; expected %s", bound->field, (long long)slot->integer, expected);
	case REAL:
		return fail(err, SKIP, "%s is %s; expected %s", bound->field, number(text, slot->real), expected);
	case REALS:
		item = first_out(bound->range, slot);
		return fail(err, SKIP, "%s[%zu] is %s; expected %s", bound->field, item,
			    number(text, slot->array.items[item].real), expected);
	}
	return -1;
}

int
bounds_check(const struct bounds *bounds, const struct record *record, struct error *err)
{
	for (int i = 0; bounds && i < bounds->count; i++)
		if (!holds(&bounds->fields[i], record))
			return refuse(&bounds->fields[i], record, err);
	return 0;
}
