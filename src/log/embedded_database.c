/*
 * The RocksDB below the embedded log: its options, and calls that give errors as ours.
 *
 * Recovery is "point in time": what a crash left half-written at the end of the WAL is dropped, and so is all behind
 * the first damaged byte. A commit is one write batch, so what is left is always a prefix of whole commits. Damage in
 * the files that the WAL was written out to is found by checksums, and refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "log/embedded_log.h"

#define MEMORY_MIN (8 << 20)
#define WRITE_BUFFER_SIZE_MAX (8 << 20) /* it holds places and positions only */
#define WRITE_BUFFERS 3			/* one being filled, two being written out */
#define TABLES_BEFORE_COMPACTION 6
#define BACKGROUND_JOBS 2
#define CHECKSUM_XXH3 4 /* RocksDB's number; several times cheaper than its CRC-32C, which Debian builds in software */

static int
failed(struct embedded *log, char *text, struct error *err)
{
	fail_reason(err, text, "the log in %s", log->directory ? log->directory : "memory");
	rocksdb_free(text);
	return -1;
}

static void
set_sizes(struct embedded *log, int64_t memory_bytes)
{
	size_t memory = (size_t)(memory_bytes > MEMORY_MIN ? memory_bytes : MEMORY_MIN);
	size_t buffer = memory / (WRITE_BUFFERS + 1);

	if (buffer > WRITE_BUFFER_SIZE_MAX)
		buffer = WRITE_BUFFER_SIZE_MAX;
	rocksdb_options_set_write_buffer_size(log->options, buffer);
	rocksdb_options_set_max_write_buffer_number(log->options, WRITE_BUFFERS);
	log->cache = rocksdb_cache_create_lru(memory / 8);
	log->table = rocksdb_block_based_options_create();
	rocksdb_block_based_options_set_checksum(log->table, CHECKSUM_XXH3);
	rocksdb_block_based_options_set_block_cache(log->table, log->cache);
	rocksdb_options_set_block_based_table_factory(log->options, log->table);
}

static void
set_options(struct embedded *log, const struct log_config *config)
{
	rocksdb_options_t *options = log->options = rocksdb_options_create();

	set_sizes(log, config->memory_bytes);
	rocksdb_options_set_create_if_missing(options, !config->read_only);
	rocksdb_options_set_compression(options, rocksdb_no_compression);
	rocksdb_options_set_paranoid_checks(options, 1);
	rocksdb_options_set_wal_recovery_mode(options, rocksdb_point_in_time_recovery);
	rocksdb_options_set_max_background_jobs(options, BACKGROUND_JOBS);
	rocksdb_options_set_stats_dump_period_sec(options, 0);
	rocksdb_options_set_stats_persist_period_sec(options, 0);
	rocksdb_options_set_info_log_level(options, 2); /* warnings */
	rocksdb_options_set_keep_log_file_num(options, 2);
	rocksdb_options_set_max_log_file_size(options, 1 << 20);
	rocksdb_options_set_level0_file_num_compaction_trigger(options, TABLES_BEFORE_COMPACTION);
	if (config->read_only)
		rocksdb_options_set_max_open_files(options, -1); /* what the writer deletes stays readable */
	if (log->env)
		rocksdb_options_set_env(options, log->env);

	log->read = rocksdb_readoptions_create();
	log->write_lazy = rocksdb_writeoptions_create();
	log->write_synced = rocksdb_writeoptions_create();
	if (log->env) {
		rocksdb_writeoptions_disable_WAL(log->write_lazy, 1);
		rocksdb_writeoptions_disable_WAL(log->write_synced, 1);
	} else {
		rocksdb_writeoptions_set_sync(log->write_synced, 1);
	}
}

int
embedded_database_open(struct embedded *log, const struct log_config *config, struct error *err)
{
	char *failure = NULL;

	if (!log->directory)
		log->env = rocksdb_create_mem_env();
	set_options(log, config);
	if (log->read_only)
		log->db = rocksdb_open_as_secondary(log->options, log->path, log->secondary, &failure);
	else
		log->db = rocksdb_open(log->options, log->path, &failure);
	return failure ? failed(log, failure, err) : 0;
}

static void
leave_at_once(int status, void *argument)
{
	(void)argument;
	fflush(NULL);
	_exit(status);
}

/*
 * A database that could not write is left as it is, open: closing it would write again to the file that failed, which
 * RocksDB answers by ending the process. Its threads go on, so the process leaves without its library's destructors.
 * The next open finds what the disk has.
 */
bool
embedded_database_broken(struct embedded *log)
{
	uint64_t errors = 0;

	return log->failed || rocksdb_property_int(log->db, "rocksdb.background-errors", &errors) != 0 || errors != 0;
}

void
embedded_database_close(struct embedded *log)
{
	if (log->db && embedded_database_broken(log)) {
		on_exit(leave_at_once, NULL);
		return;
	}
	if (log->db)
		rocksdb_close(log->db);
	if (!log->options)
		return;
	rocksdb_writeoptions_destroy(log->write_synced);
	rocksdb_writeoptions_destroy(log->write_lazy);
	rocksdb_readoptions_destroy(log->read);
	rocksdb_options_destroy(log->options);
	rocksdb_block_based_options_destroy(log->table);
	rocksdb_cache_destroy(log->cache);
	if (log->env)
		rocksdb_env_destroy(log->env);
}

int
embedded_write(struct embedded *log, rocksdb_writebatch_t *writes, bool synced, struct error *err)
{
	char *failure = NULL;

	if (embedded_check(log, err) < 0)
		return -1;
	rocksdb_write(log->db, synced ? log->write_synced : log->write_lazy, writes, &failure);
	if (!failure)
		return 0;
	failed(log, failure, err);
	return embedded_fail_for_good(log, err);
}

int
embedded_sync(struct embedded *log, struct error *err)
{
	char *failure = NULL;

	if (log->env)
		return 0;
	if (embedded_check(log, err) < 0)
		return -1;
	rocksdb_flush_wal(log->db, 1, &failure);
	if (!failure)
		return 0;
	failed(log, failure, err);
	return embedded_fail_for_good(log, err);
}

int
embedded_get(struct embedded *log, const void *key, size_t key_size, rocksdb_pinnableslice_t **out, struct error *err)
{
	char *failure = NULL;

	*out = rocksdb_get_pinned(log->db, log->read, key, key_size, &failure);
	return failure ? failed(log, failure, err) : 0;
}

int
embedded_catch_up(struct embedded *log, struct error *err)
{
	char *failure = NULL;
	int result;

	pthread_mutex_lock(&log->catch_up);
	rocksdb_try_catch_up_with_primary(log->db, &failure);
	result = failure ? failed(log, failure, err) : embedded_topics_load(log, err);
	pthread_mutex_unlock(&log->catch_up);
	return result;
}
