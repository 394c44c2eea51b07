/*
 * SIGINT, SIGTERM and SIGHUP: the first asks the command to end in good order, the second ends the process at once.
 * What has not been committed then was never there. Who waits for something outside looks at stop_requested in between.
 * SIGINT and SIGHUP stay ignored where they were when the process began: by nohup, or by a shell in the background.
 */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include <stdbool.h>
#include <stdint.h>

#define STOP_LOOK_MS 100     /* who waits for something outside looks at it so often */
#define STOP_WAIT_MS_MAX 500 /* and waits no longer once it has seen a stop: what is well answers by then */

void stop_install(void);
bool stop_requested(void);
/* The end of one wait (monotonic): until_us, or STOP_WAIT_MS_MAX after the wait has first seen a stop, which *seen_us
 * keeps (0 at the beginning). */
int64_t stop_until_us(int64_t until_us, int64_t *seen_us);
/* `function` is called from the signal handler, or at once where the signal came before; NULL: nothing is. */
void stop_call(void (*function)(void *argument), void *argument);

#endif
