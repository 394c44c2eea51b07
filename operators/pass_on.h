/*
 * Outputs that records of an input are passed on to as they came: what is late, finds nothing, or is too much. The rows
 * are the records' bytes, so the output has the schema of the input.
 */
#ifndef OPERATORS_PASS_ON_H
#define OPERATORS_PASS_ON_H

#include "dataflow/operator.h"

/* While opening: FATAL where the schemas differ. An output that is not connected is right. */
int pass_on_check(const struct context *context, int input, int output, const char *input_name, const char *output_name,
		  struct error *err);
/* `body`: as context_body gives it; empty: it came when nobody read them. Nothing where the output is not connected. */
int pass_on(struct context *context, int output, struct bytes key, struct bytes body, int64_t time_ms,
	    struct error *err);

#endif
