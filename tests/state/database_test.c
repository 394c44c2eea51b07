#include "state/database.h"

#include <rocksdb/c.h>

#include <string.h>

#include "tests/test.h"

static int
open_as(const char *application, struct database **out, struct error *err)
{
	struct database_config config = {
		.directory = test_directory(), .application = application, .memory_bytes = 8 << 20};

	return database_open(&config, out, err);
}

TEST(database_keeps_its_stores)
{
	struct rocksdb_column_family_handle_t *family, *same;
	struct database *database;
	struct error err;

	for (int i = 0; i < 2; i++) {
		check_ok(open_as("app", &database, &err));
		check_ok(database_family(database, "join/pending", &family, &err));
		check_ok(database_family(database, "join/pending", &same, &err));
		check(family == same);
		database_close(&database);
		check(!database);
	}
}

TEST(database_of_another_application_is_refused)
{
	struct database *database;
	struct error err;

	check_ok(open_as("app", &database, &err));
	database_close(&database);
	check_fails(open_as("other", &database, &err), "belong to the topology \"app\", this one is \"other\"");
	check_int(err.action, FATAL);
}

static void
set_format(const char *format)
{
	rocksdb_writeoptions_t *options = rocksdb_writeoptions_create();
	struct database *database;
	struct error err;
	char *text = NULL;

	check_ok(open_as("app", &database, &err));
	rocksdb_put(database_rocksdb(database), options, "format", 6, format, strlen(format), &text);
	rocksdb_writeoptions_destroy(options);
	check(!text);
	database_close(&database);
}

TEST(database_of_a_newer_format_is_refused)
{
	struct database *database;
	struct error err;

	set_format("99");
	check_fails(open_as("app", &database, &err), "have format 99, this version reads 2");
}

TEST(database_of_format_1_is_taken_over)
{
	struct database *database;
	struct error err;

	set_format("1");
	check_ok(open_as("app", &database, &err));
	database_close(&database);
	check_ok(open_as("app", &database, &err));
	database_close(&database);
}

TEST(database_that_is_open_already_is_refused)
{
	struct database *database, *second;
	struct error err;

	check_ok(open_as("app", &database, &err));
	check_fails(open_as("app", &second, &err), "in use by another process");
	check_int(err.action, FATAL);
	database_close(&database);
}

TEST(database_where_a_file_is_in_the_way_is_refused)
{
	struct database *database;
	struct database_config config = {
		.directory = "/dev/null/stores", .application = "app", .memory_bytes = 8 << 20};
	struct error err;

	check_fails(database_open(&config, &database, &err), "/dev/null/stores");
	check_int(err.action, FATAL);
}
