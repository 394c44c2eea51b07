/*
 * What is watched while a simulation runs, in every process, also in those that nobody listens to any more: the
 * watermark of a task that reads an internal topic. A model of its own reads the same partition as the task, up to the
 * task's position, and works out how far the markers there, all of them committed, let a watermark go. Where one has
 * gone further, the simulation has a problem (sim_problem).
 *
 * Linked in by the linker's --wrap (task_advance), as in breaks.h.
 */
#ifndef TESTS_SIM_WATCH_H
#define TESTS_SIM_WATCH_H

void watch_reset(void);

#endif
