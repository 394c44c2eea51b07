#include "operators/reconcile_series.h"

/* ---- counting ---- */

void
series_add(struct series *series, const struct tally *tally)
{
	for (int i = 0; i < TALLY_COUNTERS; i++)
		series->counts[i] += tally->sign * tally->counts[i];
	for (int i = 0; i < LATENCIES; i++)
		if (tally->buckets[i] >= 0)
			sketch_add(&series->latencies[i], tally->buckets[i], tally->sign);
}

/* ---- storing ---- */

struct key
series_key(int64_t window_start, const struct series_name *name, struct context *context)
{
	uint8_t *key = context_take(context, 9 + name->value.size);

	store_be64(key, (uint64_t)window_start);
	key[8] = (uint8_t)name->dimension;
	if (name->value.size != 0)
		memcpy(key + 9, name->value.data, name->value.size);
	return key_of(bytes_of(key, 9 + name->value.size));
}

void
series_write(struct entry *entry, const struct series *series, struct context *context)
{
	struct bytes packed = series_pack(series, context);

	memcpy(entry_edit(context_store(context, SERIES), &entry, packed.size), packed.data, packed.size);
}

/* ---- for a rescale: what was counted goes with the list of its window (window_share) ---- */

void
series_share(const struct share_part *entry, struct share *share)
{
	struct share_part part = *entry;

	part.task = entry->task % share_tasks(share);
	share_add(share, SERIES, &part);
}

int64_t
series_merge(const struct share_part *a, const struct share_part *b, struct buffer *value)
{
	series_pack_sum(a->value, b->value, value);
	return TIME_MAX;
}

/* ---- rows ---- */

static void
set_sketch(const struct reconcile *self, struct record *row, struct field field, const struct sketch *sketch,
	   struct context *context)
{
	size_t width = (size_t)self->row.bucket_width, size = (size_t)(sketch->high - sketch->low) * width;
	union slot *items = context_take(context, size * sizeof(*items)), *item = items;

	for (int i = sketch->low; i < sketch->high; i++) {
		if (sketch->counts[i] == 0)
			continue;
		item[self->row.bucket.slot].integer = i;
		item[self->row.bucket_count.slot].integer = sketch->counts[i];
		item += width;
	}
	row->slots[field.slot].array.items = items;
	row->slots[field.slot].array.count = (size_t)(item - items) / width;
}

static void
set_silent(const struct reconcile *self, struct record *row, unsigned silent, struct context *context)
{
	union slot *items = context_take(context, LOGS * sizeof(*items));
	size_t count = 0;

	for (int log = 0; log < LOGS; log++)
		if (silent & 1u << log)
			items[count++].bytes = bytes_of_text(series_logs[log]);
	row->slots[self->row.silent.slot].array.items = items;
	row->slots[self->row.silent.slot].array.count = count;
}

int
series_emit(const struct reconcile *self, const struct series_row *from, struct context *context, struct error *err)
{
	struct record *row = context_row(context, COUNTS);

	if (!row)
		return 0;
	record_set_bytes(row, self->row.dimension, bytes_of_text(series_dimensions[from->name.dimension]));
	record_set_bytes(row, self->row.value, from->name.value);
	record_set_integer(row, self->row.window_start, from->window_start);
	record_set_integer(row, self->row.window_end, from->window_start + self->window);
	for (int i = 0; i < TALLY_COUNTERS; i++)
		record_set_integer(row, self->row.counts[i], from->series->counts[i]);
	for (int i = 0; i < LATENCIES; i++)
		set_sketch(self, row, self->row.latencies[i], &from->series->latencies[i], context);
	set_silent(self, row, from->silent, context);
	record_set_integer(row, self->row.held, from->held);
	record_set_integer(row, self->row.task, context_task(context));
	row->time_ms = from->window_start;
	return context_emit(context, COUNTS, from->name.value, row, err);
}

void
series_show(const struct entry *entry, struct buffer *out)
{
	struct series series = {0};

	series_unpack(entry_value(entry), &series);
	buffer_print(out, "{\"window_start\": %lld, \"dimension\": \"%s\", \"returned\": %lld, \"matched\": %lld}",
		     (long long)load_be64(entry_key(entry).data), series_dimensions[entry_key(entry).data[8]],
		     (long long)series.counts[TALLY_RETURNED], (long long)series.counts[TALLY_MATCHED]);
}
