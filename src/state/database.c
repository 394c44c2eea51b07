#include "state/database.h"

#include <errno.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

/* Of the rows; a directory with a higher one is refused. Rows of format 1, which 0.1.0 wrote, are read as they are. */
#define FORMAT_VERSION "2"
#define FORMAT_VERSION_OLD "1"
#define OPEN_FILES_MAX 512
#define BLOOM_BITS_PER_KEY 10
#define METADATA_BLOCK_BYTES 4096
#define CACHE_SHARD_BITS 3			   /* a shard of a small cache must hold more than some blocks */
#define WRITE_BUFFER_PERCENT 40			   /* of memory_bytes; the rest is the block cache */
#define WRITE_BUFFER_BYTES_MAX ((int64_t)64 << 20) /* of one column family */
#define WRITE_BUFFER_BYTES_MIN ((int64_t)64 << 10)
#define MEMTABLE_BLOOM_RATIO 0.05

struct database_family {
	struct database_family *next;
	char *name;
	rocksdb_column_family_handle_t *handle;
};

struct database {
	rocksdb_t *rocksdb;
	rocksdb_env_t *env; /* in memory only */
	rocksdb_cache_t *cache;
	rocksdb_options_t *options;
	pthread_mutex_t lock; /* of `families` */
	struct database_family *families;
};

static rocksdb_options_t *
make_options(struct database *database, int64_t memory_bytes)
{
	int64_t write_bytes = memory_bytes * WRITE_BUFFER_PERCENT / 100;
	int64_t one_bytes = write_bytes / 2 < WRITE_BUFFER_BYTES_MAX ? write_bytes / 2 : WRITE_BUFFER_BYTES_MAX;
	rocksdb_options_t *options = rocksdb_options_create();
	rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
	rocksdb_lru_cache_options_t *cache = rocksdb_lru_cache_options_create();

	if (one_bytes < WRITE_BUFFER_BYTES_MIN)
		one_bytes = WRITE_BUFFER_BYTES_MIN;
	rocksdb_lru_cache_options_set_capacity(cache, (size_t)(memory_bytes - write_bytes));
	rocksdb_lru_cache_options_set_num_shard_bits(cache, CACHE_SHARD_BITS);
	database->cache = rocksdb_cache_create_lru_opts(cache);
	rocksdb_lru_cache_options_destroy(cache);
	rocksdb_block_based_options_set_block_cache(table, database->cache);
	/*
	 * Index and filters in pieces: read as a whole, the filter of one file is some hundred KiB, which a small cache
	 * throws out again at once, and then every lookup reads it anew.
	 */
	rocksdb_block_based_options_set_index_type(table, rocksdb_block_based_table_index_type_two_level_index_search);
	rocksdb_block_based_options_set_partition_filters(table, 1);
	rocksdb_block_based_options_set_metadata_block_size(table, METADATA_BLOCK_BYTES);
	rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
	rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
	rocksdb_block_based_options_set_filter_policy(table,
						      rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS_PER_KEY));
	rocksdb_options_set_block_based_table_factory(options, table);
	rocksdb_block_based_options_destroy(table);
	rocksdb_options_set_create_if_missing(options, 1);
	rocksdb_options_set_db_write_buffer_size(options, (size_t)write_bytes);
	rocksdb_options_set_write_buffer_size(options, (size_t)one_bytes);
	rocksdb_options_set_memtable_whole_key_filtering(options, 1);
	rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, MEMTABLE_BLOOM_RATIO);
	rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
	rocksdb_options_set_compression(options, rocksdb_lz4_compression);
	rocksdb_options_set_keep_log_file_num(options, 1);
	rocksdb_options_set_info_log_level(options, 2);
	if (database->env)
		rocksdb_options_set_env(options, database->env);
	return options;
}

/* RocksDB says what it holds against a directory in a text; who has it open is what people ask for most. */
static int
open_failed(const char *directory, char *text, struct error *err)
{
	if (strstr(text, "lock"))
		fail(err, FATAL, "%s: the stores are in use by another process (%s)", directory, text);
	else if (fail_reason(err, text, "%s: the stores cannot be opened", directory) < 0 && err->action == FATAL)
		fail(err, FATAL, "%s: the stores cannot be opened: %s; they can be deleted, the journals restore them",
		     directory, text);
	rocksdb_free(text);
	return -1;
}

static int
open_families(struct database *database, const char *directory, struct error *err)
{
	char *text = NULL;
	size_t listed = 0, count;
	char **names = rocksdb_list_column_families(database->options, directory, &listed, &text);
	const char *only_default[] = {"default"};
	bool fresh = text != NULL; /* no database there yet, or none that can be read: opening it says so */
	const char **all = fresh ? only_default : (const char **)(void *)names;
	const rocksdb_options_t **options;
	rocksdb_column_family_handle_t **handles;

	rocksdb_free(text);
	text = NULL;
	count = fresh ? 1 : listed;
	options = memory_new_array(count, sizeof(const rocksdb_options_t *));
	handles = memory_new_array(count, sizeof(rocksdb_column_family_handle_t *));
	for (size_t i = 0; i < count; i++)
		options[i] = database->options;
	database->rocksdb = rocksdb_open_column_families(database->options, directory, (int)count, all, options,
							 handles, &text);
	for (size_t i = 0; i < count && database->rocksdb; i++) {
		struct database_family *family = memory_new(sizeof(*family));

		*family = (struct database_family){
			.next = database->families, .name = memory_text(all[i]), .handle = handles[i]};
		database->families = family;
	}
	if (names)
		rocksdb_list_column_families_destroy(names, listed);
	memory_free(&options);
	memory_free(&handles);
	return database->rocksdb ? 0 : open_failed(directory, text, err);
}

static void
put_text(struct database *database, const char *key, const char *value, char **text)
{
	rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();

	rocksdb_writeoptions_set_sync(write, 1);
	rocksdb_put(database->rocksdb, write, key, strlen(key), value, strlen(value), text);
	rocksdb_writeoptions_destroy(write);
}

/* What is there of the key: *found; where there is nothing, or `old`, `wanted` is from now on. */
static int
check_text(struct database *database, const char *key, const char *old, const char *wanted, char **found,
	   struct error *err)
{
	rocksdb_readoptions_t *read = rocksdb_readoptions_create();
	char *text = NULL, *value;
	size_t size = 0;

	value = rocksdb_get(database->rocksdb, read, key, strlen(key), &size, &text);
	rocksdb_readoptions_destroy(read);
	*found = memory_new(size + 1);
	if (value)
		memcpy(*found, value, size);
	if (!text && (!value || (old && strcmp(*found, old) == 0))) {
		put_text(database, key, wanted, &text);
		memory_free(found);
		*found = memory_text(wanted);
	}
	rocksdb_free(value);
	if (text) {
		fail(err, FATAL, "the stores' database: %s", text);
		rocksdb_free(text);
		return -1;
	}
	return 0;
}

/* Whose directory it is, and by which rules its rows are written. */
static int
check_owner(struct database *database, const struct database_config *config, struct error *err)
{
	const char *directory = config->directory ? config->directory : "memory";
	char *format = NULL, *application = NULL;
	int result = -1;

	if (check_text(database, "format", FORMAT_VERSION_OLD, FORMAT_VERSION, &format, err) < 0 ||
	    check_text(database, "application", NULL, config->application, &application, err) < 0)
		result = -1;
	else if (strcmp(format, FORMAT_VERSION) != 0)
		fail(err, FATAL,
		     "%s: its stores have format %s, this version reads %s; use the version that wrote them", directory,
		     format, FORMAT_VERSION);
	else if (strcmp(application, config->application) != 0)
		fail(err, FATAL,
		     "%s: its stores belong to the topology \"%s\", this one is \"%s\"; use another --data-dir",
		     directory, application, config->application);
	else
		result = 0;
	memory_free(&format);
	memory_free(&application);
	return result;
}

int
database_open(const struct database_config *config, struct database **out, struct error *err)
{
	struct database *database = memory_new(sizeof(*database));
	const char *directory = config->directory ? config->directory : "/stores";

	pthread_mutex_init(&database->lock, NULL);
	if (!config->directory)
		database->env = rocksdb_create_mem_env();
	database->options = make_options(database, config->memory_bytes);
	if (config->directory && mkdir(directory, 0777) < 0 && errno != EEXIST) {
		fail_file(err, errno, "%s: cannot be made", directory);
		database_close(&database);
		return -1;
	}
	if (open_families(database, directory, err) < 0 || check_owner(database, config, err) < 0) {
		database_close(&database);
		return -1;
	}
	*out = database;
	return 0;
}

void
database_close(struct database **closed)
{
	struct database *database = *closed;

	if (!database)
		return;
	while (database->families) {
		struct database_family *family = database->families;

		database->families = family->next;
		rocksdb_column_family_handle_destroy(family->handle);
		memory_free(&family->name);
		memory_free(&family);
	}
	if (database->rocksdb)
		rocksdb_close(database->rocksdb);
	rocksdb_options_destroy(database->options);
	rocksdb_cache_destroy(database->cache);
	if (database->env)
		rocksdb_env_destroy(database->env);
	pthread_mutex_destroy(&database->lock);
	memory_free(closed);
}

rocksdb_t *
database_rocksdb(struct database *database)
{
	return database->rocksdb;
}

int
database_family(struct database *database, const char *name, rocksdb_column_family_handle_t **out, struct error *err)
{
	struct database_family *family;
	char *text = NULL;
	int result = 0;

	pthread_mutex_lock(&database->lock);
	for (family = database->families; family; family = family->next)
		if (strcmp(family->name, name) == 0)
			break;
	if (!family) {
		rocksdb_column_family_handle_t *handle = rocksdb_create_column_family(database->rocksdb,
										      database->options, name, &text);

		if (text) {
			result = fail(err, FATAL, "store %s cannot be made: %s", name, text);
			rocksdb_free(text);
		} else {
			family = memory_new(sizeof(*family));
			*family = (struct database_family){
				.next = database->families, .name = memory_text(name), .handle = handle};
			database->families = family;
		}
	}
	pthread_mutex_unlock(&database->lock);
	if (family)
		*out = family->handle;
	return result;
}
