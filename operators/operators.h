/*
 * The operators there are. A new one is a file in this folder, a line here and a line in operators.c.
 */
#ifndef OPERATORS_OPERATORS_H
#define OPERATORS_OPERATORS_H

#include "dataflow/operator.h"

extern const struct operator_type alert_sink_type;
extern const struct operator_type embedding_update_type;
extern const struct operator_type engagement_join_type;
extern const struct operator_type feature_sink_type;
extern const struct operator_type integrity_rollup_type;
extern const struct operator_type reconcile_type;
extern const struct operator_type rekey_type;
extern const struct operator_type traffic_type;
extern const struct operator_type user_history_type;

extern const struct operator_type *const operators_table[]; /* ends with NULL */

#endif
