#include "log/kafka_call.h"

#include "base/clock.h"
#include "base/condition.h"
#include "base/memory.h"
#include "log/kafka_log.h"

static const char *const names[] = {[KAFKA_CALL_INIT] = "init_transactions",
				    [KAFKA_CALL_POSITIONS] = "send_offsets_to_transaction",
				    [KAFKA_CALL_COMMIT] = "commit_transaction",
				    [KAFKA_CALL_ABORT] = "abort_transaction"};

void
kafka_caller_init(struct kafka_caller *caller)
{
	pthread_mutex_init(&caller->lock, NULL);
	pthread_cond_init(&caller->changed, NULL);
}

/* ---- its thread ---- */

static rd_kafka_error_t *
make(struct kafka_caller *caller, enum kafka_call call)
{
	switch (call) {
	case KAFKA_CALL_INIT:
		return rd_kafka_init_transactions(caller->handle, KAFKA_CALL_MS_MAX);
	case KAFKA_CALL_POSITIONS:
		return rd_kafka_send_offsets_to_transaction(caller->handle, caller->positions, caller->metadata,
							    KAFKA_CALL_MS_MAX);
	case KAFKA_CALL_COMMIT:
		return rd_kafka_commit_transaction(caller->handle, KAFKA_CALL_MS_MAX);
	case KAFKA_CALL_ABORT:
		return rd_kafka_abort_transaction(caller->handle, KAFKA_CALL_MS_MAX);
	case KAFKA_CALL_NONE:
		break;
	}
	insist(false);
	return NULL;
}

static void *
caller_main(void *argument)
{
	struct kafka_caller *caller = argument;
	rd_kafka_error_t *error;
	enum kafka_call call;

	pthread_mutex_lock(&caller->lock);
	for (;;) {
		while ((caller->call == KAFKA_CALL_NONE || caller->done) && !caller->stopping)
			pthread_cond_wait(&caller->changed, &caller->lock);
		if (caller->stopping)
			break;
		call = caller->call;
		pthread_mutex_unlock(&caller->lock);
		error = make(caller, call); /* nobody changes its arguments while it is out */
		pthread_mutex_lock(&caller->lock);
		caller->error = error;
		caller->done = true;
		pthread_cond_broadcast(&caller->changed);
	}
	pthread_mutex_unlock(&caller->lock);
	return NULL;
}

/* Under the lock. */
static void
forget(struct kafka_caller *caller)
{
	if (caller->positions)
		rd_kafka_topic_partition_list_destroy(caller->positions);
	if (caller->metadata)
		rd_kafka_consumer_group_metadata_destroy(caller->metadata);
	caller->positions = NULL;
	caller->metadata = NULL;
	caller->error = NULL;
	caller->call = KAFKA_CALL_NONE;
	caller->done = false;
}

void
kafka_caller_fini(struct kafka_caller *caller)
{
	pthread_mutex_lock(&caller->lock);
	caller->stopping = true;
	pthread_cond_broadcast(&caller->changed);
	pthread_mutex_unlock(&caller->lock);
	if (caller->started)
		pthread_join(caller->thread, NULL);
	rd_kafka_error_destroy(caller->error);
	forget(caller);
	pthread_cond_destroy(&caller->changed);
	pthread_mutex_destroy(&caller->lock);
}

/* ---- who calls ---- */

/* Under the lock: the call is out from now on. */
static int
begin(struct kafka_caller *caller, enum kafka_call call, struct error *err)
{
	if (!caller->started && pthread_create(&caller->thread, NULL, caller_main, caller) != 0)
		return fail(err, FATAL, "a thread cannot be started for calls of a producer");
	caller->started = true;
	caller->call = call;
	caller->began_us = clock_monotonic_us();
	pthread_cond_broadcast(&caller->changed);
	return 0;
}

/* Under the lock. */
static int
wait_for(struct kafka_caller *caller, enum kafka_call call, rd_kafka_error_t **error, struct error *err)
{
	int64_t until_us = clock_monotonic_us() + (int64_t)(KAFKA_CALL_MS_MAX + KAFKA_CALL_GRACE_MS) * 1000;

	while (caller->call == call && !caller->done && condition_wait(&caller->changed, &caller->lock, until_us))
		;
	if (caller->call != call || !caller->done)
		return fail(err, RETRY, "librdkafka has not come back from %s", names[caller->call]);
	*error = caller->error;
	forget(caller);
	return 0;
}

int
kafka_call(struct kafka_caller *caller, enum kafka_call call, rd_kafka_error_t **error, struct error *err)
{
	int result;

	pthread_mutex_lock(&caller->lock);
	result = caller->call == KAFKA_CALL_NONE ? begin(caller, call, err) : 0;
	if (result == 0)
		result = wait_for(caller, call, error, err);
	pthread_mutex_unlock(&caller->lock);
	return result;
}

int
kafka_call_positions(struct kafka_caller *caller, const rd_kafka_topic_partition_list_t *positions,
		     rd_kafka_consumer_group_metadata_t *metadata, rd_kafka_error_t **error, struct error *err)
{
	pthread_mutex_lock(&caller->lock);
	if (caller->call == KAFKA_CALL_NONE) {
		caller->positions = rd_kafka_topic_partition_list_copy(positions);
		caller->metadata = metadata;
	} else {
		rd_kafka_consumer_group_metadata_destroy(metadata);
	}
	pthread_mutex_unlock(&caller->lock);
	return kafka_call(caller, KAFKA_CALL_POSITIONS, error, err);
}

int64_t
kafka_call_ms(struct kafka_caller *caller, enum kafka_call *call)
{
	int64_t ms = 0;

	pthread_mutex_lock(&caller->lock);
	*call = caller->call;
	if (caller->call != KAFKA_CALL_NONE)
		ms = (clock_monotonic_us() - caller->began_us) / 1000 + 1;
	pthread_mutex_unlock(&caller->lock);
	return ms;
}
