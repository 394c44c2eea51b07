/*
 * Waiting for a condition variable until a steady time (clock_monotonic_us), whatever happens to the wall clock. The
 * condition needs no attributes.
 */
#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Under the lock, which it gives up meanwhile. False: until_us has passed. TIME_MAX: it never does. */
bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);

#endif
