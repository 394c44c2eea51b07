#include "dataflow/watermark.h"

void
watermark_init(struct watermark *watermark, int64_t at)
{
	watermark->at = watermark->from = at;
	watermark->idle_from = TIME_MAX;
	watermark->looked_ms = TIME_MIN;
}

bool
watermark_input_idle(const struct watermark_input *input, int64_t now_ms)
{
	return input->quiet_since_ms != TIME_MAX && now_ms - input->quiet_since_ms >= input->idle_after_ms;
}

/* The steady time at which the last input became idle. */
static int64_t
all_idle_from(const struct watermark_input *inputs, int count)
{
	int64_t last = TIME_MIN;

	for (int i = 0; i < count; i++) {
		int64_t idle_from = time_add(inputs[i].quiet_since_ms, inputs[i].idle_after_ms);

		if (!inputs[i].ended && idle_from > last)
			last = idle_from;
	}
	return last;
}

/* Where W stands when inputs that never had a record say nothing, instead of holding it back. */
static int64_t
least_heard(const struct watermark_input *inputs, int count)
{
	int64_t least = TIME_MAX;

	for (int i = 0; i < count; i++) {
		int64_t own = time_add(inputs[i].time_max, -inputs[i].out_of_orderness_ms);

		if (own != TIME_MIN && own < least)
			least = own;
	}
	return least == TIME_MAX ? TIME_MIN : least;
}

/* All inputs are idle: W moves by the time that has passed since they are, or since the last look if that is less. */
static void
follow_clock(struct watermark *watermark, const struct watermark_input *inputs, int count, int64_t now_ms)
{
	int64_t from = watermark->idle_from;

	if (from == TIME_MAX) {
		int64_t heard = least_heard(inputs, count);

		from = all_idle_from(inputs, count);
		if (heard > watermark->at)
			watermark->at = heard;
	}
	if (from < watermark->looked_ms)
		from = watermark->looked_ms;
	if (watermark->at != TIME_MIN && now_ms > from)
		watermark->at = time_add(watermark->at, now_ms - from);
	watermark->idle_from = now_ms;
}

static void
advance(struct watermark *watermark, const struct watermark_input *inputs, int count, int64_t now_ms)
{
	int64_t least = TIME_MAX;
	bool ended = true;

	for (int i = 0; i < count; i++) {
		int64_t own;

		if (inputs[i].ended)
			continue;
		ended = false;
		if (watermark_input_idle(&inputs[i], now_ms))
			continue;
		own = time_add(inputs[i].time_max, -inputs[i].out_of_orderness_ms);
		if (own < least)
			least = own;
	}
	if (ended)
		return;
	if (least == TIME_MAX) {
		follow_clock(watermark, inputs, count, now_ms);
		return;
	}
	watermark->idle_from = TIME_MAX;
	if (least > watermark->at)
		watermark->at = least;
}

void
watermark_advance(struct watermark *watermark, const struct watermark_input *inputs, int count, int64_t now_ms)
{
	advance(watermark, inputs, count, now_ms);
	watermark->looked_ms = now_ms;
}

int64_t
watermark_stored(const struct watermark *watermark, const int64_t *stands, int count, bool ended)
{
	int64_t least = ended ? TIME_MAX : watermark->at;

	for (int i = 0; i < count; i++)
		if (stands[i] != TIME_MIN && stands[i] < least)
			least = stands[i];
	return least == TIME_MAX || least < watermark->from ? watermark->from : least;
}
