#include "operators/feature_sink_store.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"

struct shared {
	struct shared *next;
	char *directory; /* NULL: nobody else's */
	struct feature_store *store;
	int users;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shared *all; /* guarded by lock */

static int
open_locked(const struct feature_store_config *config, struct feature_store **out, struct error *err)
{
	struct shared *shared = all;
	struct feature_store *store;

	while (shared && !(config->directory && shared->directory && strcmp(shared->directory, config->directory) == 0))
		shared = shared->next;
	if (!shared) {
		if (feature_store_open(config, &store, err) < 0)
			return -1;
		shared = memory_new(sizeof(*shared));
		*shared = (struct shared){.next = all, .store = store};
		shared->directory = config->directory ? memory_text(config->directory) : NULL;
		all = shared;
	}
	shared->users++;
	*out = shared->store;
	return 0;
}

int
feature_sink_store_open(const struct feature_store_config *config, struct feature_store **out, struct error *err)
{
	int result;

	pthread_mutex_lock(&lock);
	result = open_locked(config, out, err);
	pthread_mutex_unlock(&lock);
	return result;
}

void
feature_sink_store_close(struct feature_store **store)
{
	struct shared **link = &all;

	pthread_mutex_lock(&lock);
	while (*link && (*link)->store != *store)
		link = &(*link)->next;
	if (*link && --(*link)->users == 0) {
		struct shared *shared = *link;

		*link = shared->next;
		feature_store_close(&shared->store);
		memory_free(&shared->directory);
		memory_free(&shared);
	}
	pthread_mutex_unlock(&lock);
	*store = NULL;
}
