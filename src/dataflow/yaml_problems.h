/*
 * What is wrong with a YAML document: collected, so that a person sees all of it at once, and handed out in the order
 * of the document, a line each:
 *
 *     topologies/x.yaml:12:5: unknown key "windw" in operator join; did you mean "window"?
 *
 * One thread's.
 */
#ifndef DATAFLOW_YAML_PROBLEMS_H
#define DATAFLOW_YAML_PROBLEMS_H

#include <stdbool.h>

#include "base/buffer.h"

#define YAML_PROBLEMS_MAX 100 /* what comes after these is only counted */

/* Where something stands in the document, or in the text of a --set. Counts from 1. */
struct yaml_place {
	bool overridden; /* `line` is the number of the --set, `column` the place in its text */
	int line, column;
};

struct yaml_problem;

struct yaml_problems {
	const char *file; /* borrowed */
	struct yaml_problem *items;
	int count; /* found, also those that were not kept */
};

void yaml_problems_add(struct yaml_problems *problems, struct yaml_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Appends all, sorted by place, a line each. */
void yaml_problems_print(struct yaml_problems *problems, struct buffer *out);
void yaml_problems_fini(struct yaml_problems *problems);

#endif
