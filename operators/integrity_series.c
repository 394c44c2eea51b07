#include "operators/integrity_series.h"

const char *const series_logs[LOGS] = {[ENGINE] = "engine", [SERVER] = "server", [CLIENT] = "client"};
const char *const series_dimensions[DIMENSIONS] = {
	[ALL] = "all",
	[BY_GROUP] = "experiment_group",
	[BY_STRATEGY] = "strategy_id",
	[BY_MODEL] = "model_version",
	[BY_PLATFORM] = "platform",
};
const char *const series_counts[TALLY_COUNTERS] = {TALLY_NAMES};
const char *const series_latencies[LATENCIES] = {"latency_engine_server", "latency_server_client", "latency_exposed"};
const char *const series_all = "all";

struct series *
series_blank(struct context *context)
{
	struct series *series = context_take(context, sizeof(*series));

	memset(series, 0, sizeof(*series));
	return series;
}

void
series_clear(struct series *series)
{
	memset(series->counts, 0, sizeof(series->counts));
	for (int i = 0; i < LATENCIES; i++)
		sketch_clear(&series->latencies[i]);
}

bool
series_is_blank(const struct series *series)
{
	for (int i = 0; i < TALLY_COUNTERS; i++)
		if (series->counts[i] != 0)
			return false;
	for (int i = 0; i < LATENCIES; i++)
		for (int j = series->latencies[i].low; j < series->latencies[i].high; j++)
			if (series->latencies[i].counts[j] != 0)
				return false;
	return true;
}

static size_t
packed_size_max(const struct series *series)
{
	size_t most = TALLY_COUNTERS * BUFFER_VARINT_SIZE_MAX;

	for (int i = 0; i < LATENCIES; i++)
		most += sketch_size_max(&series->latencies[i]);
	return most;
}

static size_t
pack(const struct series *series, uint8_t *data)
{
	uint8_t *to = data;

	for (int i = 0; i <= TALLY_UNLISTED; i++)
		to += store_varint(to, zigzag_encode(series->counts[i]));
	for (int i = 0; i < LATENCIES; i++)
		to = sketch_store(to, &series->latencies[i]);
	for (int i = TALLY_UNLISTED + 1; i < TALLY_COUNTERS; i++)
		to += store_varint(to, zigzag_encode(series->counts[i]));
	return (size_t)(to - data);
}

struct bytes
series_pack(const struct series *series, struct context *context)
{
	uint8_t *data = context_take(context, packed_size_max(series));

	return bytes_of(data, pack(series, data));
}

void
series_pack_sum(struct bytes a, struct bytes b, struct buffer *out)
{
	struct series sum = {0};

	series_unpack(a, &sum);
	series_unpack(b, &sum);
	out->size += pack(&sum, buffer_reserve(out, packed_size_max(&sum)));
}

void
series_unpack(struct bytes packed, struct series *into)
{
	struct cursor cursor = cursor_of(packed);

	if (packed.size == 0)
		return;
	for (int i = 0; i <= TALLY_UNLISTED; i++)
		into->counts[i] += zigzag_decode(cursor_varint(&cursor));
	for (int i = 0; i < LATENCIES; i++)
		sketch_load(&cursor, &into->latencies[i]);
	for (int i = TALLY_UNLISTED + 1; i < TALLY_COUNTERS && cursor_left(&cursor) > 0; i++)
		into->counts[i] += zigzag_decode(cursor_varint(&cursor));
	insist(!cursor.bad && cursor_left(&cursor) == 0);
}

static int
find(struct bytes name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (bytes_equal(name, bytes_of_text(names[i])))
			return i;
	return -1;
}

int
series_dimension_find(struct bytes name)
{
	return find(name, series_dimensions, DIMENSIONS);
}

int
series_log_find(struct bytes name)
{
	return find(name, series_logs, LOGS);
}

void
series_show_logs(unsigned logs, struct buffer *out)
{
	for (int log = 0, count = 0; log < LOGS; log++)
		if (logs & 1u << log)
			buffer_print(out, "%s\"%s\"", count++ ? ", " : "", series_logs[log]);
}
