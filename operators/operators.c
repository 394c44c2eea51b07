#include "operators/operators.h"

const struct operator_type *const operators_table[] = {
	&alert_sink_type,
	&embedding_update_type,
	&engagement_join_type,
	&feature_sink_type,
	&integrity_rollup_type,
	&reconcile_type,
	&rekey_type,
	&traffic_type,
	&user_history_type,
	NULL,
};
