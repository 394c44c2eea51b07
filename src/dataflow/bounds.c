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
	{"impression", "propensity", BOUND_SHARE},
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
	double min, max; /* both within it */
} ranges[BOUND_RANGES] = {
	[BOUND_NOT_EMPTY] = {.text = "not empty"}, [BOUND_FINITE] = {"a finite number", -DBL_MAX, DBL_MAX},
	[BOUND_COUNT] = {"0 or more", 0, DBL_MAX}, [BOUND_AMOUNT] = {"0 or more, finite", 0, DBL_MAX},
	[BOUND_PROBABILITY] = {"0 to 1", 0, 1},	   [BOUND_SHARE] = {"above 0, at most 1", DBL_TRUE_MIN, 1},
};

enum shape { TEXT, INTEGER, REAL, REALS, SHAPES };

struct bounded {
	struct field field;
	enum shape shape;
	double min, max; /* both within the bound */
	const struct value_bound *bound;
};

/* Those of a shape stand together, in the order of the shapes. */
struct bounds {
	int ends[SHAPES]; /* of each shape: behind its last one */
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
	out->min = ranges[bound->range].min;
	out->max = ranges[bound->range].max;
	return record_field(record, bound->field, value->type, &out->field, &none) == 0;
}

struct bounds *
bounds_new(const struct schema *record)
{
	const char *name = schema_short_name(record);
	size_t most = sizeof(bounds_table) / sizeof(bounds_table[0]);
	struct bounds *bounds = memory_new(sizeof(*bounds) + most * sizeof(bounds->fields[0]));
	int count = 0;

	for (int shape = 0; shape < SHAPES; shape++) {
		for (const struct value_bound *bound = bounds_table; bound->record; bound++)
			if (strcmp(bound->record, name) == 0 && resolve(record, bound, &bounds->fields[count]) &&
			    (int)bounds->fields[count].shape == shape)
				count++;
		bounds->ends[shape] = count;
	}
	if (count == 0)
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
static inline bool
is_in(const struct bounded *bounded, double value)
{
	return value >= bounded->min && value <= bounded->max;
}

/* The first item of a list that is out of bounds, or its count. */
static size_t
first_out(const struct bounded *bounded, const union slot *list)
{
	size_t i = 0;

	while (i < list->array.count && is_in(bounded, list->array.items[i].real))
		i++;
	return i;
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
		item = first_out(bounded, slot);
		return fail(err, SKIP, "%s[%zu] is %s; expected %s", bound->field, item,
			    number(text, slot->array.items[item].real), expected);
	case SHAPES:
		break;
	}
	return -1;
}

/* The first field that is out of its bounds, or NULL. */
static const struct bounded *
find_out(const struct bounds *bounds, const struct record *record)
{
	const struct bounded *at = bounds->fields;
	const union slot *slots = record->slots;

	for (; at < bounds->fields + bounds->ends[TEXT]; at++)
		if (slots[at->field.slot].bytes.size == 0 && !record_is_null(record, at->field))
			return at;
	for (; at < bounds->fields + bounds->ends[INTEGER]; at++)
		if (!is_in(at, (double)slots[at->field.slot].integer) && !record_is_null(record, at->field))
			return at;
	for (; at < bounds->fields + bounds->ends[REAL]; at++)
		if (!is_in(at, slots[at->field.slot].real) && !record_is_null(record, at->field))
			return at;
	for (; at < bounds->fields + bounds->ends[REALS]; at++) {
		const union slot *list = &slots[at->field.slot];

		if (!record_is_null(record, at->field) && first_out(at, list) < list->array.count)
			return at;
	}
	return NULL;
}

int
bounds_check(const struct bounds *bounds, const struct record *record, struct error *err)
{
	const struct bounded *out = bounds ? find_out(bounds, record) : NULL;

	return out ? refuse(out, record, err) : 0;
}
