/*
 * Crashes and damage. All that uses the log is done in forked children: the threads of RocksDB do not survive a fork,
 * so the process that forks has none.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "log/embedded_log.h"
#include "tests/log/log_fixture.h"

#define TOPICS 3
#define KILLS 30
#define PARTS 2
#define REFUSED 99 /* exit status */
#define MADE 60	   /* transactions of a log that is to be damaged */

static void
open_topics(struct log *log, int topics[TOPICS])
{
	char name[16];

	for (int i = 0; i < TOPICS; i++) {
		snprintf(name, sizeof(name), "topic%d", i);
		topics[i] = fixture_topic(log, name, PARTS, false);
	}
}

/* Transaction n puts n % 5 + 1 records n into each topic, and the position n. */
static void
put_transaction(struct transaction *transaction, const int topics[TOPICS], int64_t n)
{
	for (int i = 0; i < TOPICS; i++)
		for (int64_t k = 0; k <= n % 5; k++)
			fixture_append(transaction, topics[i], (int)(n % PARTS), n, 1, n % 50 == 0 ? 400000 : 200, 1);
	transaction_position(transaction, "g", topics[0], 0, n);
	fixture_commit(transaction);
}

/* How many transactions the log has; checks that each is whole and that the position agrees. */
static int64_t
verify(struct log *log)
{
	int topics[TOPICS];
	int64_t records[TOPICS] = {0}, last[TOPICS], position, whole = 0;
	struct error err;

	open_topics(log, topics);
	for (int i = 0; i < TOPICS; i++) {
		int64_t last_of[PARTS];

		for (int k = 0; k < PARTS; k++)
			records[i] += fixture_count(log, topics[i], k, 0, &last_of[k]);
		last[i] = last_of[0] > last_of[1] ? last_of[0] : last_of[1];
	}
	check_ok(log_position(log, "g", topics[0], 0, &position, &err));
	for (int64_t n = 0; n <= position; n++)
		whole += n % 5 + 1;
	for (int i = 0; i < TOPICS; i++) {
		check_int(last[i], position);
		check_int(records[i], whole);
	}
	return position + 1;
}

static void
write_until_killed(int out)
{
	struct log *log = fixture_open(test_directory(), false);
	struct transaction *transaction;
	int topics[TOPICS];
	struct error err;
	int64_t n = verify(log);

	check_ok(log_transaction_open(log, "test", &transaction, &err));
	open_topics(log, topics);
	for (;; n++) {
		put_transaction(transaction, topics, n);
		check_int(write(out, &n, sizeof(n)), sizeof(n));
	}
}

static void
verify_in_child(int64_t at_least)
{
	int status;

	if (fork() == 0) {
		struct log *log = fixture_open(test_directory(), false);

		check(verify(log) >= at_least);
		log_close(&log);
		_exit(0);
	}
	check(wait(&status) > 0);
	check_int(status, 0);
}

TEST(kill_9_at_any_moment_loses_nothing_committed_and_shows_nothing_half)
{
	struct test_random random = test_random_of(test_seed(1));
	int64_t n = -1;

	test_directory(); /* made now, for all processes */
	for (int i = 0; i < KILLS; i++) {
		uint64_t commits = test_random_below(&random, 60) + 1;
		int out[2];
		pid_t child;

		check_int(pipe(out), 0);
		child = fork();
		if (child == 0)
			write_until_killed(out[1]);
		close(out[1]);
		for (uint64_t k = 0; k < commits; k++)
			check_int(read(out[0], &n, sizeof(n)), sizeof(n));
		kill(child, SIGKILL);
		while (read(out[0], &n, sizeof(n)) == sizeof(n))
			continue;
		close(out[0]);
		check_int(waitpid(child, NULL, 0), child);
		if (i % 5 == 4)
			verify_in_child(n + 1);
	}
	verify_in_child(n + 1);
}

/* ---- damage ---- */

static void
make(const char *directory)
{
	struct transaction *transaction;
	int topics[TOPICS];
	struct error err;
	struct log *log;

	for (int64_t n = 0; n < MADE;) { /* what an open finds in the WAL it writes out to a table */
		log = fixture_open(directory, false);
		check_ok(log_transaction_open(log, "test", &transaction, &err));
		open_topics(log, topics);
		for (int64_t until = n + MADE / 2; n < until; n++)
			put_transaction(transaction, topics, n);
		if (n == MADE)
			_exit(0); /* as a crash does: the WAL is all there is of the last ones */
		transaction_close(&transaction);
		log_close(&log);
	}
}

/* Opens a damaged log. 0: it has at least so many transactions, whole; REFUSED: refused with a reason. */
static void
try(const char *directory, int64_t at_least)
{
	struct log_config config = {
		.type = "embedded", .directory = directory, .memory_bytes = 16 << 20, .clock = &clock_system};
	int topics[TOPICS];
	struct error err;
	struct log *log;
	int topic;

	if (log_open(&config, &log, &err) < 0)
		_exit(strlen(err.text) > 10 ? REFUSED : 1);
	if (log_topic(log, "topic2", &topic, &err) < 0)
		_exit(1);
	open_topics(log, topics);
	for (int i = 0; i < TOPICS; i++)
		for (int k = 0; k < PARTS; k++) {
			struct partition_info info;
			struct reader *reader;
			struct log_batch batch = {.next = 0};

			if (log_partition_info(log, topics[i], k, &info, &err) < 0 ||
			    log_reader_open(log, topics[i], k, 0, &reader, &err) < 0)
				_exit(REFUSED);
			while (batch.next < info.end)
				if (reader_fetch(reader, 0, &batch, &err) < 0)
					_exit(strlen(err.text) > 10 ? REFUSED : 1);
			reader_close(&reader);
		}
	_exit(verify(log) < at_least ? 1 : 0);
}

static int
status_of(pid_t child)
{
	int status;

	check(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The largest file of the database with that ending. */
static char *
largest(const char *directory, const char *ending)
{
	char *database = memory_format("%s/database", directory), *found = NULL;
	DIR *files = opendir(database);
	off_t size = -1;

	for (struct dirent *entry; files && (entry = readdir(files));) {
		char *path = memory_format("%s/%s", database, entry->d_name);
		struct stat stat_;

		if (strstr(entry->d_name, ending) && stat(path, &stat_) == 0 && stat_.st_size > size) {
			size = stat_.st_size;
			memory_free(&found);
			found = memory_text(path);
		}
		memory_free(&path);
	}
	closedir(files);
	memory_free(&database);
	check(found != NULL);
	return found;
}

static void
damage(const char *path, struct test_random *random, bool cut)
{
	struct stat stat_;
	uint64_t at;
	uint8_t byte;
	int fd = open(path, O_RDWR);

	check(fd >= 0 && fstat(fd, &stat_) == 0);
	at = test_random_below(random, (uint64_t)stat_.st_size);
	if (cut) {
		check_int(ftruncate(fd, (off_t)at), 0);
	} else {
		check_int(pread(fd, &byte, 1, (off_t)at), 1);
		byte ^= (uint8_t)(1 + test_random_below(random, 255));
		check_int(pwrite(fd, &byte, 1, (off_t)at), 1);
	}
	close(fd);
}

/* `witness`: the file `commits` is there. */
static void
try_damage(const char *ending, bool cut, int times, bool witness, int64_t at_least)
{
	struct test_random random = test_random_of(test_seed(2));
	char *original = memory_format("%s/original", test_directory());
	char *copy = memory_format("%s/copy", test_directory());
	char *command = memory_format("rm -rf '%s' && cp -r '%s' '%s' && test -s '%s/commits' && %s '%s/commits'", copy,
				      original, copy, copy, witness ? "ls >/dev/null" : "rm", copy);
	pid_t child = fork();

	if (child == 0)
		make(original);
	check_int(status_of(child), 0);
	for (int i = 0; i < times; i++) {
		char *path;
		int status;

		check_int(system(command), 0);
		path = largest(copy, ending);
		damage(path, &random, cut);
		memory_free(&path);
		child = fork();
		if (child == 0)
			try(copy, at_least);
		status = status_of(child);
		check(status == 0 || status == REFUSED);
	}
	memory_free(&command);
	memory_free(&copy);
	memory_free(&original);
}

TEST(a_cut_wal_is_refused_or_has_lost_nothing)
{
	try_damage(".log", true, 20, true, MADE);
}

TEST(by_the_segments_alone_a_cut_wal_is_refused_or_has_lost_no_more_than_its_last_commit)
{
	try_damage(".log", true, 20, false, MADE - 1);
}

TEST(a_flipped_byte_in_the_wal_is_refused_or_has_lost_nothing)
{
	try_damage(".log", false, 20, true, MADE);
}

TEST(by_the_segments_alone_a_flipped_byte_in_the_wal_costs_no_more_than_the_last_commit)
{
	try_damage(".log", false, 20, false, MADE - 1);
}

TEST(damaged_tables_are_refused_or_do_not_matter)
{
	try_damage(".sst", false, 10, true, MADE);
}

TEST(damaged_manifests_are_refused_or_do_not_matter)
{
	try_damage("MANIFEST", false, 10, true, MADE);
}

/* ---- going on without what was lost ---- */

static int
open_with(const char *directory, const char *const *properties, struct log **log, struct error *err)
{
	struct log_config config = {.type = "embedded",
				    .directory = directory,
				    .memory_bytes = 16 << 20,
				    .clock = &clock_system,
				    .properties = properties};

	return log_open(&config, log, err);
}

/* Refused, then accepted by the number that the refusal names, then nothing is wrong any more. */
static void
accept(const char *directory)
{
	const char *const wrong[] = {"accept_lost_commits", "1000000", NULL};
	const char *right[] = {"accept_lost_commits", NULL, NULL};
	struct transaction *transaction;
	int topics[TOPICS];
	struct error err;
	struct log *log;
	int64_t kept;

	check_fails(open_with(directory, NULL, &log, &err), "has lost commits");
	check_fails(open_with(directory, wrong, &log, &err), "has lost commits");
	right[1] = strrchr(err.text, '=') + 1;
	check_ok(open_with(directory, right, &log, &err));
	kept = verify(log);
	check(kept < MADE);
	check_ok(log_transaction_open(log, "test", &transaction, &err));
	open_topics(log, topics);
	put_transaction(transaction, topics, kept);
	transaction_close(&transaction);
	log_close(&log);
	check_ok(open_with(directory, NULL, &log, &err));
	check_int(verify(log), kept + 1);
	log_close(&log);
	_exit(0);
}

static int
run_child(void (*child_main)(const char *), const char *directory)
{
	pid_t child = fork();

	if (child == 0)
		child_main(directory);
	return status_of(child);
}

TEST(lost_commits_are_accepted_by_their_number_and_only_once)
{
	char *directory = memory_format("%s/log", test_directory());
	struct stat stat_;
	char *path;

	check_int(run_child(make, directory), 0);
	path = largest(directory, ".log");
	check_int(stat(path, &stat_), 0);
	check_int(truncate(path, stat_.st_size / 2), 0);
	check_int(run_child(accept, directory), 0);
	memory_free(&path);
	memory_free(&directory);
}

static void
interrupt_commit(const char *directory)
{
	struct log *log = fixture_open(directory, false);
	struct transaction *transaction;
	struct segment_place place;
	uint8_t header[16] = {1, 0, 0, 0, 1};
	int topics[TOPICS];
	struct error err;

	open_topics(log, topics);
	check_ok(log_transaction_open(log, "test", &transaction, &err));
	put_transaction(transaction, topics, 0);
	header[12] = 2; /* the stamp of the commit that comes next */
	check_ok(segments_append(embedded_of(log)->segments, topics[0], bytes_of(header, 16),
				 bytes_of("\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0x", 17), &place, &err));
	check_ok(segments_sync(embedded_of(log)->segments, topics[0], &err));
	_exit(0);
}

static void
go_on(const char *directory)
{
	_exit(verify(fixture_open(directory, false)) == 1 ? 0 : 1);
}

TEST(a_batch_of_a_commit_that_was_interrupted_proves_nothing_and_is_not_used)
{
	char *directory = memory_format("%s/log", test_directory());

	check_int(run_child(interrupt_commit, directory), 0);
	check_int(run_child(go_on, directory), 0);
	memory_free(&directory);
}
