/* What is out of bounds is refused, by field, value and bound; and the docs of the schemas say the same. */
#include "dataflow/bounds.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/test.h"

static struct error err;

static struct schema_document *
shipped(const char *record)
{
	struct schema_document *document;
	char path[4200];

	snprintf(path, sizeof(path), "%s/schemas/%s.avsc", test_source_root(), record);
	check_ok(schema_parse_file(path, &document, &err));
	return document;
}

static struct schema_document *
parsed(const char *json)
{
	struct schema_document *document;

	check_ok(schema_parse(bytes_of_text(json), &document, &err));
	return document;
}

/* A record of zeros with ids and a weight that are good; the tests spoil one field each. */
struct sample {
	struct schema_document *document;
	struct bounds *bounds;
	struct record record;
};

static union slot *
slot_of(struct sample *sample, const char *name)
{
	const struct schema_field *found = schema_field_find(sample->document->root, name);
	struct field field;

	check_ok(record_field(sample->document->root, name, schema_without_null(found->schema)->type, &field, &err));
	return record_set(&sample->record, field);
}

static void
open_sample(struct sample *sample, struct schema_document *document)
{
	*sample = (struct sample){.document = document, .bounds = bounds_new(document->root)};
	record_init(&sample->record, document->root);
	for (int i = 0; i < document->root->field_count; i++)
		if (document->root->fields[i].schema->type == SCHEMA_STRING)
			slot_of(sample, document->root->fields[i].name)->bytes = bytes_of_text("x");
	if (schema_field_find(document->root, "sampled_pct"))
		slot_of(sample, "sampled_pct")->real = 1;
	check_ok(bounds_check(sample->bounds, &sample->record, &err));
}

static void
close_sample(struct sample *sample)
{
	record_fini(&sample->record);
	bounds_free(&sample->bounds);
	schema_free(&sample->document);
}

static const char *
real_refused(struct sample *sample, const char *field, double value)
{
	union slot *slot = slot_of(sample, field);
	double before = slot->real;
	int result;

	slot->real = value;
	result = bounds_check(sample->bounds, &sample->record, &err);
	slot->real = before;
	check(result == 0 || err.action == SKIP);
	return result == 0 ? "" : err.text;
}

TEST(numbers_out_of_their_bounds_are_refused_and_those_at_them_are_not)
{
	struct sample sample;

	open_sample(&sample, shipped("impression"));
	check_text(real_refused(&sample, "sampled_pct", 0), "sampled_pct is 0; expected above 0, at most 1");
	check_text(real_refused(&sample, "sampled_pct", 50), "sampled_pct is 50; expected above 0, at most 1");
	check_text(real_refused(&sample, "sampled_pct", 1e-9), "");
	check_text(real_refused(&sample, "propensity", 1.01), "propensity is 1.01; expected above 0, at most 1");
	check_text(real_refused(&sample, "propensity", 0), "propensity is 0; expected above 0, at most 1");
	check_text(real_refused(&sample, "propensity", 1e-9), "");
	check_text(real_refused(&sample, "propensity", 1), "");
	check_text(real_refused(&sample, "duration_seconds", -1), "duration_seconds is -1; expected 0 or more, finite");
	slot_of(&sample, "position")->integer = -1;
	check_fails(bounds_check(sample.bounds, &sample.record, &err), "position is -1; expected 0 or more");
	close_sample(&sample);
}

TEST(what_is_no_finite_number_is_refused)
{
	struct sample sample;

	open_sample(&sample, shipped("ranker_score"));
	check_text(real_refused(&sample, "predicted_watch_seconds", (double)NAN),
		   "predicted_watch_seconds is NaN; expected a finite number");
	check_text(real_refused(&sample, "predicted_watch_seconds", (double)INFINITY),
		   "predicted_watch_seconds is Infinity; expected a finite number");
	check_text(real_refused(&sample, "predicted_watch_seconds", -2), "");
	check_text(real_refused(&sample, "predicted_engage_prob", (double)NAN),
		   "predicted_engage_prob is NaN; expected 0 to 1");
	close_sample(&sample);
}

TEST(each_number_of_a_list_is_looked_at)
{
	union slot items[3] = {{.real = 1}, {.real = 2}, {.real = -(double)INFINITY}};
	struct sample sample;

	open_sample(&sample, shipped("item_vector"));
	slot_of(&sample, "vector")->array.items = items;
	slot_of(&sample, "vector")->array.count = 3;
	check_fails(bounds_check(sample.bounds, &sample.record, &err),
		    "vector[2] is -Infinity; expected a finite number");
	slot_of(&sample, "vector")->array.count = 2;
	check_ok(bounds_check(sample.bounds, &sample.record, &err));
	close_sample(&sample);
}

TEST(an_empty_id_is_refused)
{
	struct sample sample;

	open_sample(&sample, shipped("engagement"));
	slot_of(&sample, "user_id_token")->bytes = bytes_of_text("");
	check_fails(bounds_check(sample.bounds, &sample.record, &err),
		    "user_id_token is empty; expected a text that is not empty");
	close_sample(&sample);
}

TEST(a_null_is_within_bounds)
{
	struct sample sample;
	struct field field;

	open_sample(&sample, shipped("impression"));
	slot_of(&sample, "propensity")->real = 7;
	check_ok(record_field(sample.document->root, "propensity", SCHEMA_DOUBLE, &field, &err));
	record_set_null(&sample.record, field);
	check_ok(bounds_check(sample.bounds, &sample.record, &err));
	close_sample(&sample);
}

TEST(a_schema_of_ones_own_is_bound_by_the_fields_that_it_has)
{
	struct schema_document *other = parsed("{\"type\": \"record\", \"name\": \"click\", \"fields\": "
					       "[{\"name\": \"user_id_token\", \"type\": \"string\"}]}");
	struct sample sample;

	check(bounds_new(other->root) == NULL);
	check_ok(bounds_check(NULL, NULL, &err));
	schema_free(&other);
	open_sample(&sample, parsed("{\"type\": \"record\", \"name\": \"impression\", \"fields\": "
				    "[{\"name\": \"position\", \"type\": \"long\"}, "
				    "{\"name\": \"propensity\", \"type\": \"string\"}]}"));
	slot_of(&sample, "position")->integer = -1;
	check_fails(bounds_check(sample.bounds, &sample.record, &err), "position is -1");
	close_sample(&sample);
}

static bool
says(const char *doc, const char *range)
{
	char text[1024];
	size_t i = 0;

	for (; doc && doc[i] && i + 1 < sizeof(text); i++)
		text[i] = (char)tolower((unsigned char)doc[i]);
	text[i] = '\0';
	return strstr(text, range) != NULL;
}

TEST(the_docs_of_the_schemas_say_each_bound)
{
	for (const struct value_bound *bound = bounds_table; bound->record; bound++) {
		struct schema_document *document = shipped(bound->record);
		const struct schema_field *field = schema_field_find(document->root, bound->field);
		bool good = field && says(field->doc, bounds_range_text(bound->range));

		if (!good)
			printf("the doc of %s.%s does not say \"%s\"\n", bound->record, bound->field,
			       bounds_range_text(bound->range));
		check(good);
		schema_free(&document);
	}
}
