/*
 * Directories that must outlive a loss of power: a new name is durable only when the directory that it stands in has
 * been synced, and a new directory when its parent has.
 *
 * Both return 0, or -1 with errno set.
 */
#ifndef BASE_DIRECTORY_H
#define BASE_DIRECTORY_H

/* Makes `path` and what lacks above it; the parent of each that was made is synced. What is there already is left. */
int directory_make(const char *path);

/* The names in it become durable. */
int directory_sync(const char *path);

#endif
