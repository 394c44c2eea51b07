/*
 * The end of a handle. rd_kafka_destroy and rd_kafka_consumer_close wait without a bound of their own: for a broker's
 * thread that is looking up a name, for a partition of a topic that was deleted meanwhile. So each handle is ended by a
 * thread of its own, and the process waits for all of them together, up to KAFKA_CLOSE_MS_MAX. What is left then ends
 * with the process: the group notices after the session timeout, the coordinator after the transaction's.
 *
 * What a handle's callbacks use is freed when it has ended: `after`.
 */
#include "base/condition.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/kafka_log.h"

struct closing {
	rd_kafka_t *handle;
	enum kafka_closing how;
	void (*before)(void *argument);
	void (*after)(void *argument);
	void *argument;
};

/* Of the process: a thread that is left has nothing else to touch. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int open_count;

static void
close_now(struct closing *closing)
{
	char reason[ERROR_TEXT_SIZE];
	/* One that librdkafka gave up is no member any more; to leave the group would hang. */
	bool given_up = rd_kafka_fatal_error(closing->handle, reason, sizeof(reason)) != RD_KAFKA_RESP_ERR_NO_ERROR;

	if (closing->before)
		closing->before(closing->argument);
	if (closing->how == KAFKA_CLOSE_MEMBER && !given_up)
		rd_kafka_consumer_close(closing->handle);
	if (closing->how == KAFKA_CLOSE_PRODUCER)
		rd_kafka_purge(closing->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_destroy_flags(closing->handle, given_up ? RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE : 0);
	if (closing->after)
		closing->after(closing->argument);
	memory_free(&closing);
}

static void *
close_main(void *argument)
{
	close_now(argument);
	pthread_mutex_lock(&lock);
	open_count--;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
	return NULL;
}

void
kafka_handle_close(rd_kafka_t *handle, enum kafka_closing how, void (*before)(void *argument),
		   void (*after)(void *argument), void *argument)
{
	struct closing *closing = memory_new(sizeof(*closing));
	pthread_t thread;

	*closing = (struct closing){
		.handle = handle, .how = how, .before = before, .after = after, .argument = argument};
	pthread_mutex_lock(&lock);
	open_count++;
	pthread_mutex_unlock(&lock);
	if (pthread_create(&thread, NULL, close_main, closing) == 0)
		pthread_detach(thread);
	else
		close_main(closing);
}

void
kafka_handles_wait(void)
{
	int64_t until_us = clock_monotonic_us() + (int64_t)KAFKA_CLOSE_MS_MAX * 1000;

	pthread_mutex_lock(&lock);
	while (open_count > 0 && condition_wait(&ended, &lock, until_us))
		;
	if (open_count > 0)
		logger_warn("handles_left",
			    "count=%d after_ms=%d reason=\"librdkafka has not ended them; they end with the process\"",
			    open_count, KAFKA_CLOSE_MS_MAX);
	pthread_mutex_unlock(&lock);
}
