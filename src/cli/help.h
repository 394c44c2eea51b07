/* The texts of --help, made from the tables that the parser works by. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cli.h"

void help_all(struct buffer *out);
void help_command(const struct command *command, struct buffer *out);

/* Text in lines of at most HELP_COLUMNS, all but the first indented; ends with a line feed. */
#define HELP_COLUMNS 100
void help_wrap(struct buffer *out, const char *text, int column, int indent);
void help_wrap_at(struct buffer *out, const char *text, int column, int indent, int columns);

#endif
