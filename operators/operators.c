#include "operators/operators.h"

const struct operator_type *const operators_table[] = {
	&engagement_join_type,
	&feature_sink_type,
	&reconcile_type,
	&rekey_type,
	&traffic_type,
	&user_history_type,
	NULL,
};
