#include "dataflow/task_forms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The records of one input, as a form has them. */
struct form_body {
	bool there;
	struct schema_document *writer; /* NULL: it is today's */
	struct decoder *decoder;	/* to today's schema */
};

struct form {
	int layouts[TOPOLOGY_STORES_MAX];
	struct form_body bodies[TOPOLOGY_PORTS_MAX];
};

struct task_forms {
	const struct topology *topology;
	const struct topology_operator *operator;
	int task;
	struct state *state;
	struct form **forms; /* by number; NULL: not met yet */
	int form_count;
	char *meanings[TOPOLOGY_PORTS_MAX]; /* of today's schemas; NULL: no bodies, or not connected */
	struct encoder *encoders[TOPOLOGY_PORTS_MAX];
	struct record records[TOPOLOGY_PORTS_MAX];
	struct arena arena;
	struct buffer value, body;
};

struct stored {
	struct task_forms *forms;
	const struct form *form;
	int number, store;
};

/* ---- today's form ---- */

static const struct schema *
schema_today(const struct task_forms *forms, int input)
{
	int topic = forms->operator->inputs[input];

	return topic < 0 ? NULL : forms->topology->topics[topic].schema->root;
}

static unsigned
inputs_with_bodies(const struct operator_type *type)
{
	unsigned inputs = 0;

	for (const struct store_spec *store = type->stores; store && store->name; store++)
		inputs |= store->bodies;
	return inputs;
}

static void
describe(struct task_forms *forms, struct buffer *out)
{
	const struct operator_type *type = forms->operator->type;

	for (const struct store_spec *store = type->stores; store && store->name; store++)
		buffer_print(out, "store %s %d\n", store->name, store->layout);
	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		if (forms->meanings[i])
			buffer_print(out, "body %s %s\n", type->inputs[i].name, forms->meanings[i]);
}

static void
open_bodies(struct task_forms *forms)
{
	unsigned inputs = inputs_with_bodies(forms->operator->type);

	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++) {
		const struct schema *schema = inputs >> i & 1 ? schema_today(forms, i) : NULL;

		if (!schema)
			continue;
		forms->meanings[i] = schema_meaning(schema);
		forms->encoders[i] = encoder_new(schema);
		record_init(&forms->records[i], schema);
	}
}

/* ---- forms of before ---- */

static int
find_store(const struct operator_type *type, const char *name)
{
	for (int i = 0; type->stores && type->stores[i].name; i++)
		if (strcmp(type->stores[i].name, name) == 0)
			return i;
	return -1;
}

static int
find_input(const struct operator_type *type, const char *name)
{
	for (int i = 0; type->inputs && type->inputs[i].name; i++)
		if (strcmp(type->inputs[i].name, name) == 0)
			return i;
	return -1;
}

/* "store NAME LAYOUT": of one that the operator has no more there are no entries to look at. */
static int
read_store(const struct task_forms *forms, struct form *form, const char *name, const char *layout, struct error *err)
{
	int store = find_store(forms->operator->type, name);

	if (store < 0)
		return 0;
	form->layouts[store] = atoi(layout);
	if (form->layouts[store] > forms->operator->type->stores[store].layout)
		return fail(err, FATAL,
			    "its store %s has entries of layout %d, this version reads %d; run the version that wrote "
			    "them",
			    name, form->layouts[store], forms->operator->type->stores[store].layout);
	return 0;
}

static int
read_body(struct task_forms *forms, struct form *form, const char *name, const char *meaning, struct error *err)
{
	int input = find_input(forms->operator->type, name);
	const struct schema *today = input < 0 ? NULL : schema_today(forms, input);
	struct form_body *body;

	if (!today || !forms->meanings[input])
		return 0;
	body = &form->bodies[input];
	body->there = true;
	if (strcmp(meaning, forms->meanings[input]) == 0)
		return 0;
	if (schema_parse(bytes_of_text(meaning), &body->writer, err) == 0 &&
	    decoder_new(body->writer->root, today, &body->decoder, err) == 0)
		return 0;
	err->action = FATAL;
	return fail_in(err,
		       "its state has records of input %s in the schema they were written with, which today's does not "
		       "resolve (give the schema of topic %s a default or an alias by which it does, or the operator "
		       "another name to begin with empty state)",
		       name, forms->topology->topics[forms->operator->inputs[input]].name);
}

static int
read_line(struct task_forms *forms, struct form *form, char *line, struct error *err)
{
	char *name = strchr(line, ' '), *rest = name ? strchr(name + 1, ' ') : NULL;

	if (!rest)
		return fail(err, FATAL, "its state says in which form it is written, and that is damaged");
	*name++ = *rest++ = '\0';
	if (strcmp(line, "store") == 0)
		return read_store(forms, form, name, rest, err);
	return strcmp(line, "body") == 0 ? read_body(forms, form, name, rest, err) : 0;
}

static int
read_form(struct task_forms *forms, struct form *form, struct bytes description, struct error *err)
{
	char *text = memory_new(description.size + 1), *save = NULL;
	int result = 0;

	memcpy(text, description.data, description.size);
	for (char *line = strtok_r(text, "\n", &save); line && result == 0; line = strtok_r(NULL, "\n", &save))
		result = read_line(forms, form, line, err);
	memory_free(&text);
	return result;
}

/* What 0.1.0 wrote: layout 0, and schemas of which nothing is known. Records are read with today's to be sure. */
static int
assume_today(struct task_forms *forms, struct form *form, struct error *err)
{
	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++) {
		if (!forms->meanings[i])
			continue;
		form->bodies[i].there = true;
		if (decoder_new(schema_today(forms, i), schema_today(forms, i), &form->bodies[i].decoder, err) < 0)
			return -1;
	}
	return 0;
}

static int
fill_form(struct task_forms *forms, struct form *form, int number, struct error *err)
{
	struct bytes description;
	bool found;

	if (number == 0)
		return assume_today(forms, form, err);
	if (state_form_description(forms->state, number, &description, &found, err) < 0)
		return -1;
	if (!found)
		return fail(err, FATAL, "its state has entries of form %d and does not say what that is: it is damaged",
			    number);
	return read_form(forms, form, description, err);
}

static void
form_free(struct form **form)
{
	for (int i = 0; *form && i < TOPOLOGY_PORTS_MAX; i++) {
		if ((*form)->bodies[i].decoder)
			decoder_free(&(*form)->bodies[i].decoder);
		if ((*form)->bodies[i].writer)
			schema_free(&(*form)->bodies[i].writer);
	}
	memory_free(form);
}

static int
get_form(struct task_forms *forms, int number, const struct form **out, struct error *err)
{
	struct form *form;

	if (number >= forms->form_count) {
		forms->forms = memory_resize_array(forms->forms, (size_t)number + 1, sizeof(struct form *));
		while (forms->form_count <= number)
			forms->forms[forms->form_count++] = NULL;
	}
	if (!forms->forms[number]) {
		form = memory_new(sizeof(*form));
		if (fill_form(forms, form, number, err) < 0) {
			form_free(&form);
			return -1;
		}
		forms->forms[number] = form;
	}
	*out = forms->forms[number];
	return 0;
}

/* ---- values ---- */

int
stored_layout(const struct stored *stored)
{
	return stored->form->layouts[stored->store];
}

int
stored_body(struct stored *stored, int input, struct bytes body, struct bytes *out, struct error *err)
{
	struct task_forms *forms = stored->forms;
	const struct form_body *from = &stored->form->bodies[input];

	*out = from->there ? body : (struct bytes){0};
	if (!from->decoder || body.size == 0)
		return 0;
	arena_reset(&forms->arena);
	if (decoder_run(from->decoder, body, &forms->records[input], &forms->arena, err) < 0)
		return fail_in(err, "a record of input %s", forms->operator->type->inputs[input].name);
	if (!from->writer)
		return 0;
	buffer_clear(&forms->body);
	if (encoder_run(forms->encoders[input], &forms->records[input], &forms->body, err) < 0)
		return fail_in(err, "a record of input %s", forms->operator->type->inputs[input].name);
	*out = buffer_bytes(&forms->body);
	return 0;
}

static int
rewrite_failed(const struct task_forms *forms, const struct stored *stored, struct bytes key, struct error *err)
{
	err->action = FATAL;
	return fail_in(err,
		       "store %s of operator %s task %d has an entry \"%.*s\" that was written with %s and cannot be "
		       "read with today's (put back what it was written with)",
		       forms->operator->type->stores[stored->store].name, forms->operator->name, forms->task,
		       bytes_arguments(key), stored->number == 0 ? "version 0.1.0" : "another schema");
}

static int
rewrite(void *argument, int number, int store, struct bytes key, struct bytes value, struct bytes *out,
	struct error *err)
{
	struct task_forms *forms = argument;
	const struct store_spec *spec = &forms->operator->type->stores[store];
	struct stored stored = {.forms = forms, .number = number, .store = store};

	*out = value;
	if (!spec->rewrite)
		return 0;
	buffer_clear(&forms->value);
	if (get_form(forms, number, &stored.form, err) < 0 || spec->rewrite(value, &stored, &forms->value, err) < 0)
		return rewrite_failed(forms, &stored, key, err);
	*out = buffer_bytes(&forms->value);
	if (out->size > STORE_VALUE_SIZE_MAX) {
		fail(err, FATAL, "it would take %zu bytes; at most %d", out->size, STORE_VALUE_SIZE_MAX);
		return rewrite_failed(forms, &stored, key, err);
	}
	return 0;
}

/* ---- open and close ---- */

/* What was written last is looked at now, and what is older when it is met: there may be nothing left of it. */
static int
check_before(struct task_forms *forms, struct error *err)
{
	int before = state_form_before(forms->state);
	const struct form *form;

	if (before == 0 || state_is_empty(forms->state))
		return 0;
	return get_form(forms, before, &form, err);
}

int
task_forms_open(const struct topology *topology, const struct topology_operator *operator, int task,
		struct state *state, struct task_forms **out, struct error *err)
{
	struct task_forms *forms = memory_new(sizeof(*forms));
	struct buffer description = {0};
	int result;

	forms->topology = topology;
	forms->operator = operator;
	forms->task = task;
	forms->state = state;
	open_bodies(forms);
	describe(forms, &description);
	result = check_before(forms, err);
	if (result == 0)
		result = state_set_form(state, buffer_bytes(&description), rewrite, forms, err);
	buffer_fini(&description);
	*out = forms;
	if (result < 0)
		task_forms_close(out);
	return result;
}

void
task_forms_close(struct task_forms **pointer)
{
	struct task_forms *forms = *pointer;

	if (!forms)
		return;
	for (int i = 0; i < forms->form_count; i++)
		form_free(&forms->forms[i]);
	memory_free(&forms->forms);
	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++) {
		if (!forms->meanings[i])
			continue;
		memory_free(&forms->meanings[i]);
		encoder_free(&forms->encoders[i]);
		record_fini(&forms->records[i]);
	}
	arena_fini(&forms->arena);
	buffer_fini(&forms->value);
	buffer_fini(&forms->body);
	memory_free(pointer);
}
