/*
 * What is watched while a simulation runs: the watermark of each task that reads an internal topic. A model of its own
 * reads the same partition as the task, up to the task's position, and works out how far the markers there, all of
 * them committed, let a watermark go. Where one has gone further and the task can still commit, the simulation has a
 * problem (sim_problem). One that nobody listens to any more may find that markers were trimmed before it had read
 * them.
 *
 * Linked in by the linker's --wrap, as in breaks.h.
 */
#ifndef TESTS_SIM_WATCH_H
#define TESTS_SIM_WATCH_H

void watch_reset(void);

#endif
