#include "log/log.h"
#include "tests/test.h"

static int
expected(int32_t hash, int partitions)
{
	return (hash & 0x7fffffff) % partitions;
}

TEST(partitions_are_those_of_the_java_producer)
{
	static const struct {
		const char *key;
		int32_t hash;
	} known[] = {
		{"21", -973932308},
		{"foobar", -790332482},
		{"a-little-bit-long-string", -985981536},
		{"a-little-bit-longer-string", -1486304829},
		{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
		{"abc", 479470107},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (int partitions = 1; partitions <= LOG_PARTITIONS_MAX; partitions = partitions * 3 + 1)
			check_int(log_partition_of(bytes_of_text(known[i].key), partitions),
				  expected(known[i].hash, partitions));
}
