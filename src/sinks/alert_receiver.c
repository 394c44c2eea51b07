#include "sinks/alert_receiver.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/memory.h"
#include "sinks/alert_sign.h"

#define API "/api/v2/alerts"

static const char *const kinds[] = {[ALERT_ALERTMANAGER] = "alertmanager", [ALERT_WEBHOOK] = "webhook"};

/* ---- URLs; errors show none of what stands behind the host ---- */

/* The host (and port) of http://host or https://host; empty where it is no such URL. */
static struct bytes
host_of(const char *url)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0) {
			const char *host = url + strlen(schemes[i]);

			return bytes_of(host, strcspn(host, "/?#"));
		}
	return bytes_of(NULL, 0);
}

static bool
is_address(struct bytes host)
{
	char *text = memory_format("%.*s", bytes_arguments(host));
	bool good = address_is_host(host) || address_is_host_port(text);

	memory_free(&text);
	return good;
}

static int
check_url(const char *option, size_t number, const char *url, struct error *err)
{
	struct bytes host = host_of(url);

	if (host.size == 0)
		return fail(err, FATAL, "%s: URL %zu is none; expected http://host:port/... or https://...", option,
			    number);
	if (memchr(host.data, '@', host.size))
		return fail(err, FATAL, "%s: URL %zu holds a password; expected it in a file of its own", option,
			    number);
	if (!is_address(host))
		return fail(err, FATAL, "%s: URL %zu has no host, or no port, that could be: \"%.*s\"", option, number,
			    host.size > 100 ? 100 : (int)host.size, (const char *)host.data);
	if (host.size > ALERT_RECEIVER_NAME_SIZE / 2)
		return fail(err, FATAL, "%s: the host of URL %zu is longer than %d bytes", option, number,
			    ALERT_RECEIVER_NAME_SIZE / 2);
	for (const char *at = url; *at; at++)
		if (!isgraph((unsigned char)*at))
			return fail(err, FATAL, "%s: URL %zu holds a character that has to be written as %%XX", option,
				    number);
	return 0;
}

static char *
full_url(enum alert_kind kind, const char *url)
{
	size_t size = strlen(url), api = strlen(API);

	if (kind == ALERT_WEBHOOK || (size > api && strcmp(url + size - api, API) == 0))
		return memory_text(url);
	while (size > 0 && url[size - 1] == '/')
		size--;
	return memory_format("%.*s%s", (int)size, url, API);
}

/* Takes over `url`. */
static int
add(enum alert_kind kind, const char *option, char *url, struct alert_receiver *receivers, size_t *count,
    struct error *err)
{
	struct bytes host = host_of(url);
	struct alert_receiver receiver = {
		.kind = kind,
		.url = url,
		.id = alert_digest(bytes_of_text(kinds[kind]), bytes_of_text(url)),
	};

	snprintf(receiver.name, sizeof(receiver.name), "%s %.*s%.*s", kinds[kind], (int)((const char *)host.data - url),
		 url, bytes_arguments(host));
	for (size_t i = 0; i < *count; i++)
		if (receivers[i].id == receiver.id) {
			memory_free(&receiver.url);
			return fail(err, FATAL, "%s: %s is listed twice", option, receiver.name);
		}
	receivers[(*count)++] = receiver;
	return 0;
}

int
alert_receivers_add(enum alert_kind kind, const char *option, const char *list, struct alert_receiver *receivers,
		    size_t *count, struct error *err)
{
	char *copy = memory_text(list), *rest = copy, *url;
	int result = 0;

	for (size_t number = 1; result == 0 && *list && (url = strsep(&rest, ",")); number++) {
		url += strspn(url, " ");
		url[strcspn(url, " ")] = 0;
		result = check_url(option, number, url, err);
		if (result == 0 && *count == ALERT_RECEIVERS_MAX)
			result = fail(err, FATAL, "%s: more than %d receivers in all", option, ALERT_RECEIVERS_MAX);
		if (result == 0)
			result = add(kind, option, full_url(kind, url), receivers, count, err);
	}
	memory_free(&copy);
	return result;
}

void
alert_receivers_free(struct alert_receiver *receivers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		memory_free(&receivers[i].url);
}

/* ---- answers ---- */

enum alert_verdict
alert_verdict(int status)
{
	static const int later[] = {401, 403, 404, 407, 408, 425, 429};

	if (status >= 200 && status < 300)
		return ALERT_TAKEN;
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (status == later[i])
			return ALERT_LATER;
	return status >= 400 && status < 500 ? ALERT_REFUSED : ALERT_LATER;
}

void
alert_receiver_failed(struct alert_receiver *receiver, bool answered, int64_t retry_after_ms, int64_t backoff_ms_max,
		      uint64_t random, int64_t now_ms)
{
	int64_t wait_ms = ALERT_BACKOFF_MS_MIN;

	for (int i = 0; i < receiver->failures && wait_ms < backoff_ms_max; i++)
		wait_ms *= 2;
	if (wait_ms > backoff_ms_max)
		wait_ms = backoff_ms_max;
	wait_ms = wait_ms / 2 + (int64_t)(random % (uint64_t)(wait_ms / 2 + 1));
	if (wait_ms < retry_after_ms)
		wait_ms = retry_after_ms < backoff_ms_max ? retry_after_ms : backoff_ms_max;
	if (receiver->failures++ == 0)
		receiver->failing_since_ms = now_ms;
	receiver->answered = answered && retry_after_ms == 0;
	receiver->next_ms = now_ms + wait_ms;
}

void
alert_receiver_worked(struct alert_receiver *receiver)
{
	receiver->failures = 0;
	receiver->next_ms = 0;
}
