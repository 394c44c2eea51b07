/*
 * SIGINT and SIGTERM: the first asks the command to end in good order, the second ends the process at once. What has
 * not been committed then was never there.
 */
#ifndef CLI_STOP_H
#define CLI_STOP_H

#include <stdbool.h>

void stop_install(void);
bool stop_requested(void);
/* `function` is called from the signal handler, or at once where the signal came before; NULL: nothing is. */
void stop_call(void (*function)(void *argument), void *argument);

#endif
