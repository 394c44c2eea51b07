/* Views: checked and copied once, so that a row costs no look-up by name; and their rows as keys and as JSON. */
#include <math.h>

#include "base/memory.h"
#include "record/json.h"
#include "sinks/feature_backend.h"

/* ---- making one ---- */

static struct feature_column *
copy_columns(const struct feature_column *columns, int *count)
{
	struct feature_column *copy;

	*count = 0;
	while (columns[*count].name)
		++*count;
	copy = memory_new_array((size_t)*count + 1, sizeof(*copy));
	for (int i = 0; i < *count; i++) {
		copy[i] = columns[i];
		copy[i].name = memory_text(columns[i].name);
	}
	return copy;
}

static void
free_columns(const struct feature_column *columns)
{
	struct feature_column *own = (struct feature_column *)(uintptr_t)columns;

	for (int i = 0; own && own[i].name; i++)
		memory_free(&own[i].name);
	memory_free(&own);
}

static int
check_keys(const struct feature_view *view, struct error *err)
{
	const struct feature_column *keys = view->spec.keys;

	if (view->key_count < 1 || view->key_count > FEATURE_KEYS_MAX)
		return fail(err, FATAL, "view %s has %d join keys; 1 to %d", view->spec.name, view->key_count,
			    FEATURE_KEYS_MAX);
	for (int i = 0; i < view->key_count; i++) {
		if (keys[i].list || keys[i].type == FEATURE_DOUBLE || keys[i].type == FEATURE_FLOAT ||
		    keys[i].type == FEATURE_BOOL)
			return fail(err, FATAL, "join key %s of view %s has to be a text, an integer or a time",
				    keys[i].name, view->spec.name);
		for (int j = 0; j < i; j++)
			if (strcmp(keys[i].name, keys[j].name) == 0)
				return fail(err, FATAL, "view %s has the join key %s twice", view->spec.name,
					    keys[i].name);
	}
	return 0;
}

static int
check_features(const struct feature_view *view, struct error *err)
{
	const struct feature_column *features = view->spec.features;

	if (view->feature_count < 1 || view->feature_count > FEATURE_COLUMNS_MAX)
		return fail(err, FATAL, "view %s has %d features; 1 to %d", view->spec.name, view->feature_count,
			    FEATURE_COLUMNS_MAX);
	if (!view->spec.vector)
		return 0;
	if (view->vector < 0 || features[view->vector].type != FEATURE_FLOAT || !features[view->vector].list)
		return fail(err, FATAL, "%s has to be a feature of view %s, a list of float, to be written as a vector",
			    view->spec.vector, view->spec.name);
	if (!view->spec.vector_prefix || !*view->spec.vector_prefix)
		return fail(err, FATAL, "the vectors of view %s need a prefix for their keys", view->spec.name);
	return 0;
}

/* Two features of one hash: a reader of one of them would be given the other. */
static int
check_fields(const struct feature_view *a, const struct feature_view *b, struct error *err)
{
	for (int i = 0; i < a->feature_count; i++)
		for (int j = 0; j < (a == b ? i : b->feature_count); j++)
			if (memcmp(a->fields[i], b->fields[j], FEAST_FIELD_SIZE) == 0)
				return fail(
					err, FATAL,
					"the features %s:%s and %s:%s have the same hash, which is what Feast tells "
					"them apart by: rename one",
					a->spec.name, a->spec.features[i].name, b->spec.name, b->spec.features[j].name);
	return 0;
}

static void
prepare(struct feature_view *view)
{
	for (int i = 0; i < view->key_count && i < FEATURE_KEYS_MAX; i++) {
		int at = i;

		for (; at > 0 && strcmp(view->spec.keys[view->order[at - 1]].name, view->spec.keys[i].name) > 0; at--)
			view->order[at] = view->order[at - 1];
		view->order[at] = i;
	}
	view->vector = -1;
	for (int i = 0; i < view->feature_count && i < FEATURE_COLUMNS_MAX; i++) {
		feast_field(view->spec.name, view->spec.features[i].name, view->fields[i]);
		if (view->spec.vector && strcmp(view->spec.vector, view->spec.features[i].name) == 0)
			view->vector = i;
	}
	view->time_field = memory_format("_ts:%s", view->spec.name);
	view->revision_field = memory_format("_rev:%s", view->spec.name);
	view->tombstones = memory_format("_del:%s:", view->spec.name); /* ends as Feast's keys do, with the project */
}

int
feature_view_new(const struct feature_view_spec *spec, struct feature_view **out, struct error *err)
{
	struct feature_view *view = memory_new(sizeof(*view));

	view->spec = (struct feature_view_spec){
		.project = memory_text(spec->project),
		.name = memory_text(spec->name),
		.keys = copy_columns(spec->keys, &view->key_count),
		.features = copy_columns(spec->features, &view->feature_count),
		.vector = spec->vector ? memory_text(spec->vector) : NULL,
		.vector_prefix = spec->vector_prefix ? memory_text(spec->vector_prefix) : NULL,
		.ttl_ms = spec->ttl_ms,
		.origin = memory_text(spec->origin ? spec->origin : ""),
	};
	prepare(view);
	if (check_keys(view, err) < 0 || check_features(view, err) < 0 || check_fields(view, view, err) < 0) {
		feature_view_free(&view);
		return -1;
	}
	*out = view;
	return 0;
}

void
feature_view_free(struct feature_view **pointer)
{
	struct feature_view *view = *pointer;

	if (!view)
		return;
	free_columns(view->spec.keys);
	free_columns(view->spec.features);
	memory_free(&view->spec.project);
	memory_free(&view->spec.name);
	memory_free(&view->spec.vector);
	memory_free(&view->spec.vector_prefix);
	memory_free(&view->spec.origin);
	memory_free(&view->time_field);
	memory_free(&view->revision_field);
	memory_free(&view->tombstones);
	memory_free(pointer);
}

const struct feature_view_spec *
feature_view_spec(const struct feature_view *view)
{
	return &view->spec;
}

static bool
share_entities(const struct feature_view *a, const struct feature_view *b)
{
	if (a->key_count != b->key_count || strcmp(a->spec.project, b->spec.project) != 0)
		return false;
	for (int i = 0; i < a->key_count; i++)
		if (strcmp(a->spec.keys[a->order[i]].name, b->spec.keys[b->order[i]].name) != 0)
			return false;
	return true;
}

int
feature_views_check(const struct feature_view *const *views, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (share_entities(views[i], views[j]) && check_fields(views[i], views[j], err) < 0)
				return -1;
	return 0;
}

/* ---- rows ---- */

int
feature_view_check_keys(const struct feature_view *view, const struct feature_value *keys, struct error *err)
{
	for (int i = 0; i < view->key_count; i++) {
		if (keys[i].null)
			return fail(err, SKIP, "join key %s of view %s is null", view->spec.keys[i].name,
				    view->spec.name);
		if (view->spec.keys[i].type == FEATURE_INT32 &&
		    (keys[i].integer < INT32_MIN || keys[i].integer > INT32_MAX))
			return fail(err, SKIP, "join key %s of view %s is %lld, too large for an int32",
				    view->spec.keys[i].name, view->spec.name, (long long)keys[i].integer);
	}
	return 0;
}

int
feature_view_check_row(const struct feature_view *view, const struct feature_row *row, struct error *err)
{
	if (feature_view_check_keys(view, row->keys, err) < 0)
		return -1;
	if (row->time_ms < -FEATURE_NUMBER_MAX || row->time_ms > FEATURE_NUMBER_MAX)
		return fail(err, SKIP, "the time %lld of a row of view %s is no sane time", (long long)row->time_ms,
			    view->spec.name);
	if (row->revision < 0 || row->revision > FEATURE_NUMBER_MAX)
		return fail(err, SKIP, "the revision %lld of a row of view %s is out of bounds",
			    (long long)row->revision, view->spec.name);
	return 0;
}

void
feature_view_key(const struct feature_view *view, const struct feature_value *keys, struct buffer *out)
{
	feast_key(view->spec.keys, keys, view->order, view->key_count, view->spec.project, out);
}

void
feature_view_vector_key(const struct feature_view *view, const struct feature_value *keys, struct buffer *out)
{
	buffer_put_bytes(out, bytes_of_text(view->spec.vector_prefix));
	for (int i = 0; i < view->key_count; i++) {
		if (i > 0)
			buffer_put_u8(out, ':');
		if (view->spec.keys[i].type == FEATURE_STRING || view->spec.keys[i].type == FEATURE_BYTES)
			buffer_put_bytes(out, keys[i].bytes);
		else
			buffer_print(out, "%lld", (long long)keys[i].integer);
	}
}

/* ---- JSON ---- */

static void
put_text(struct buffer *out, struct bytes text)
{
	buffer_put_u8(out, '"');
	for (size_t i = 0; i < text.size; i++) {
		uint8_t byte = text.data[i];

		if (byte == '"' || byte == '\\')
			buffer_print(out, "\\%c", byte);
		else if (byte < 0x20)
			buffer_print(out, "\\u%04x", byte);
		else
			buffer_put_u8(out, byte);
	}
	buffer_put_u8(out, '"');
}

static void
put_bytes(struct buffer *out, struct bytes bytes)
{
	buffer_put_u8(out, '"');
	json_base64_write(bytes, out);
	buffer_put_u8(out, '"');
}

static void
put_real(struct buffer *out, double value, int digits)
{
	if (isfinite(value))
		buffer_print(out, "%.*g", digits, value);
	else
		buffer_print(out, "null");
}

static void
put_scalar(enum feature_type type, const struct feature_value *value, struct buffer *out)
{
	switch (type) {
	case FEATURE_BYTES:
		put_bytes(out, value->bytes);
		break;
	case FEATURE_STRING:
		put_text(out, value->bytes);
		break;
	case FEATURE_DOUBLE:
		put_real(out, value->real, 17);
		break;
	case FEATURE_FLOAT:
		put_real(out, (double)(float)value->real, 9);
		break;
	case FEATURE_BOOL:
		buffer_print(out, "%s", value->integer ? "true" : "false");
		break;
	case FEATURE_INT32:
	case FEATURE_INT64:
	case FEATURE_UNIX_TIME:
		buffer_print(out, "%lld", (long long)value->integer);
		break;
	}
}

/* An item of a list, as a value by itself. */
static struct feature_value
item_of(enum feature_type type, const struct feature_value *list, size_t i)
{
	switch (type) {
	case FEATURE_BYTES:
	case FEATURE_STRING:
		return (struct feature_value){.bytes = ((const struct bytes *)list->items)[i]};
	case FEATURE_DOUBLE:
		return (struct feature_value){.real = ((const double *)list->items)[i]};
	case FEATURE_FLOAT:
		return (struct feature_value){.real = (double)((const float *)list->items)[i]};
	default:
		return (struct feature_value){.integer = ((const int64_t *)list->items)[i]};
	}
}

static void
put_value(const struct feature_column *column, const struct feature_value *value, struct buffer *out)
{
	if (value->null) {
		buffer_print(out, "null");
		return;
	}
	if (!column->list) {
		put_scalar(column->type, value, out);
		return;
	}
	buffer_put_u8(out, '[');
	for (size_t i = 0; i < value->count; i++) {
		struct feature_value item = item_of(column->type, value, i);

		buffer_print(out, "%s", i ? ", " : "");
		put_scalar(column->type, &item, out);
	}
	buffer_put_u8(out, ']');
}

void
feature_view_json(const struct feature_view *view, const struct feature_value *features, struct buffer *out)
{
	buffer_put_u8(out, '{');
	for (int i = 0; i < view->feature_count; i++) {
		buffer_print(out, "%s", i ? ", " : "");
		put_text(out, bytes_of_text(view->spec.features[i].name));
		buffer_print(out, ": ");
		put_value(&view->spec.features[i], &features[i], out);
	}
	buffer_put_u8(out, '}');
}
