/* What log_check finds below `log:`, in the order in which it stands there. */
#include <stdio.h>

#include "base/buffer.h"
#include "log/log.h"
#include "tests/test.h"

static struct buffer said;

static void
note(void *argument, const char *property, const struct error *problem)
{
	(void)argument;
	check_int(problem->action, FATAL);
	buffer_print(&said, "[%s] %s\n", property, problem->text);
}

#define check_finds(wanted, ...)                                                                                       \
	do {                                                                                                           \
		const char *const properties[] = {__VA_ARGS__, NULL};                                                  \
		struct log_config config = {.type = "kafka", .properties = properties};                                \
		log_check(&config, note, NULL);                                                                        \
		buffer_put_u8(&said, 0);                                                                               \
		check_contains((const char *)said.data, wanted);                                                       \
		buffer_fini(&said);                                                                                    \
	} while (0)

TEST(all_wrong_properties_are_found)
{
	check_finds("[group.id] log: group.id cannot be set", "group.id", "g", "linger.mss", "5");
	check_finds("[linger.mss] log: librdkafka", "group.id", "g", "linger.mss", "5");
	check_finds("[metadata.broker.list] log: bootstrap.servers is missing", "client.rack", "a");
	check_finds("[heartbeat.interval.ms] log: heartbeat.interval.ms 9000", "bootstrap.servers", "h:1",
		    "heartbeat.interval.ms", "9000", "session.timeout.ms", "10000");
}

TEST(what_the_library_refuses_together_is_found_without_a_broker)
{
	check_finds("sasl.username and sasl.password must be set", "bootstrap.servers", "h:1", "security.protocol",
		    "sasl_plaintext", "sasl.mechanism", "PLAIN");
	check_finds("[ssl.ca.location] log: ssl.ca.location failed", "bootstrap.servers", "h:1", "security.protocol",
		    "ssl", "ssl.ca.location", "/nowhere/ca.pem");
}

TEST(a_section_that_can_work_has_no_problem)
{
	const char *const properties[] = {"bootstrap.servers", "h:1", "linger.ms", "5", NULL};
	struct log_config config = {.type = "kafka", .properties = properties}, embedded = {.type = "embedded"};

	log_check(&config, note, NULL);
	log_check(&embedded, note, NULL);
	check_int((int64_t)said.size, 0);
}

TEST(the_embedded_log_has_no_properties_of_kafka)
{
	const char *const properties[] = {"bootstrap.servers", "h:1", NULL};
	struct log_config config = {.type = "embedded", .properties = properties};

	log_check(&config, note, NULL);
	buffer_put_u8(&said, 0);
	check_text((const char *)said.data, "[bootstrap.servers] log: the embedded log has no property "
					    "\"bootstrap.servers\"; is \"type: kafka\" meant?\n");
	buffer_fini(&said);
}
