#include "sinks/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "tests/test.h"

/* Stands in for the C library's: of names it knows "known", and is silent about "silent" until it is released. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool asked, released, answered;
static struct addrinfo answer;

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **list)
{
	(void)port;
	if (strcmp(host, "127.0.0.1") == 0) {
		*list = &answer;
		return 0;
	}
	if (hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	pthread_mutex_lock(&lock);
	asked = true;
	pthread_cond_broadcast(&changed);
	while (strcmp(host, "silent") == 0 && !released)
		pthread_cond_wait(&changed, &lock);
	answered = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	if (strcmp(host, "known") != 0)
		return EAI_NONAME;
	*list = &answer;
	return 0;
}

void
freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

static struct error err;
static struct addrinfo *list;

static void
release(void)
{
	pthread_mutex_lock(&lock);
	check(asked);
	released = true;
	pthread_cond_broadcast(&changed);
	while (!answered)
		pthread_cond_wait(&changed, &lock);
	released = answered = false;
	pthread_mutex_unlock(&lock);
}

TEST(an_address_needs_no_name_server)
{
	check_ok(resolve("127.0.0.1", "6379", 60000, &list, &err));
	check(list == &answer && !asked);
}

TEST(a_name_is_looked_up)
{
	check_ok(resolve("known", "6379", 60000, &list, &err));
	check(list == &answer);
	check_fails(resolve("unknown", "6379", 60000, &list, &err), gai_strerror(EAI_NONAME));
	check_int(err.action, RETRY);
}

TEST(a_name_server_that_is_silent_is_not_waited_for_longer_than_the_caller_wants)
{
	answered = false;
	check_fails(resolve("silent", "6379", 50, &list, &err), "no answer of a name server");
	check_int(err.action, RETRY);
	release();
}

TEST(a_stop_ends_the_wait)
{
	int64_t began_us = clock_monotonic_us();

	answered = false;
	stop_install();
	raise(SIGTERM);
	check_fails(resolve("silent", "6379", 600000, &list, &err), "no answer of a name server");
	check(clock_monotonic_us() - began_us < 60 * (int64_t)1000000);
	release();
}
