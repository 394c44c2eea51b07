/*
 * What is wrong with a value, and where: collected from the inside out. The place that finds it says what; every level
 * on the way up puts its part before the path (".scores", "[3]"); the outermost makes an error of it. A fault needs no
 * initialisation, so that it costs nothing where nothing is wrong.
 */
#ifndef RECORD_FAULT_H
#define RECORD_FAULT_H

#include "base/error.h"
#include "record/schema.h"

#define FAULT_TEXT_SIZE 480 /* bytes of the reason and of the path, each; what is longer is cut */

struct fault {
	char why[FAULT_TEXT_SIZE];
	char path[FAULT_TEXT_SIZE]; /* written from the end towards the start */
	size_t start;		    /* where the path begins in `path` */
};

/* Both return -1. */
int fault_set(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fault_in(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "impression.scores[3].model_version: the reason"; returns -1. */
int fault_raise(const struct fault *fault, enum error_action action, const struct schema *record, struct error *err);

#endif
