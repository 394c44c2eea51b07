/*
 * Encoding: from slots to Avro bytes of the same schema, by a plan that is compiled once.
 *
 * encoder_run appends to `out`. Where record->prefix_fields is set, record->prefix is copied for those leading fields
 * and the plan goes on behind them. Checked: enum indexes, branches, int range, UTF-8 of strings, size of fixed;
 * what fails is SKIP with the field's path, and `out` keeps its old size.
 * An encoder is immutable and may be shared by threads; it borrows the schema.
 */
#ifndef RECORD_ENCODE_H
#define RECORD_ENCODE_H

#include "base/buffer.h"
#include "record/record.h"

struct encoder;

struct encoder *encoder_new(const struct schema *schema);
void encoder_free(struct encoder **encoder);
int encoder_run(const struct encoder *encoder, const struct record *record, struct buffer *out, struct error *err);

#endif
