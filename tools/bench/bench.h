/* What the files of the bench share. Each bench is one process, so that CPU and memory are its alone. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "dataflow/runtime.h"

/* The operator's figures, and what the process took, as JSON without the closing brace. */
void bench_print_run(struct runtime *runtime, int operator_index, int64_t cpu_us, int64_t wall_us);
_Noreturn void bench_give_up(const struct error *err);

/* paced.c */
void bench_paced(const struct topology *topology, const char *directory, int64_t rate, int64_t seconds,
		 int64_t step_ms);

#endif
