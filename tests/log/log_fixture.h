/* What the tests of the log share: opening one, appending numbered records, reading them back. */
#ifndef TESTS_LOG_FIXTURE_H
#define TESTS_LOG_FIXTURE_H

#include "log/log.h"
#include "tests/test.h"

struct log *fixture_open(const char *directory, bool read_only);
int fixture_topic(struct log *log, const char *name, int partitions, bool compacted);
/* Records first .. first + count - 1, value "number" padded to `size`, key "k<number % keys>". */
void fixture_append(struct transaction *transaction, int topic, int partition, int64_t first, int count, size_t size,
		    int keys);
void fixture_commit(struct transaction *transaction);
int64_t fixture_number(const struct log_record *record);
/* Records of a partition from `offset` up to its end; *last is the last one's number. */
int64_t fixture_count(struct log *log, int topic, int partition, int64_t offset, int64_t *last);

#endif
