/*
 * The one RocksDB of a process in which the stores of all its tasks live: a column family per store (named
 * "<operator>/<store>"), keys prefixed by partition. WAL off: the journal is the truth, and a column family is a
 * materialised prefix of it that carries the journal position it stands for, in the same column family, so that a crash
 * leaves both or neither. Opening refuses a directory of another application or of a newer format, and one that another
 * process has open. Thread-safe.
 */
#ifndef STATE_DATABASE_H
#define STATE_DATABASE_H

#include <stdint.h>

#include "base/error.h"

struct database;

struct database_config {
	const char *directory;	 /* NULL: in memory */
	const char *application; /* name of the topology: what the directory belongs to */
	int64_t memory_bytes;	 /* for block cache and write buffers together */
};

int database_open(const struct database_config *config, struct database **out, struct error *err);
void database_close(struct database **database);

/* For disk.c. */
struct rocksdb_t;
struct rocksdb_column_family_handle_t;
struct rocksdb_t *database_rocksdb(struct database *database);
/* The column family of a store, made where there is none; it lives as long as the database. */
int database_family(struct database *database, const char *name, struct rocksdb_column_family_handle_t **out,
		    struct error *err);

#endif
