/*
 * SIGINT, SIGTERM and SIGHUP: the first asks the command to end in good order, the second ends the process at once.
 * What has not been committed then was never there. Who waits for something outside looks at stop_requested in between.
 */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include <stdbool.h>

void stop_install(void);
bool stop_requested(void);
/* `function` is called from the signal handler, or at once where the signal came before; NULL: nothing is. */
void stop_call(void (*function)(void *argument), void *argument);

#endif
