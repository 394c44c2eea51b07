/*
 * What the operators of a running job do, for the eyes of a person: a table on standard error that is drawn over and
 * over in place, or where that is no terminal, a line per operator each time.
 */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include "dataflow/runtime.h"

struct summary {
	const struct topology *topology;
	struct runtime *runtime;
	const bool *selected; /* per operator of the topology: it runs here */
	bool terminal;
	int lines; /* of the table on the screen, to be drawn over */
	int64_t started_us;
	int64_t last_us;
	struct operator_figures *last; /* per operator, when last looked at */
	struct buffer text;
};

void summary_init(struct summary *summary, const struct topology *topology, struct runtime *runtime,
		  const bool *selected, bool terminal);
void summary_fini(struct summary *summary);

void summary_draw(struct summary *summary); /* rates since the last call */
/* A line per operator: all it did, and what is pending; where that was kept open, another one says behind which input.
 * `table`: draws the table a last time. */
void summary_final(struct summary *summary, bool table, bool kept_open);

/* Records taken in and left to be taken, over all operators. */
void summary_progress(const struct summary *summary, int64_t *done, int64_t *left);

#endif
