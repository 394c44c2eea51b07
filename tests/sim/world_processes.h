/* Processes begin, die, stand still, leave. */
#ifndef TESTS_SIM_WORLD_PROCESSES_H
#define TESTS_SIM_WORLD_PROCESSES_H

#include "tests/sim/world.h"

/* `name` NULL: one that no other had. */
int process_start(struct world *world, struct process *process, const char *name, struct error *err);
/* Starts another one under the name of `process`, which stands still and is believed dead. */
int process_replace(struct world *world, struct process *process, struct error *err);
void process_kill(struct world *world, struct process *process, bool with_disk);
void process_leave(struct world *world, struct process *process); /* commits, and is gone */
void process_end(struct process *process);			  /* is gone, whatever its state */
void process_set(struct world *world, struct process *process, enum sim_process state, int64_t ms);
bool process_is_up(const struct process *process);
bool process_is_idle(const struct process *process); /* and nothing of it is inside a turn */
int process_open_workers(struct world *world, struct process *process, struct error *err);
void process_close_workers(struct process *process);
/* All of them, each as process_leave or process_end. */
int processes_leave(struct world *world, struct error *err);
/* Ends what has lasted long enough; `now`: whatever lasts. */
int processes_tick(struct world *world, bool now, struct error *err);
/* The worker has its turn, if it can have one. */
void process_turn(struct world *world, struct process *process, int worker);

#endif
