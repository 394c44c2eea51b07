/*
 * What is wrong with `log:` by itself, as a start would find it: each property, what belongs together, and handles made
 * with all of it. A handle without a broker's address connects nowhere; it is where librdkafka looks at certificates
 * and at properties together.
 */
#include <strings.h>

#include "base/secret.h"
#include "log/kafka_property.h"

static void
silent(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	(void)handle;
	(void)level;
	(void)facility;
	(void)text;
}

/* The property that librdkafka's text is about: the longest name in it. */
static const char *
property_in(const struct kafka *log, const char *text)
{
	const char *found = "";

	for (char **at = log->properties; *at; at += 2)
		if (strstr(text, *at) && strlen(*at) > strlen(found))
			found = *at;
	return found;
}

static int
try_handle(struct kafka *log, enum kafka_role role, rd_kafka_type_t type, const char *id, struct error *err)
{
	rd_kafka_conf_t *conf = kafka_config(log, role, NULL, err);
	rd_kafka_t *handle;

	if (!conf)
		return -1;
	rd_kafka_conf_set_log_cb(conf, silent);
	rd_kafka_conf_set(conf, "bootstrap.servers", NULL, NULL, 0);
	if (kafka_config_set(conf, id, "check", err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	if (kafka_handle_open(conf, type, &handle, err) < 0)
		return -1;
	rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return 0;
}

/* With these mechanisms a handle asks for a ticket or a token at once. */
static bool
asks_outside(const struct kafka *log)
{
	const char *protocol = kafka_config_text(log, "security.protocol");
	const char *mechanism = kafka_config_text(log, kafka_config_has(log, "sasl.mechanism") ? "sasl.mechanism"
											       : "sasl.mechanisms");

	return strncasecmp(protocol, "sasl", 4) == 0 &&
	       (strncmp(mechanism, "PLAIN", 5) != 0 && strncmp(mechanism, "SCRAM", 5) != 0);
}

static int
check_together(struct kafka *log, const struct log_config *config, const char **property, struct error *err)
{
	if (kafka_config_read(log, config, property, err) < 0)
		return -1;
	if (asks_outside(log))
		return 0;
	if (try_handle(log, KAFKA_GROUP, RD_KAFKA_CONSUMER, "group.id", err) == 0 &&
	    (log->at_least_once ? try_handle(log, KAFKA_PLAIN_PRODUCER, RD_KAFKA_PRODUCER, "client.id", err)
				: try_handle(log, KAFKA_PRODUCER, RD_KAFKA_PRODUCER, "transactional.id", err)) == 0)
		return 0;
	*property = property_in(log, err->text);
	return -1;
}

void
kafka_check(const struct log_config *config, log_problem *found, void *argument)
{
	struct kafka log = {0};
	const char *property;
	struct error err;
	bool good = true;

	for (const char *const *at = config->properties; at && *at; at += 2) {
		char *value;

		if (kafka_property_read(at[0], at[1], &value, &err) == 0) {
			secret_free(&value);
			continue;
		}
		found(argument, at[0], &err);
		good = false;
	}
	if (good && check_together(&log, config, &property, &err) < 0)
		found(argument, property, &err);
	kafka_config_fini(&log);
}
