#include "sinks/resolve.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/memory.h"
#include "base/stop.h"

/* Shared by who asks and the thread that looks it up; the last of them frees it. */
struct lookup {
	char *host, *port;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t done;
	bool ended, left; /* it is looked up; who asked has gone */
	int result;
	struct addrinfo *list;
};

static void
free_lookup(struct lookup *lookup)
{
	if (lookup->list)
		freeaddrinfo(lookup->list);
	pthread_cond_destroy(&lookup->done);
	pthread_mutex_destroy(&lookup->lock);
	memory_free(&lookup->host);
	memory_free(&lookup->port);
	memory_free(&lookup);
}

static struct lookup *
new_lookup(const char *host, const char *port)
{
	struct lookup *lookup = memory_new(sizeof(*lookup));

	lookup->host = memory_text(host);
	lookup->port = memory_text(port);
	pthread_mutex_init(&lookup->lock, NULL);
	pthread_cond_init(&lookup->done, NULL);
	return lookup;
}

static void *
look_up(void *argument)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct lookup *lookup = argument;
	struct addrinfo *list = NULL;
	int result = getaddrinfo(lookup->host, lookup->port, &hints, &list);
	bool left;

	pthread_mutex_lock(&lookup->lock);
	lookup->result = result;
	lookup->list = result == 0 ? list : NULL;
	lookup->ended = true;
	left = lookup->left;
	pthread_cond_signal(&lookup->done);
	pthread_mutex_unlock(&lookup->lock);
	if (left)
		free_lookup(lookup);
	return NULL;
}

/* Under the lock. */
static void
wait_for_end(struct lookup *lookup, int64_t until_us)
{
	int64_t seen_us = 0, now_us, end_us;

	while (!lookup->ended && (now_us = clock_monotonic_us()) < (end_us = stop_until_us(until_us, &seen_us))) {
		int64_t at_us = now_us + (int64_t)STOP_LOOK_MS * 1000;

		condition_wait(&lookup->done, &lookup->lock, at_us < end_us ? at_us : end_us);
	}
}

static int
take(struct lookup *lookup, int64_t wait_ms, struct addrinfo **out, struct error *err)
{
	bool ended;
	int result;

	pthread_mutex_lock(&lookup->lock);
	wait_for_end(lookup, clock_monotonic_us() + wait_ms * 1000);
	ended = lookup->ended;
	lookup->left = true;
	result = lookup->result;
	*out = lookup->list;
	if (ended)
		lookup->list = NULL;
	pthread_mutex_unlock(&lookup->lock);
	if (!ended)
		return fail(err, RETRY, "its name is not resolved: no answer of a name server");
	free_lookup(lookup);
	return result == 0 ? 0 : fail(err, RETRY, "%s", gai_strerror(result));
}

int
resolve(const char *host, const char *port, int64_t wait_ms, struct addrinfo **out, struct error *err)
{
	const struct addrinfo number = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct lookup *lookup;
	pthread_t thread;

	if (getaddrinfo(host, port, &number, out) == 0) /* an address: nobody has to be asked */
		return 0;
	lookup = new_lookup(host, port);
	if (pthread_create(&thread, NULL, look_up, lookup) != 0) {
		free_lookup(lookup);
		return fail(err, RETRY, "a thread cannot be started to resolve its name");
	}
	pthread_detach(thread);
	return take(lookup, wait_ms, out, err);
}
