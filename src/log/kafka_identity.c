/*
 * What names this process for the transaction coordinator: the instance name, or a number that is drawn once and kept
 * in the log's directory (`identity`), so that after a crash the next run there ends at once what this one left open.
 *
 * Two processes with one name take transactions from each other for ever. So the file says where it belongs: the
 * machine, and its own inode. In a directory that was copied, to this host or another, it belongs somewhere else, and a
 * new name is drawn. That costs a process that was killed and moved no more than the transaction timeout.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/logger.h"
#include "base/memory.h"
#include "log/kafka_log.h"

#define IDENTITY_BYTES 8
#define NAME_SIZE (2 * IDENTITY_BYTES + 1)
#define PLACE_SIZE 128

/* What is in the file: the name in hexadecimal, and in a second line the place; 0.1.0 wrote no second line. */
struct identity {
	char name[NAME_SIZE], place[PLACE_SIZE];
};

/* The machine's own id; where it has none, as in a container, its host name. */
static void
machine(char *out, size_t size)
{
	FILE *file = fopen("/etc/machine-id", "re");

	out[0] = 0;
	if (file) {
		if (!fgets(out, (int)size, file))
			out[0] = 0;
		fclose(file);
	}
	out[strcspn(out, "\n")] = 0;
	if (!out[0] && gethostname(out, size) < 0)
		out[0] = 0;
	out[size - 1] = 0;
}

static void
place_of(FILE *file, char *out, size_t size)
{
	char name[PLACE_SIZE / 2];
	struct stat about;

	machine(name, sizeof(name));
	snprintf(out, size, "%s %" PRIu64, name, fstat(fileno(file), &about) == 0 ? (uint64_t)about.st_ino : 0);
}

/* False: there is none, or half of one. */
static bool
read_file(const char *path, struct identity *out, char *here)
{
	FILE *file = fopen(path, "re");
	bool found;

	*out = (struct identity){0};
	if (!file)
		return false;
	found = fgets(out->name, sizeof(out->name), file) && strlen(out->name) == NAME_SIZE - 1 && fgetc(file) == '\n';
	if (found && fgets(out->place, sizeof(out->place), file))
		out->place[strcspn(out->place, "\n")] = 0;
	place_of(file, here, PLACE_SIZE);
	fclose(file);
	return found;
}

/* In place, so that the inode stays. */
static int
write_file(const char *path, const char *name, struct error *err)
{
	FILE *file = fopen(path, "we");
	char place[PLACE_SIZE];

	if (file) {
		place_of(file, place, sizeof(place));
		fprintf(file, "%s\n%s\n", name, place);
	}
	if (!file || fclose(file) != 0)
		return fail_file(err, errno, "%s cannot be written", path);
	return 0;
}

static int
draw(char *name, struct error *err)
{
	uint8_t random[IDENTITY_BYTES];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return fail(err, FATAL, "no random number for a name: %s", strerror(errno));
	bytes_write_hex(bytes_of(random, sizeof(random)), name);
	return 0;
}

static int
read_kept(const char *path, char *name, struct error *err)
{
	struct identity kept;
	char here[PLACE_SIZE] = "";
	bool found = read_file(path, &kept, here);

	if (found && strcmp(kept.place, here) == 0) {
		memcpy(name, kept.name, NAME_SIZE);
		return 0;
	}
	if (found && !kept.place[0]) { /* of 0.1.0: it stays, and is bound to this place */
		memcpy(name, kept.name, NAME_SIZE);
		return write_file(path, name, err);
	}
	if (draw(name, err) < 0)
		return -1;
	if (found)
		logger_warn(
			"identity_drawn_anew",
			"file=%s was=%s is=%s reason=\"it was made for another directory or machine: a process there "
			"may have the same name\"",
			path, kept.name, name);
	return write_file(path, name, err);
}

int
kafka_identity_read(struct kafka *log, const struct log_config *config, struct error *err)
{
	char name[NAME_SIZE] = "";
	char *path;
	int result;

	if (log->instance) {
		log->identity = memory_text(log->instance);
		return 0;
	}
	if (!config->directory || config->read_only) {
		result = draw(name, err);
	} else if (mkdir(config->directory, 0777) < 0 && errno != EEXIST) {
		result = fail_file(err, errno, "the directory %s cannot be made", config->directory);
	} else {
		path = memory_format("%s/identity", config->directory);
		result = read_kept(path, name, err);
		memory_free(&path);
	}
	log->identity = memory_text(name);
	return result;
}
