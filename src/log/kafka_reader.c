/*
 * Readers share a handle of the log: one partition each. A second reader of the same partition gets a handle of its
 * own, since a handle reads a partition only once.
 */
#include "base/memory.h"
#include "log/kafka_place.h"

struct kafka_reader {
	struct reader reader;
	struct kafka *log;
	rd_kafka_t *own; /* NULL: it shares the log's */
	struct kafka_place *place;
};

static bool
is_read(const struct kafka *log, int topic, int partition)
{
	for (const struct kafka_place *place = log->places; place; place = place->next)
		if (place->topic == topic && place->partition == partition)
			return true;
	return false;
}

static int
open_handle(struct kafka *log, rd_kafka_t **out, struct error *err)
{
	rd_kafka_conf_t *conf = kafka_config(log, KAFKA_CLIENT, log, err);

	if (!conf)
		return -1;
	if (kafka_config_queues(log, conf, 1, log->shares.parts, err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	return kafka_handle_open(conf, RD_KAFKA_CONSUMER, out, err);
}

/* Under the lock, so that no other thread begins with the same partition meanwhile. */
static int
open_place(struct kafka_reader *reader, int topic, int partition, int64_t offset, struct error *err)
{
	struct kafka *log = reader->log;
	bool shares = !is_read(log, topic, partition);

	if (shares ? !log->readers && open_handle(log, &log->readers, err) < 0
		   : open_handle(log, &reader->own, err) < 0)
		return -1;
	if (kafka_place_open(log, shares ? log->readers : reader->own, topic, partition, offset, -1, &reader->place,
			     err) < 0)
		return -1;
	if (shares) {
		reader->place->next = log->places;
		log->places = reader->place;
	}
	return 0;
}

int
kafka_reader_open(struct log *base, int topic, int partition, int64_t offset, struct reader **out, struct error *err)
{
	struct kafka_reader *reader = memory_new(sizeof(*reader));
	struct kafka *log = kafka_of(base);
	int result;

	kafka_topic_name(base, topic);
	reader->reader.ops = base->ops;
	reader->log = log;
	pthread_mutex_lock(&log->places_lock);
	result = open_place(reader, topic, partition, offset, err);
	pthread_mutex_unlock(&log->places_lock);
	*out = &reader->reader;
	if (result == 0)
		return 0;
	kafka_reader_close(*out);
	*out = NULL;
	return -1;
}

int
kafka_reader_fetch(struct reader *base, int64_t wait_ms, struct log_batch *out, struct error *err)
{
	return kafka_place_fetch(((struct kafka_reader *)base)->place, wait_ms, out, err);
}

void
kafka_reader_close(struct reader *base)
{
	struct kafka_reader *reader = (struct kafka_reader *)base;
	struct kafka *log = reader->log;

	pthread_mutex_lock(&log->places_lock);
	for (struct kafka_place **at = &log->places; *at; at = &(*at)->next)
		if (*at == reader->place) {
			*at = reader->place->next;
			break;
		}
	kafka_place_close(&reader->place);
	pthread_mutex_unlock(&log->places_lock);
	if (reader->own)
		kafka_handle_close(reader->own, KAFKA_CLOSE_PLAIN, NULL, NULL, NULL);
	memory_free(&reader);
}
