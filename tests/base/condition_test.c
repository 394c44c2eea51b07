#include "base/condition.h"

#include "base/clock.h"
#include "tests/test.h"

TEST(condition_is_waited_for_until_a_steady_time)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
	int64_t until_us = clock_monotonic_us() + 20000;

	pthread_mutex_lock(&lock);
	while (condition_wait(&condition, &lock, until_us))
		;
	check(clock_monotonic_us() >= until_us);
	check(!condition_wait(&condition, &lock, 0));
	pthread_mutex_unlock(&lock);
	pthread_cond_destroy(&condition);
	pthread_mutex_destroy(&lock);
}

struct pair {
	pthread_mutex_t lock;
	pthread_cond_t condition;
	bool done;
};

static void *
signal_main(void *argument)
{
	struct pair *pair = argument;

	pthread_mutex_lock(&pair->lock);
	pair->done = true;
	pthread_cond_signal(&pair->condition);
	pthread_mutex_unlock(&pair->lock);
	return NULL;
}

TEST(condition_without_a_deadline_waits_for_its_signal)
{
	struct pair pair = {.lock = PTHREAD_MUTEX_INITIALIZER, .condition = PTHREAD_COND_INITIALIZER};
	pthread_t thread;

	pthread_mutex_lock(&pair.lock);
	check_int(pthread_create(&thread, NULL, signal_main, &pair), 0);
	while (!pair.done)
		check(condition_wait(&pair.condition, &pair.lock, TIME_MAX));
	pthread_mutex_unlock(&pair.lock);
	check_int(pthread_join(thread, NULL), 0);
}
