#include "operators/pass_on.h"

int
pass_on_check(const struct context *context, int input, int output, const char *input_name, const char *output_name,
	      struct error *err)
{
	const struct schema *from = context_input_schema(context, input);
	const struct schema *to = context_output_schema(context, output);

	if (!to)
		return 0;
	if (schema_starts_with(to, from, err) < 0)
		return fail_in(err, "the schema of output %s must be that of input %s", output_name, input_name);
	if (to->field_count != from->field_count)
		return fail(err, FATAL, "the schema of output %s must be that of input %s, without more fields",
			    output_name, input_name);
	return 0;
}

int
pass_on(struct context *context, int output, struct bytes key, struct bytes body, int64_t time_ms, struct error *err)
{
	struct record *row = context_connected(context, output) ? context_row(context, output) : NULL;

	if (!row || body.size == 0)
		return 0;
	row->prefix = body;
	row->prefix_fields = row->schema->field_count;
	row->time_ms = time_ms;
	return context_emit(context, output, key, row, err);
}
