/*
 * Memory from the heap. Running out of it ends the process at once with a message: every budget in Isotope is counted
 * and bounded before it comes to that, and no code path is written for a failed malloc. Thread-safe.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

void *memory_new(size_t size);			   /* zeroed; never NULL, also for size 0 */
void *memory_new_array(size_t count, size_t size); /* zeroed; overflow of count * size ends the process */
void *memory_resize(void *old, size_t size);	   /* like realloc: new bytes are not zeroed */
void *memory_resize_array(void *old, size_t count, size_t size);
char *memory_text(const char *text); /* a copy of a text */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * For programs that run long: what was freed is kept for the next use instead of being given back to the system page
 * by page, which costs more than the work that is done in it. So much is kept at most as goes with the budget that the
 * program has; single pieces that are large for it are never kept. Called once, before other threads run.
 */
void memory_keep_freed(int64_t budget_bytes);

/* What the process has in memory now, and had at most (VmRSS and VmHWM); 0 where the system does not say. */
void memory_resident(int64_t *now_bytes, int64_t *peak_bytes);

/* Frees what *pointer points to and sets *pointer to NULL; `pointer` is the address of any object pointer. */
void memory_free(void *pointer);

#endif
