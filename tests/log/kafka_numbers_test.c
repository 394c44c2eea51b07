#include "log/kafka_numbers.h"

#include "tests/test.h"

static struct error err;
static const char *property;

static int
check_numbers(const char *const *properties, struct log_config config)
{
	struct kafka_numbers numbers;

	return kafka_numbers_read(properties, &config, &numbers, &property, &err);
}

#define CHECK_REFUSED(name, text, config, ...)                                                                         \
	do {                                                                                                           \
		check_fails(check_numbers((const char *const[]){__VA_ARGS__, NULL}, config), text);                    \
		check_text(property, name);                                                                            \
	} while (0)

TEST(what_is_not_given_belongs_together)
{
	struct kafka_numbers numbers;
	struct log_config config = {.commit_interval_ms = 15000};
	const char *const none[] = {NULL};

	check_ok(kafka_numbers_read(none, &config, &numbers, &property, &err));
	check_int(numbers.session_ms, 45000);
	check_int(numbers.transaction_ms, 30000);
	check_int(numbers.batch_bytes, 1000000);
	check_int(numbers.replication, -1);
}

TEST(a_commit_interval_that_a_transaction_does_not_outlive_is_refused_with_both_numbers)
{
	struct log_config often = {.commit_interval_ms = 2000}, seldom = {.commit_interval_ms = 8000};
	struct log_config at_least_once = {.commit_interval_ms = 8000, .at_least_once = true};
	const char *const session[] = {"session.timeout.ms", "6000", NULL};

	check_ok(check_numbers(session, often));
	check_ok(check_numbers(session, at_least_once));
	CHECK_REFUSED("commit_interval",
		      "commit_interval 8000 ms is more than half of log: transaction.timeout.ms 4000 (from "
		      "session.timeout.ms 6000)",
		      seldom, "session.timeout.ms", "6000");
	CHECK_REFUSED("commit_interval", "transaction.timeout.ms 10000: the broker would end", seldom,
		      "transaction.timeout.ms", "10000");
}

TEST(times_that_belong_together_are_refused_with_both_numbers)
{
	struct log_config config = {0};

	CHECK_REFUSED("transaction.timeout.ms",
		      "transaction.timeout.ms 45000 is not less than session.timeout.ms 45000", config,
		      "transaction.timeout.ms", "45000");
	CHECK_REFUSED("heartbeat.interval.ms",
		      "heartbeat.interval.ms 2001 is more than a third of session.timeout.ms 6000", config,
		      "session.timeout.ms", "6000", "heartbeat.interval.ms", "2001");
	CHECK_REFUSED("session.timeout.ms", "max.poll.interval.ms 300000 is less than session.timeout.ms 300001",
		      config, "session.timeout.ms", "300001");
	CHECK_REFUSED("max.poll.interval.ms", "max.poll.interval.ms 5000 is less than session.timeout.ms 45000", config,
		      "max.poll.interval.ms", "5000");
	CHECK_REFUSED("delivery.timeout.ms", "delivery.timeout.ms 30001 is more than transaction.timeout.ms 30000",
		      config, "delivery.timeout.ms", "30001");
}

TEST(queues_that_people_set_fit_into_memory)
{
	struct log_config config = {.memory_bytes = 16 << 20, .load.queues = 192};
	const char *const small[] = {"queued.max.messages.kbytes", "85", NULL};

	check_ok(check_numbers(small, config));
	CHECK_REFUSED(
		"queued.max.messages.kbytes",
		"queued.max.messages.kbytes 86 for each of 192 partitions that are read is more than the log's part of "
		"`memory`, 16384 KiB; expected at most 85",
		config, "queued.max.messages.kbytes", "86");
}

TEST(a_number_that_is_none_is_refused)
{
	struct log_config config = {0};

	CHECK_REFUSED("session.timeout.ms", "session.timeout.ms is \"6s\"; expected a number from 1 to 3600000", config,
		      "session.timeout.ms", "6s");
	CHECK_REFUSED("message.max.bytes", "message.max.bytes is \"20000\"; expected a number from 1000000", config,
		      "message.max.bytes", "20000");
}
