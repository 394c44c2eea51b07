/* The command line -> one of the commands; and what libraries say before they end the process. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* Assertions of libraries that bad input or a failing disk makes fail: no programmer's error, ours or theirs. */
static const struct cause {
	const char *function, *file; /* parts of what the assertion names */
	const char *text;
} causes[] = {
	/* After a failed write RocksDB ends the process when it closes the file: in a failed rocksdb_open as well,
	 * where there is nothing that could be left open. */
	{"AssertFalseAndGetStatusForPrevError", "",
	 "a file of the log's or the stores' database could not be written: the disk is full, or fails"},
	/* librdkafka (2.0 to 2.12 at least) goes on at a wrong place behind a batch whose CRC is wrong. Where it finds
	 * something that it can pass over there, the batch is told as an error: kafka_place.c. */
	{"rd_slice_", "rdbuf.c",
	 "a broker's answer cannot be read: a batch is damaged, on its way or on the broker's disk; if it happens "
	 "again, compare the replicas of the topics that are read, and give a whole one the lead"},
};

/* In place of the C library's. */
void
__assert_fail(const char *assertion, const char *file, unsigned int line, const char *function)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++)
		if (strstr(function, causes[i].function) && strstr(file, causes[i].file)) {
			fprintf(stderr, "isotope: %s; the next run goes on where the last commit stands\n",
				causes[i].text);
			_exit(EXIT_FAILURE);
		}
	fprintf(stderr, "isotope: %s:%u: %s: %s does not hold\n", file, line, function, assertion);
	abort();
}

int
main(int count, char **arguments)
{
	return cli_main(count, arguments);
}
