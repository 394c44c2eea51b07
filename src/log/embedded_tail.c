/*
 * Whether all commits are there that were made.
 *
 * RocksDB drops what follows the first damaged byte of its WAL, and all of a WAL that is not there: to it that is what
 * a crash leaves. So each commit has a number, which is in the database, and in every batch that it appended (its
 * stamp). A commit begins only after the one before it was durable: a batch of commit n in a segment proves that
 * commit n - 1 was made, whatever the database says. The file `commits` is a second witness, written after each commit
 * and never synced: behind after a loss of power, exact after anything else.
 *
 * A batch of the commit that follows the database's last one proves nothing: a crash came between the batch and its
 * row. It is reported, and never used: a writer begins a file of its own.
 *
 * Commits that are proven to be missing: the log is refused. Going on by itself would be exactly once in appearance
 * only: rows that others have read would be given to other records, and what was produced is gone. A person may put
 * the directory back, or go on with `accept_lost_commits`, the number that the message names; it holds for this loss
 * alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/logger.h"
#include "base/memory.h"
#include "log/embedded_log.h"

#define WITNESS_SIZE 24 /* bytes of the file `commits` */

struct tail {
	struct embedded *log;
	int topic;
	uint64_t proven; /* the last commit that is known to have been made */
	uint64_t highest;
	/* where that is seen: */
	int proof_topic; /* -1: in the file `commits` */
	uint64_t proof_number, proof_position;
	/* of this topic: what an interrupted commit left */
	uint64_t left_number, left_position;
	size_t left_bytes;
};

void
embedded_tail_key(uint8_t to[EMBEDDED_TAIL_KEY_SIZE], int topic)
{
	to[0] = 'e';
	store_be32(to + 1, (uint32_t)topic);
}

void
embedded_put_commits(rocksdb_writebatch_t *writes, uint64_t commits)
{
	uint8_t value[sizeof(uint64_t)];

	store_u64(value, commits);
	rocksdb_writebatch_put(writes, "c", 1, (const char *)value, sizeof(value));
}

/* Only a witness: a write that fails leaves it behind. */
void
embedded_note_commit(struct embedded *log, uint64_t commits)
{
	char text[WITNESS_SIZE + 1];

	if (log->commits_fd < 0)
		return;
	snprintf(text, sizeof(text), "%0*" PRIu64 "\n", WITNESS_SIZE - 1, commits);
	if (pwrite(log->commits_fd, text, WITNESS_SIZE, 0) != WITNESS_SIZE)
		logger_debug("commits_not_noted", "commits=%" PRIu64, commits);
}

static uint64_t
witnessed(const struct embedded *log)
{
	char text[WITNESS_SIZE + 1] = "";

	if (pread(log->commits_fd, text, WITNESS_SIZE, 0) != WITNESS_SIZE || text[WITNESS_SIZE - 1] != '\n')
		return 0;
	return strtoull(text, NULL, 10);
}

/* ---- the rows ---- */

static int
get_numbers(struct embedded *log, const void *key, size_t key_size, uint64_t *out, size_t count, bool *found,
	    struct error *err)
{
	rocksdb_pinnableslice_t *row;
	const char *value;
	size_t size;

	*found = false;
	if (embedded_get(log, key, key_size, &row, err) < 0)
		return -1;
	if (!row)
		return 0;
	value = rocksdb_pinnableslice_value(row, &size);
	*found = size == count * sizeof(uint64_t);
	for (size_t i = 0; *found && i < count; i++)
		out[i] = load_u64(value + i * sizeof(uint64_t));
	rocksdb_pinnableslice_destroy(row);
	return *found ? 0 : fail(err, FATAL, "the log is damaged: the number of its commits cannot be read");
}

/* ---- the segments ---- */

static void
visit(void *argument, uint64_t number, uint64_t position, size_t size, uint32_t stamp)
{
	struct tail *tail = argument;
	int32_t ahead = (int32_t)(stamp - (uint32_t)tail->log->commits);
	uint64_t commit = tail->log->commits + (uint64_t)(ahead > 0 ? ahead : 0);

	if (stamp == 0 || ahead <= 0)
		return;
	if (tail->left_bytes == 0) {
		tail->left_number = number;
		tail->left_position = position;
	}
	tail->left_bytes += size;
	if (commit > tail->highest)
		tail->highest = commit;
	if (commit - 1 <= tail->proven)
		return;
	tail->proven = commit - 1;
	tail->proof_topic = tail->topic;
	tail->proof_number = number;
	tail->proof_position = position;
}

static void
report_left(const struct tail *tail)
{
	char *path = segments_path(tail->log->segments, tail->topic, tail->left_number);

	logger_warn("uncommitted",
		    "file=%s position=%" PRIu64
		    " bytes=%zu reason=\"a commit was interrupted; its work is done again\"",
		    path, tail->left_position, tail->left_bytes);
	memory_free(&path);
}

static int
scan_topic(struct tail *tail, int topic, struct error *err)
{
	uint64_t last = segments_last(tail->log->segments, topic);
	uint64_t end[2] = {last, 0}; /* without a row: of before there were stamps, or all rows are lost */
	uint8_t key[EMBEDDED_TAIL_KEY_SIZE];
	bool found;

	if (last == UINT64_MAX)
		return 0;
	embedded_tail_key(key, topic);
	if (get_numbers(tail->log, key, sizeof(key), end, 2, &found, err) < 0)
		return -1;
	tail->topic = topic;
	tail->left_bytes = 0;
	if (found)
		segments_reserve(tail->log->segments, topic, end[0] + 1);
	if (segments_scan(tail->log->segments, topic, end[0], end[1], visit, tail, err) < 0)
		return -1;
	if (tail->left_bytes != 0 && tail->proven <= tail->log->commits)
		report_left(tail);
	return 0;
}

/* ---- the verdict ---- */

static int
refuse(const struct tail *tail, struct error *err)
{
	const struct embedded *log = tail->log;
	char *path = tail->proof_topic < 0 ? memory_format("%s/commits", log->directory)
					   : segments_path(log->segments, tail->proof_topic, tail->proof_number);

	fail(err, FATAL,
	     "the log in %s has lost commits: its database ends with commit %" PRIu64 ", and %s (byte %" PRIu64
	     ") shows that commit %" PRIu64
	     " was made; its WAL was damaged or cut. Put the directory back from a copy. To "
	     "go on without them (what was processed is processed again, what was produced is gone) run once with "
	     "--set log." EMBEDDED_ACCEPT "=%" PRIu64,
	     log->directory, log->commits, path, tail->proof_position, tail->proven, log->commits);
	memory_free(&path);
	return -1;
}

static bool
is_accepted(const struct embedded *log, const char *const *properties)
{
	for (; properties && *properties; properties += 2)
		if (strcmp(properties[0], EMBEDDED_ACCEPT) == 0)
			return strtoull(properties[1], NULL, 10) == log->commits && *properties[1];
	return false;
}

/* From here on their numbers are taken, so that what is left of them proves nothing any more. */
static int
go_on_without(struct embedded *log, uint64_t highest, struct error *err)
{
	rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
	int result;

	logger_error("commits_lost", "from=%" PRIu64 " to=%" PRIu64 " reason=\"accepted\"", log->commits + 1, highest);
	embedded_put_commits(writes, highest);
	result = embedded_write(log, writes, true, err);
	rocksdb_writebatch_destroy(writes);
	log->commits = highest;
	return result;
}

int
embedded_tail_check(struct embedded *log, const char *const *properties, struct error *err)
{
	struct tail tail = {.log = log, .proof_topic = -1};
	bool found;

	if (log->read_only || !log->directory)
		return 0;
	if (get_numbers(log, "c", 1, &log->commits, 1, &found, err) < 0)
		return -1;
	tail.proven = tail.highest = witnessed(log);
	for (int topic = 0; topic < EMBEDDED_TOPICS_MAX; topic++) /* also those whose names are lost */
		if (scan_topic(&tail, topic, err) < 0)
			return -1;
	if (tail.proven <= log->commits)
		return 0;
	return is_accepted(log, properties) ? go_on_without(log, tail.highest, err) : refuse(&tail, err);
}
