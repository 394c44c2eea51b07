/*
 * The protocol broken on purpose, to see that the simulation notices. Nothing of it is in the program: the simulation
 * is linked with calls between its parts going through breaks.c (the linker's --wrap), which passes them on or does
 * what the break is about.
 *
 *     order      positions and block are committed first, then the rows
 *     fence      positions are taken from whoever sends them, whatever his generation, and `owner` as well: each of
 *     the two
 *                makes good what the other lets pass, but for who is in no group
 *     position   a store says that it stands further on than what is written to it
 *     timer      timers are not restored
 *     block      the journal's block is written outside the transaction
 *     marker     so are the markers of an internal topic
 *     early      markers stand before the records of their transaction
 *     minimum    a reader takes the least over the tasks that it has heard, not minus infinity until it has heard all
 *     forget     what a reader has heard is not restored, but for that it has heard all
 *     owner      whether a journal's records got the offsets that were expected is not looked at
 *     floor      whether a journal has the blocks that its last one needs is not looked at
 *     tail       whether a journal has the last block that was committed is not looked at
 *     identity   whether an input is still the topic that it was is not looked at
 *     form       what the state has of another schema is read as if it were of today's
 *     trim       an internal topic is trimmed to where one of its readers is, not to where all are
 *     clock      durations are measured with the wall clock
 *     aside      a task that comes back to a process does not read what others have written to its journal meanwhile
 *
 * The same seams make the state small, so that it is written out and trimmed, and its random numbers those of the
 * seed.
 */
#ifndef TESTS_SIM_BREAKS_H
#define TESTS_SIM_BREAKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* False: no break has that name. */
bool breaks_set(const char *name);
void breaks_reset(uint64_t seed);
void breaks_state_bytes(int64_t bytes);
struct clock *breaks_clock(struct clock *clock); /* what a process is given for its clock */

#endif
