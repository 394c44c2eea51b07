/* Many quiet places whose broker has died: librdkafka's call that asks for metadata, and so the thread that makes it,
 * comes back when the test lets it. */
#include "log/kafka_place.h"

#include "base/memory.h"
#include "tests/test.h"

#define PLACES 300

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool asked, released;
static int asks;
static pthread_t asker;

/* Instead of librdkafka's. */
rd_kafka_resp_err_t
rd_kafka_metadata(rd_kafka_t *handle, int all, rd_kafka_topic_t *only, const struct rd_kafka_metadata **out,
		  int timeout_ms)
{
	(void)handle, (void)all, (void)only, (void)out, (void)timeout_ms;
	pthread_mutex_lock(&lock);
	asked = true;
	asks++;
	asker = pthread_self();
	pthread_cond_broadcast(&changed);
	while (!released)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static struct error err;
static struct kafka log_of_test;
static struct kafka_topic topic;
static struct kafka_place *places[PLACES];
static rd_kafka_t *fetcher;

static void
open_places(void)
{
	static char *properties[] = {NULL};
	static struct kafka_topic *topics[] = {&topic};
	struct kafka *log = &log_of_test;
	rd_kafka_conf_t *conf;

	test_skip_under_the_thread_sanitizer();
	*log = (struct kafka){.properties = properties,
			      .application = memory_text("test"),
			      .stalled_ms = KAFKA_STALLED_MS,
			      .watch_ms = KAFKA_WATCH_MS,
			      .topics = topics,
			      .topic_count = 1};
	topic.name = memory_text("quiet");
	topic.partitions = PLACES;
	topic.ends = memory_new_array(PLACES, sizeof(*topic.ends));
	topic.leaders = memory_new_array(PLACES, sizeof(*topic.leaders));
	pthread_mutex_init(&log->lock, NULL);
	kafka_asker_init(&log->asker);
	conf = kafka_config(log, KAFKA_FETCHER, log, &err);
	check(conf != NULL);
	check_ok(kafka_handle_open(conf, RD_KAFKA_CONSUMER, &fetcher, &err));
	for (int i = 0; i < PLACES; i++)
		check_ok(kafka_place_open(log, fetcher, 0, i, 0, -1, &places[i], &err));
}

static void
close_places(void)
{
	for (int i = 0; i < PLACES; i++)
		kafka_place_close(&places[i]);
	kafka_asker_fini(&log_of_test.asker);
	rd_kafka_destroy(fetcher);
	rd_kafka_destroy(log_of_test.pending);
	pthread_mutex_destroy(&log_of_test.lock);
	memory_free(&topic.name);
	memory_free(&topic.ends);
	memory_free(&topic.leaders);
	memory_free(&log_of_test.application);
}

/* The last word, that nothing is there, came `ago_ms` ago. */
static void
fetch_all(int64_t ago_ms, bool at_end)
{
	struct log_batch batch;

	for (int i = 0; i < PLACES; i++) {
		places[i]->at_end = true;
		places[i]->heard_us = clock_monotonic_us() - ago_ms * 1000;
		check_ok(kafka_place_fetch(places[i], 0, &batch, &err));
		check_int((int64_t)batch.count, 0);
		check(batch.at_end == at_end);
	}
}

TEST(many_quiet_places_whose_broker_is_dead_wait_for_nobody)
{
	open_places();
	fetch_all(0, true);
	check(!asked);
	fetch_all(KAFKA_CONFIRM_MS + 1, true);
	pthread_mutex_lock(&lock);
	while (!asked)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	check(!pthread_equal(asker, pthread_self()));
	/* One question for all is out, and nobody answers: they are quiet no longer. */
	for (int i = 0; i < PLACES; i++)
		places[i]->asked_us -= (int64_t)KAFKA_SILENT_MS * 1000;
	fetch_all(KAFKA_CONFIRM_MS + 1, false);
	check_int(asks, 1);
	pthread_mutex_lock(&lock);
	released = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	close_places();
}
