/*
 * rekey: the same records, by another key.
 *
 * An operator works on one key. What is keyed by something else passes through here: each record goes, as it is, to
 * the partition of the output topic that the text of that topic's key field belongs to. The output is an internal
 * topic: beside the records it carries how far event time has come in each of these tasks, so that the reader's
 * watermark is right though its partition has records of all of them.
 *
 * It keeps no state. A record that lies behind the watermark is passed on like any other; what late means is the
 * reader's business.
 */
#include "operators/operators.h"

struct rekey {
	struct field key; /* of the input's records */
	int field_count;
};

enum { INPUT_RECORDS };
enum { OUTPUT_RECORDS };

static const struct port inputs[] = {
	{.name = "records", .required = true, .help = "Records by any key."},
	{.name = NULL},
};

static const struct port outputs[] = {
	{.name = "records",
	 .required = true,
	 .help = "The same records by the key of this topic, which has \"internal: true\" and the same schema."},
	{.name = NULL},
};

static int
rekey_open(void *opaque, struct context *context, struct error *err)
{
	struct rekey *self = opaque;
	const struct schema *from = context_input_schema(context, INPUT_RECORDS);
	const struct schema *to = context_output_schema(context, OUTPUT_RECORDS);
	const char *key = context_output_key(context, OUTPUT_RECORDS);

	if (schema_starts_with(to, from, err) < 0)
		return fail_in(err, "its output must have the schema of its input");
	if (to->field_count != from->field_count)
		return fail(err, FATAL, "its output has %d fields, its input %d; expected the same schema",
			    to->field_count, from->field_count);
	if (!key)
		return fail(err, FATAL, "its output topic has no key; expected \"key: FIELD\"");
	self->field_count = from->field_count;
	return record_field(from, key, SCHEMA_STRING, &self->key, err);
}

static int
rekey_process(const void *opaque, int input, const struct record *record, struct context *context, struct error *err)
{
	const struct rekey *self = opaque;
	struct record *row = context_row(context, OUTPUT_RECORDS);

	if (record_is_null(record, self->key))
		return fail(err, SKIP, "the field that it is to be keyed by is null");
	if (context_body(context, input, record, &row->prefix, err) < 0)
		return -1;
	row->prefix_fields = self->field_count;
	row->time_ms = record->time_ms;
	return context_emit(context, OUTPUT_RECORDS, record_bytes(record, self->key), row, err);
}

const struct operator_type rekey_type = {
	.name = "rekey",
	.help = "Passes records on by another key, to operators that need all there is of it in one task.",
	.manual = "Each record goes, as it is, to the partition that the text of the output topic's key field "
		  "belongs to. The output is an internal topic: beside the records it carries how far event time "
		  "has come in each task of this operator, so that the reader's watermark is right though its "
		  "partition has records of all of them.\n",
	.inputs = inputs,
	.outputs = outputs,
	.self_size = sizeof(struct rekey),
	.open = rekey_open,
	.process = rekey_process,
};
