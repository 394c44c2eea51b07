#include "log/kafka_property.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/address.h"
#include "base/memory.h"
#include "base/option.h"
#include "base/secret.h"
#include "log/kafka_numbers.h"

#define MASK "***"
#define NAMES_MAX 512 /* properties of librdkafka, and their aliases, that a misspelled one is compared with */

/* Ours: by them hangs that nothing is lost and nothing comes twice. */
static const char *const reserved[] = {
	"client.id",
	"group.id",
	"group.instance.id",
	"transactional.id",
	"enable.idempotence",
	"enable.auto.commit",
	"enable.auto.offset.store",
	"isolation.level",
	"enable.partition.eof",
	"auto.offset.reset",
	"allow.auto.create.topics",
	"partitioner",
	NULL,
};

bool
kafka_property_is_ours(const char *name)
{
	return strcmp(name, "replication.factor") == 0;
}

/* ---- librdkafka's reasons ---- */

/* clang-format off */
/* Those that librdkafka does not list: without a default, and other names. */
static const char *const unlisted[] = {
	"bootstrap.servers", "sasl.username", "sasl.password", "sasl.mechanism", "sasl.oauthbearer.config",
	"ssl.ca.location", "ssl.ca.pem", "ssl.key.location", "ssl.key.password", "ssl.key.pem",
	"ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.location", "ssl.keystore.password",
	"client.rack", "linger.ms", "acks", "compression.type", "replication.factor",
};
/* clang-format on */

/* NULL, or the property that was most likely meant. To be freed. */
static char *
closest_property(const char *name)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const char *names[NAMES_MAX + 1] = {0}, *closest;
	size_t used = sizeof(unlisted) / sizeof(unlisted[0]), count;
	const char **dump = rd_kafka_conf_dump(conf, &count);
	char *copy;

	memcpy(names, unlisted, sizeof(unlisted));
	for (size_t i = 0; i + 1 < count && used < NAMES_MAX; i += 2)
		names[used++] = dump[i];
	closest = option_closest(name, names);
	copy = closest ? memory_text(closest) : NULL;
	rd_kafka_conf_dump_free(dump, count);
	rd_kafka_conf_destroy(conf);
	return copy;
}

static int
fail_unknown(const char *name, struct error *err)
{
	char *closest;

	if (strcmp(name, "group.protocol") == 0)
		return fail(err, FATAL, "log: group.protocol needs librdkafka 2.12 or later; this is %s",
			    rd_kafka_version_str());
	closest = closest_property(name);
	fail(err, FATAL, "log: librdkafka %s has no property \"%.100s\"%s%s%s", rd_kafka_version_str(), name,
	     closest ? "; did you mean \"" : "", closest ? closest : "", closest ? "\"?" : "");
	memory_free(&closest);
	return -1;
}

/* librdkafka repeats the value, in quotes or with a colon or comma cut off. */
static void
mask(struct buffer *reason, const char *value)
{
	char *quoted = memory_format("\"%s\"", value), *found = strstr((char *)reason->data, quoted);

	if (found) {
		struct buffer masked = {0};

		buffer_print(&masked, "%.*s\"" MASK "\"%s", (int)(found - (char *)reason->data), (char *)reason->data,
			     found + strlen(quoted));
		buffer_put_u8(&masked, 0);
		buffer_fini(reason);
		*reason = masked;
	}
	memory_free(&quoted);
}

/* What librdkafka says of the value. Of a secret one, what it says of MASK in its place: that holds nothing of it. */
static void
reason_for(const char *name, const char *value, bool secret, struct buffer *out)
{
	char text[ERROR_TEXT_SIZE / 2] = "";
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (rd_kafka_conf_set(conf, name, secret ? MASK : value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		snprintf(text, sizeof(text), "it is not a value that librdkafka %s takes", rd_kafka_version_str());
	text[strcspn(text, "\n")] = 0;
	rd_kafka_conf_destroy(conf);
	buffer_print(out, "%s", text);
	buffer_put_u8(out, 0);
	mask(out, value);
}

static bool
holds_secret(const char *name)
{
	static const char *const words[] = {"password", "secret", "token", "jaas", "oauthbearer", "key", "pem"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

/* librdkafka reads "5s" as 5, whatever the unit of the property is. */
static int
check_number(const rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err)
{
	char read[32] = "", *end;
	size_t size = sizeof(read);

	strtoll(value, &end, 0);
	if (end == value || !*end || rd_kafka_conf_get(conf, name, read, &size) != RD_KAFKA_CONF_OK || !read[0] ||
	    read[strspn(read, "-0123456789")])
		return 0;
	return fail(err, FATAL,
		    "log: %s is a number, and librdkafka would take its value for %s; expected digits alone", name,
		    read);
}

static int
check_value(const char *name, const char *value, bool secret, struct error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct buffer reason = {0};
	char text[ERROR_TEXT_SIZE / 2];
	rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, text, sizeof(text));
	int checked = result == RD_KAFKA_CONF_OK ? check_number(conf, name, value, err) : 0;

	rd_kafka_conf_destroy(conf);
	if (result == RD_KAFKA_CONF_OK)
		return checked;
	if (result == RD_KAFKA_CONF_UNKNOWN)
		return fail_unknown(name, err);
	reason_for(name, value, secret, &reason);
	fail(err, FATAL, "log: %s: %s", name, (const char *)reason.data);
	buffer_fini(&reason);
	return -1;
}

/* ---- reading ---- */

int
kafka_property_read(const char *name, const char *value, char **out, struct error *err)
{
	for (const char *const *at = reserved; *at; at++)
		if (strcmp(name, *at) == 0)
			return fail(err, FATAL, "log: %s cannot be set: exactly-once depends on it", name);
	if (secret_fill(value, out, err) < 0)
		return fail_in(err, "log: %s", name);
	if (kafka_property_is_ours(name) || (kafka_numbers_have(name) && !secret_is_named(value)))
		return 0; /* kafka_numbers.h says more of it than librdkafka */
	if (kafka_numbers_have(name) && (*out)[strspn(*out, "0123456789")])
		fail(err, FATAL, "log: %s: %.100s stands for no number", name, value);
	else if (check_value(name, *out, secret_is_named(value) || holds_secret(name), err) == 0)
		return 0;
	secret_free(out);
	return -1;
}

static bool
is_server(struct bytes text)
{
	char *copy = memory_format("%.*s", bytes_arguments(text)), *host = strstr(copy, "://");
	bool good;

	host = host ? host + strlen("://") : copy;
	good = address_is_host(bytes_of_text(host)) || address_is_host_port(host);
	memory_free(&copy);
	return good;
}

int
kafka_property_check_servers(const char *servers, struct error *err)
{
	while (*servers) {
		size_t size = strcspn(servers, ","), lead = strspn(servers, " ");
		struct bytes server = bytes_of(servers + (lead < size ? lead : size), lead < size ? size - lead : 0);

		while (server.size > 0 && server.data[server.size - 1] == ' ')
			server.size--;
		if (!is_server(server))
			return fail(err, FATAL,
				    "log: bootstrap.servers has \"%.*s\"; expected host:port, parted by commas",
				    server.size > 100 ? 100 : (int)server.size, (const char *)server.data);
		servers += size + (servers[size] == ',');
	}
	return 0;
}
