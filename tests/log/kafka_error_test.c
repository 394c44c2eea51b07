#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/memory.h"
#include "log/kafka_log.h"
#include "tests/test.h"

static char written[1 << 16];

/* What a thousand events of each line leave on standard error. */
static const char *
write_lines(const char *const *lines)
{
	char *path = memory_format("%s/lines", test_directory());
	int file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600), before = dup(STDERR_FILENO);
	ssize_t size;

	check(file >= 0 && before >= 0 && dup2(file, STDERR_FILENO) >= 0);
	for (int i = 0; i < 1000; i++)
		for (int k = 0; lines[k]; k += 2)
			kafka_log_callback(NULL, LOG_ERR, lines[k], lines[k + 1]);
	check(dup2(before, STDERR_FILENO) >= 0);
	size = pread(file, written, sizeof(written) - 1, 0);
	check(size > 0);
	written[size] = 0;
	close(file);
	close(before);
	memory_free(&path);
	return written;
}

static int
count(const char *text, const char *part)
{
	int found = 0;

	for (; (text = strstr(text, part)); text++)
		found++;
	return found;
}

TEST(a_broker_that_is_gone_is_a_line_of_each_facility_and_not_one_for_each_attempt)
{
	const char *const lines[] = {"FAIL",  "[thrd:a:9092/1]: a:9092/1: Connect to a:9092 failed",
				     "FAIL",  "[thrd:b:9092/2]: b:9092/2: Connect to b:9092 failed",
				     "ERROR", "[thrd:app]: x#consumer-3: a:9092/1: Connect to a:9092 failed",
				     NULL};
	const char *text = write_lines(lines);

	check_int(count(text, " error librdkafka handle=none facility="), 3);
	check_int(count(text, "facility=FAIL text=\"[thrd:a"), 1);
	check_int(count(text, "facility=FAIL text=\"[thrd:b"), 1);
}
