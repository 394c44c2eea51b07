/*
 * Errors: what went wrong, for a person, and what is to be done about it, for the runtime.
 *
 * A function that can fail returns 0, or -1 with a `struct error *` filled in; the error is its last parameter and is
 * never NULL. `return fail(err, ABORT, "...")` is how an error is raised; src/dataflow/worker_errors.c decides on the
 * action. Errors are plain values: nothing to free, safe to copy, one per thread of control.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define ERROR_TEXT_SIZE 1024 /* bytes, with the final 0; a longer text is cut */

enum error_action {
	SKIP,	/* this record cannot be processed: dead-letter it and go on */
	RETRY,	/* nothing was done; the same call may work later */
	ABORT,	/* abort the transaction and start again from the last commit */
	FENCED, /* somebody else owns this work now: drop it silently */
	FATAL,	/* a person has to act */
};

struct error {
	enum error_action action;
	char text[ERROR_TEXT_SIZE];
};

/* Fills `err` and returns -1. */
int fail(struct error *err, enum error_action action, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text of an error that is already raised, to say where; keeps the action. Returns -1. */
int fail_in(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The same for a call on a file that failed with the errno `failure`: what that is comes behind the text. RETRY where
 * it may work later (a full disk, too many open files), with what to do about it; else FATAL.
 */
int fail_file(struct error *err, int failure, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same where a library gives a text that has the errno's in it. */
int fail_reason(struct error *err, const char *reason, const char *format, ...) __attribute__((format(printf, 3, 4)));

const char *error_action_name(enum error_action action);

/*
 * Programmer errors: checked always, in every build. Prints the place and the condition, then aborts.
 * `insist` is for what this program guarantees to itself, never for what comes from outside.
 */
#define insist(condition) ((condition) ? (void)0 : insist_failed(#condition, __FILE__, __LINE__))
_Noreturn void insist_failed(const char *condition, const char *file, int line);

#endif
