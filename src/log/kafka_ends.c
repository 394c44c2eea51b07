/*
 * Where partitions begin and end, asked for on a thread of its own: the asker. Who wants to know leaves a question and
 * takes the answer when it is there; nobody who has other work waits for a broker that does not answer.
 *
 * Questions are gathered: one request for all partitions of a leader, so that three hundred quiet partitions of a
 * broker that is gone cost one timeout. Leaders that were silent the last time are asked after the others.
 *
 * The end comes from two handles: a read_uncommitted one is told the high watermark, behind what transactions that are
 * still open have written, a read_committed one the last stable offset. In this order: what is committed in between is
 * seen as committed.
 *
 * rd_kafka_query_watermark_offsets is not used: in librdkafka 2.0.2 it waits without end for a leader that is gone,
 * whatever its timeout. rd_kafka_offsets_for_times keeps its own, and takes -1 and -2 for the end and the start.
 */
#include <stdlib.h>

#include "base/condition.h"
#include "base/memory.h"
#include "log/kafka_log.h"

#define ASK_MS_MAX 500	   /* one request to one leader */
#define ASK_AGAIN_MS 500   /* who did not answer is asked again so soon */
#define LEADERS_MS 1000	   /* leaders are looked up again after so long, and after a failure */
#define WANTED_MS 10000	   /* a question that nobody has repeated for so long is dropped */
#define QUESTIONS_MAX 4096 /* of one round */
#define LEADER_UNKNOWN (-1)
#define LOGICAL_START (-2) /* of ListOffsets; the end is RD_KAFKA_OFFSET_END, -1 */

struct question {
	struct kafka_topic *topic;
	int partition;
	int32_t leader;
	bool failed; /* the last time */
	rd_kafka_resp_err_t code;
	struct partition_ends ends;
};

/* ---- asking ---- */

static rd_kafka_resp_err_t
ask_metadata(rd_kafka_t *handle, const char *name, const struct rd_kafka_metadata **out)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(handle, name, NULL);
	rd_kafka_resp_err_t code = rd_kafka_metadata(handle, 0, rkt, out, ASK_MS_MAX);

	rd_kafka_topic_destroy(rkt);
	return code;
}

static void
take_leaders(struct kafka_topic *topic, const struct rd_kafka_metadata_topic *metadata)
{
	for (int i = 0; i < topic->partitions; i++)
		topic->leaders[i] = LEADER_UNKNOWN;
	for (int i = 0; i < metadata->partition_cnt; i++)
		if (metadata->partitions[i].id >= 0 && metadata->partitions[i].id < topic->partitions)
			topic->leaders[metadata->partitions[i].id] = metadata->partitions[i].leader;
	topic->leaders_us = clock_monotonic_us();
}

/* Both handles have to know: each goes by a cache of its own, which nothing else refreshes. */
rd_kafka_resp_err_t
kafka_look_up(struct kafka *log, struct kafka_topic *topic)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;

	if (topic->leaders_us != 0 && clock_monotonic_us() - topic->leaders_us < (int64_t)LEADERS_MS * 1000)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	code = ask_metadata(log->pending, topic->name, &metadata);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return code;
	rd_kafka_metadata_destroy(metadata);
	code = ask_metadata(log->client, topic->name, &metadata);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return code;
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		take_leaders(topic, &metadata->topics[0]);
	kafka_watch_note(log, topic, code, metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0);
	rd_kafka_metadata_destroy(metadata);
	return code;
}

static int64_t *
answer_of(struct question *question, rd_kafka_t *handle, const struct kafka *log, int64_t what)
{
	if (what == LOGICAL_START)
		return &question->ends.start;
	return handle == log->pending ? &question->ends.pending_end : &question->ends.end;
}

/* One request: all questions go to one leader. */
static rd_kafka_resp_err_t
ask_offsets(struct kafka *log, rd_kafka_t *handle, int64_t what, struct question *questions, size_t count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, questions[i].topic->name, questions[i].partition)->offset =
			what;
	code = rd_kafka_offsets_for_times(handle, list, ASK_MS_MAX);
	for (size_t i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		code = list->elems[i].err;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[i].offset < 0)
			code = RD_KAFKA_RESP_ERR__TIMED_OUT; /* as it was handed over: it has no answer */
		*answer_of(&questions[i], handle, log, what) = list->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

static rd_kafka_resp_err_t
ask_all(struct kafka *log, struct question *questions, size_t count)
{
	rd_kafka_resp_err_t code = ask_offsets(log, log->pending, RD_KAFKA_OFFSET_END, questions, count);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = ask_offsets(log, log->client, RD_KAFKA_OFFSET_END, questions, count);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = ask_offsets(log, log->client, LOGICAL_START, questions, count);
	for (size_t i = 0; i < count; i++)
		questions[i].code = code;
	return code;
}

static bool
is_silence(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
	       code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
}

/* A partition that is refused fails the request for all that are in it: then each is asked about by itself. */
static void
ask_leader(struct kafka *log, struct question *questions, size_t count)
{
	rd_kafka_resp_err_t code = ask_all(log, questions, count);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || is_silence(code) || count == 1)
		return;
	for (size_t i = 0; i < count && !is_silence(code); i++)
		code = ask_all(log, &questions[i], 1);
}

/* ---- a round ---- */

static void
publish(struct kafka *log, const struct question *questions, size_t count, int64_t asked_us)
{
	struct kafka_asker *asker = &log->asker;

	pthread_mutex_lock(&asker->lock);
	for (size_t i = 0; i < count; i++) {
		struct kafka_ends *ends = &questions[i].topic->ends[questions[i].partition];

		ends->code = questions[i].code;
		if (ends->code == RD_KAFKA_RESP_ERR_NO_ERROR) {
			ends->now = questions[i].ends;
			ends->asked_us = asked_us;
		} else {
			ends->failed_us = asked_us;
			ends->again_us = clock_monotonic_us() + (int64_t)ASK_AGAIN_MS * 1000;
			questions[i].topic->leaders_us = 0;
		}
	}
	pthread_cond_broadcast(&asker->answered);
	pthread_mutex_unlock(&asker->lock);
}

static int
by_leader(const void *left, const void *right)
{
	const struct question *a = left, *b = right;

	if (a->failed != b->failed)
		return a->failed ? 1 : -1;
	return (a->leader > b->leader) - (a->leader < b->leader);
}

static void
find_leaders(struct kafka *log, struct question *questions, size_t count)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (size_t i = 0; i < count; i++) {
		struct question *question = &questions[i];

		if ((i == 0 || question->topic != questions[i - 1].topic) && !is_silence(code))
			code = kafka_look_up(log, question->topic);
		question->code = code;
		question->leader = code == RD_KAFKA_RESP_ERR_NO_ERROR ? question->topic->leaders[question->partition]
								      : LEADER_UNKNOWN;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR && question->leader == LEADER_UNKNOWN)
			question->code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	}
}

/* What each leader says is there for its takers before the next one is asked. */
static void
run_round(struct kafka *log, struct question *questions, size_t count)
{
	int64_t asked_us = clock_monotonic_us();
	size_t next;

	find_leaders(log, questions, count);
	qsort(questions, count, sizeof(*questions), by_leader);
	for (size_t i = 0; i < count && !atomic_load(&log->asker.stopping); i = next) {
		for (next = i + 1; next < count && by_leader(&questions[i], &questions[next]) == 0; next++)
			;
		if (questions[i].leader != LEADER_UNKNOWN)
			ask_leader(log, &questions[i], next - i);
		publish(log, &questions[i], next - i, asked_us);
	}
}

/* ---- the asker ---- */

static bool
is_wanted(const struct kafka_ends *ends, int64_t now_us)
{
	return ends->wanted_us > ends->asked_us && now_us < ends->dropped_us;
}

/* Under the lock. *due_us: when the next one is to be asked again. */
static size_t
gather(struct kafka *log, struct question *questions, int64_t *due_us)
{
	int64_t now_us = clock_monotonic_us();
	size_t count = 0;

	*due_us = TIME_MAX;
	pthread_mutex_lock(&log->lock);
	for (int i = 0; i < log->topic_count; i++) {
		struct kafka_topic *topic = log->topics[i];

		for (int k = 0; k < topic->partitions && count < QUESTIONS_MAX; k++) {
			const struct kafka_ends *ends = &topic->ends[k];

			if (!is_wanted(ends, now_us))
				continue;
			if (now_us >= ends->again_us)
				questions[count++] = (struct question){
					.topic = topic, .partition = k, .failed = ends->code != 0};
			else if (ends->again_us < *due_us)
				*due_us = ends->again_us;
		}
	}
	pthread_mutex_unlock(&log->lock);
	return count;
}

static void *
asker_main(void *argument)
{
	struct kafka *log = argument;
	struct kafka_asker *asker = &log->asker;
	struct question *questions = memory_new_array(QUESTIONS_MAX, sizeof(*questions));
	int64_t due_us, watch_us = 0;

	pthread_mutex_lock(&asker->lock);
	while (!atomic_load(&asker->stopping)) {
		size_t count = gather(log, questions, &due_us);

		if (count == 0 && clock_monotonic_us() < watch_us) {
			condition_wait(&asker->wake, &asker->lock, due_us < watch_us ? due_us : watch_us);
			continue;
		}
		pthread_mutex_unlock(&asker->lock);
		if (count > 0)
			run_round(log, questions, count);
		watch_us = kafka_watch(log);
		pthread_mutex_lock(&asker->lock);
	}
	pthread_mutex_unlock(&asker->lock);
	memory_free(&questions);
	return NULL;
}

void
kafka_asker_init(struct kafka_asker *asker)
{
	pthread_mutex_init(&asker->lock, NULL);
	pthread_cond_init(&asker->wake, NULL);
	pthread_cond_init(&asker->answered, NULL);
	atomic_init(&asker->stopping, false);
}

void
kafka_asker_fini(struct kafka_asker *asker)
{
	pthread_mutex_lock(&asker->lock);
	atomic_store(&asker->stopping, true);
	pthread_cond_signal(&asker->wake);
	pthread_mutex_unlock(&asker->lock);
	if (asker->started)
		pthread_join(asker->thread, NULL);
	pthread_cond_destroy(&asker->wake);
	pthread_cond_destroy(&asker->answered);
	pthread_mutex_destroy(&asker->lock);
}

/* Under the lock: at the first question, with the handle that it needs. */
static int
start_asker(struct kafka *log, struct error *err)
{
	rd_kafka_conf_t *conf;

	if (log->asker.started)
		return 0;
	if (!log->pending) {
		conf = kafka_config(log, KAFKA_PENDING, log, err);
		if (!conf || kafka_handle_open(conf, RD_KAFKA_CONSUMER, &log->pending, err) < 0)
			return -1;
	}
	if (pthread_create(&log->asker.thread, NULL, asker_main, log) != 0)
		return fail(err, FATAL, "a thread cannot be started for the ends of partitions");
	log->asker.started = true;
	return 0;
}

/* ---- those who want to know ---- */

/* Under the lock. */
static void
want(struct kafka_asker *asker, struct kafka_ends *ends, int64_t since_us)
{
	int64_t now_us = clock_monotonic_us();

	if (!is_wanted(ends, now_us))
		ends->again_us = 0;
	if (ends->wanted_us < since_us)
		ends->wanted_us = since_us;
	ends->dropped_us = now_us + (int64_t)WANTED_MS * 1000;
	pthread_cond_signal(&asker->wake);
}

static int
say_unknown(const struct kafka_topic *topic, int partition, int64_t since_us, struct error *err)
{
	const struct kafka_ends *ends = &topic->ends[partition];

	if (ends->code == RD_KAFKA_RESP_ERR_NO_ERROR || ends->failed_us < since_us)
		return fail(err, RETRY, "the end of topic '%s' partition %d is not known yet", topic->name, partition);
	return kafka_fail(err, ends->code, "the end of topic '%s' partition %d", topic->name, partition);
}

int
kafka_ends(struct kafka *log, int number, int partition, int64_t since_us, int64_t wait_ms, struct partition_ends *out,
	   struct error *err)
{
	struct kafka_topic *topic = kafka_topic_of(log, number);
	struct kafka_asker *asker = &log->asker;
	struct kafka_ends *ends = &topic->ends[partition];
	int64_t until_us = clock_monotonic_us() + wait_ms * 1000;
	int result;

	pthread_mutex_lock(&asker->lock);
	result = start_asker(log, err);
	while (result == 0 && ends->asked_us < since_us) {
		want(asker, ends, since_us);
		if (clock_monotonic_us() >= until_us)
			result = say_unknown(topic, partition, since_us, err);
		else
			condition_wait(&asker->answered, &asker->lock, until_us);
	}
	*out = ends->now;
	pthread_mutex_unlock(&asker->lock);
	return result;
}

int
kafka_ends_since(struct log *base, int topic, int partition, int64_t since_us, struct partition_ends *out,
		 struct error *err)
{
	return kafka_ends(kafka_of(base), topic, partition, since_us, KAFKA_GLANCE_MS, out, err);
}

int
kafka_partition_ends(struct log *base, int topic, int partition, struct partition_ends *out, struct error *err)
{
	struct kafka *log = kafka_of(base);
	struct kafka_wait wait = {0};
	int64_t since_us = clock_monotonic_us();
	int result;

	do
		result = kafka_ends(log, topic, partition, since_us, KAFKA_ASK_MS, out, err);
	while (result < 0 && kafka_wait(log, &wait, err));
	return result;
}
