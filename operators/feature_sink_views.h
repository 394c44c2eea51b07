/*
 * What feature_sink makes of the rows of each of its inputs: the features of a view. One entity, the user, has them
 * all.
 */
#ifndef OPERATORS_FEATURE_SINK_VIEWS_H
#define OPERATORS_FEATURE_SINK_VIEWS_H

#include "dataflow/operator.h"
#include "sinks/feature_store.h"

enum sink_input { SINK_HISTORIES, SINK_EMBEDDINGS, SINK_INPUTS };

#define SINK_FEATURES_MAX 8 /* of a view */

/* Where things are in the rows of an input. */
struct sink_fields {
	struct field user, updated_at, revision;
	struct field caused_at; /* slot -1: the schema has none */
	union {
		struct {
			struct field actions;
			struct field engagement, item, action, watched, occurred_at; /* of an item of `actions` */
			size_t width;
		} history;
		struct {
			struct field vector, weight, actions, space;
		} embedding;
	};
};

struct sink_kind {
	const struct feature_column *features;
	const char *vector; /* the feature that is one; NULL: none */
	int (*open)(struct sink_fields *fields, const struct schema *schema, struct error *err);
	/* The features of a row; what they point to lives as long as the record, or the hook. */
	void (*read)(const struct sink_fields *fields, const struct record *record, struct context *context,
		     struct feature_value *features);
};

extern const struct feature_column sink_keys[];
extern const struct sink_kind sink_kinds[SINK_INPUTS];

#endif
