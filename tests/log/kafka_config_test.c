/* What stands below `log:` is looked at before any broker is: nothing here needs one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "log/kafka_property.h"
#include "tests/test.h"

static struct error err;

static int
open_with(const char *const *properties)
{
	struct log_config config = {
		.type = "kafka",
		.directory = test_directory(),
		.memory_bytes = 1 << 20,
		.clock = &clock_system,
		.application = "test",
		.properties = properties,
	};
	struct log *log;

	return log_open(&config, &log, &err);
}

#define check_refused(part, ...)                                                                                       \
	do {                                                                                                           \
		const char *const properties[] = {"bootstrap.servers", "127.0.0.1:1", __VA_ARGS__, NULL};              \
		check_fails(open_with(properties), part);                                                              \
		check(err.action == FATAL);                                                                            \
	} while (0)

TEST(a_cluster_without_an_address_is_refused)
{
	const char *const properties[] = {"client.rack", "a", NULL};

	check_fails(open_with(properties), "bootstrap.servers is missing");
}

#define check_servers_refused(servers)                                                                                 \
	do {                                                                                                           \
		const char *const properties[] = {"bootstrap.servers", servers, NULL};                                 \
		check_fails(open_with(properties), "expected host:port, parted by commas");                            \
	} while (0)

TEST(addresses_of_brokers_are_addresses)
{
	check_servers_refused("kafka1:9092,,kafka2:9092");
	check_servers_refused("kafka1:9092, kafka2:x");
	check_servers_refused("kafka1:9092;kafka2:9092");
	check_servers_refused(":9092");
	check_servers_refused("kafka 1:9092");
	check_ok(kafka_property_check_servers("kafka1:9092, SSL://kafka2:9093,kafka3,[::1]:9092", &err));
}

TEST(what_exactly_once_depends_on_cannot_be_set)
{
	check_refused("isolation.level cannot be set", "isolation.level", "read_uncommitted");
	check_refused("enable.auto.commit cannot be set", "enable.auto.commit", "true");
	check_refused("transactional.id cannot be set", "transactional.id", "x");
}

TEST(an_unknown_property_is_named_with_what_was_meant)
{
	check_refused("has no property \"sasl.pasword\"; did you mean \"sasl.password\"?", "sasl.pasword", "x");
	check_refused("has no property \"bootstrap_servers\"; did you mean \"bootstrap.servers\"?", "bootstrap_servers",
		      "h:1");
}

TEST(the_reason_is_the_librarys_without_the_value)
{
	check_refused("log: security.protocol: Invalid value \"***\"", "security.protocol", "hunter2");
	check(!strstr(err.text, "hunter2"));
	check_refused("use `ssl.ca.location`", "ssl.truststore.location", "/etc/client.jks");
	check_refused("log: sasl.jaas.config: Java JAAS configuration is not supported", "sasl.jaas.config", "hunter2");
	check(!strstr(err.text, "hunter2"));
	check_refused("linger.ms", "linger.ms", "hunter2");
	check(!strstr(err.text, "hunter2"));
}

TEST(a_number_with_a_unit_is_not_cut)
{
	check_refused("log: linger.ms is a number, and librdkafka would take its value for 5", "linger.ms", "5s");
	check_refused("log: retries is a number", "retries", "7x");
	/* A text may begin with a digit. */
	check_refused("has no property", "client.rack", "7x", "none.such", "1");
}

TEST(a_transaction_may_not_outlive_its_member)
{
	check_refused("transaction.timeout.ms 9000 is not less than session.timeout.ms 6000", "session.timeout.ms",
		      "6000", "transaction.timeout.ms", "9000");
	check_refused("session.timeout.ms is \"6s\"; expected a number", "session.timeout.ms", "6s");
}

TEST(what_brokers_decide_in_the_consumer_protocol_cannot_be_set)
{
	check_refused("session.timeout.ms cannot be set with group.protocol: consumer: it is a setting of the brokers "
		      "there, group.consumer.session.timeout.ms",
		      "group.protocol", "consumer", "session.timeout.ms", "6000");
	check_refused("heartbeat.interval.ms cannot be set", "heartbeat.interval.ms", "100", "group.protocol",
		      "CONSUMER");
	check_refused("partition.assignment.strategy cannot be set", "group.protocol", "consumer",
		      "partition.assignment.strategy", "range");
}

TEST(a_secret_that_is_not_there_is_missed_by_its_place)
{
	char *path = memory_format("${FILE:%s/none}", test_directory());

	unsetenv("ISOTOPE_TEST_NONE");
	check_refused("sasl.password: the environment has no variable ISOTOPE_TEST_NONE", "sasl.password",
		      "${ENV:ISOTOPE_TEST_NONE}");
	check_refused("/none cannot be read", "sasl.password", path);
	check_refused("log: sasl.password: ${VAULT:x} means nothing", "sasl.password", "${VAULT:x}");
	memory_free(&path);
}

/* The value is used: it is one that librdkafka refuses. */
TEST(a_secret_is_read_from_environment_and_file)
{
	char *path = memory_format("%s/secret", test_directory());
	char *value = memory_format("${FILE:%s}", path);
	FILE *file = fopen(path, "w");

	check(file && fputs("no such protocol\n", file) >= 0 && fclose(file) == 0);
	setenv("ISOTOPE_TEST_SECRET", "no such protocol", 1);
	check_refused("log: security.protocol: Invalid value \"***\"", "security.protocol",
		      "${ENV:ISOTOPE_TEST_SECRET}");
	check(!strstr(err.text, "no such"));
	check_refused("log: security.protocol: Invalid value \"***\"", "security.protocol", value);
	setenv("ISOTOPE_TEST_SECRET", "6s", 1);
	check_refused("log: session.timeout.ms: ${ENV:ISOTOPE_TEST_SECRET} stands for no number", "session.timeout.ms",
		      "${ENV:ISOTOPE_TEST_SECRET}");
	check(!strstr(err.text, "6s"));
	memory_free(&path);
	memory_free(&value);
}

TEST(checksums_of_batches_are_checked_by_all_that_read)
{
	static char *properties[] = {NULL};
	struct kafka log = {.properties = properties, .application = memory_text("test"), .numbers.session_ms = 6000};

	for (enum kafka_role role = KAFKA_CLIENT; role <= KAFKA_FETCHER; role++) {
		rd_kafka_conf_t *conf = kafka_config(&log, role, &log, &err);
		char value[16] = "";
		size_t size = sizeof(value);

		check(conf != NULL);
		check_int(rd_kafka_conf_get(conf, "check.crcs", value, &size), RD_KAFKA_CONF_OK);
		check_text(value, "true");
		rd_kafka_conf_destroy(conf);
	}
	memory_free(&log.application);
}
