/*
 * A lock on a file that one process has at a time, so that a second one is refused at once, with the number of the
 * first. It ends with the process, however that ends; the file stays.
 */
#ifndef BASE_LOCK_FILE_H
#define BASE_LOCK_FILE_H

#include "base/error.h"

/* *fd is closed to let go. FATAL: another process has it. Where the file cannot be made: as fail_file. */
int lock_file_take(const char *path, int *fd, struct error *err);

#endif
