/*
 * From the words of a command line to a struct call, by the tables of the command. Options may stand anywhere, as
 * --name VALUE or --name=VALUE; "--" ends them. Pure: prints nothing, opens nothing.
 */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "cli/cli.h"

extern const struct option arguments_common[];	 /* of every command; offsets into struct call */
extern const struct option arguments_topology[]; /* of commands that take a topology */

/* `words` are those after the command's name, and must outlive the call. -1: wrong usage. */
int arguments_parse(const struct command *command, int count, const char *const *words, struct call *out,
		    struct error *err);
void arguments_fini(struct call *call);

/* Splits "a,b" in place at its commas; empty pieces are left out. The caller frees the list. */
const char **arguments_split(char *text);

#endif
