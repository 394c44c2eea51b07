#include "cli/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/grid.h"

#define NUMBER_WIDTH 10	   /* columns that do not jump about as their numbers change */
#define NO_WRAP "\033[?7l" /* a row too wide for the terminal is cut: it must stay one line */
#define WRAP "\033[?7h"

static const char *const columns[] = {"OPERATOR",      ">IN/S",	   ">OUT/S", ">LAG", ">WATERMARK AGO",
				      ">DEAD LETTERS", ">ENTRIES", ">STATE", NULL};

void
summary_init(struct summary *summary, const struct topology *topology, struct runtime *runtime, const bool *selected,
	     bool terminal)
{
	int64_t now_us = clock_monotonic_us();

	*summary = (struct summary){
		.topology = topology,
		.runtime = runtime,
		.selected = selected,
		.terminal = terminal,
		.started_us = now_us,
		.last_us = now_us,
	};
	summary->last = memory_new_array((size_t)topology->operator_count + 1, sizeof(*summary->last));
}

void
summary_fini(struct summary *summary)
{
	memory_free(&summary->last);
	buffer_fini(&summary->text);
}

static int64_t
per_second(int64_t count, int64_t us)
{
	return us > 0 ? (int64_t)((double)count * 1e6 / (double)us) : 0;
}

static const char *
delay_text(char to[OUTPUT_NUMBER_SIZE], int64_t watermark_ms)
{
	if (watermark_ms == TIME_MIN || watermark_ms == TIME_MAX) {
		snprintf(to, OUTPUT_NUMBER_SIZE, watermark_ms == TIME_MIN ? "-" : "end");
		return to;
	}
	return output_duration(to, clock_now_ms(&clock_system) - watermark_ms);
}

static void
put_quantiles(const char *name, const struct histogram_counts *counts, struct buffer *out)
{
	static const struct {
		const char *name;
		double share;
	} quantiles[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};
	char text[OUTPUT_NUMBER_SIZE];

	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles) && histogram_total(counts) > 0; i++)
		buffer_print(out, " %s_%s=%s", name, quantiles[i].name,
			     output_duration(text, (int64_t)histogram_quantile_ms(counts, quantiles[i].share)));
}

static void
put_counters(const struct operator_type *type, const struct operator_figures *figures, struct buffer *out)
{
	char count[OUTPUT_NUMBER_SIZE];

	if (figures->behind > 0)
		buffer_print(out, " behind=%s", output_count(count, figures->behind));
	if (figures->deletions > 0)
		buffer_print(out, " deletions=%s", output_count(count, figures->deletions));
	if (figures->records_lost > 0)
		buffer_print(out, " RECORDS_LOST=%s", output_count(count, figures->records_lost));
	if (figures->stalls > 0)
		buffer_print(out, " STALLED=%s", output_count(count, figures->stalls));
	if (figures->letters_lost > 0)
		buffer_print(out, " LETTERS_LOST=%s", output_count(count, figures->letters_lost));
	for (int i = 0; type->counters && type->counters[i].name && i < RUNTIME_COUNTERS_MAX; i++)
		buffer_print(out, " %s=%s", type->counters[i].name, output_count(count, figures->counters[i]));
	for (int i = 0; type->histograms && type->histograms[i].name && i < RUNTIME_HISTOGRAMS_MAX; i++)
		put_quantiles(type->histograms[i].name, &figures->histograms[i], out);
}

static void
put_row(struct grid *grid, const struct topology_operator *operator, const struct operator_figures *now,
	const struct operator_figures *last, int64_t us)
{
	char text[OUTPUT_NUMBER_SIZE];

	grid_put(grid, "%s", operator->name);
	grid_put(grid, "%*s", NUMBER_WIDTH, output_count(text, per_second(now->records_in - last->records_in, us)));
	grid_put(grid, "%*s", NUMBER_WIDTH, output_count(text, per_second(now->records_out - last->records_out, us)));
	grid_put(grid, "%*s", NUMBER_WIDTH, output_count(text, now->lag));
	grid_put(grid, "%s", delay_text(text, now->watermark_ms));
	grid_put(grid, "%s", output_count(text, now->dead_letters));
	grid_put(grid, "%*s", NUMBER_WIDTH, output_count(text, now->state_entries));
	grid_put(grid, "%*s", NUMBER_WIDTH, output_bytes(text, now->state_bytes));
}

static void
put_line(const struct topology_operator *operator, const struct operator_figures *now,
	 const struct operator_figures *last, int64_t us, struct buffer *out)
{
	char in[OUTPUT_NUMBER_SIZE], written[OUTPUT_NUMBER_SIZE], lag[OUTPUT_NUMBER_SIZE], delay[OUTPUT_NUMBER_SIZE],
		dead[OUTPUT_NUMBER_SIZE];
	bool is_time = now->watermark_ms != TIME_MIN && now->watermark_ms != TIME_MAX;

	output_count(in, per_second(now->records_in - last->records_in, us));
	output_count(written, per_second(now->records_out - last->records_out, us));
	output_count(lag, now->lag);
	output_count(dead, now->dead_letters);
	buffer_print(out, "%s: %s/s in, %s/s out, lag %s, watermark %s%s, %s dead letters;", operator->name, in,
		     written, lag, delay_text(delay, now->watermark_ms), is_time ? " ago" : "", dead);
	put_counters(operator->type, now, out);
	buffer_put_u8(out, '\n');
}

/* The table, and below it what the operators count themselves. */
static void
put_screen(struct summary *summary, const struct operator_figures *now, int64_t us)
{
	const struct topology *topology = summary->topology;
	struct buffer *out = &summary->text;
	struct buffer counters = {0};
	struct grid grid;
	size_t start;

	if (summary->lines > 0)
		buffer_print(out, "\r\033[%dA\033[J", summary->lines);
	buffer_print(out, NO_WRAP);
	start = out->size;
	grid_init(&grid, columns);
	for (int i = 0; i < topology->operator_count; i++)
		if (summary->selected[i])
			put_row(&grid, &topology->operators[i], &now[i], &summary->last[i], us);
	grid_write(&grid, out);
	grid_fini(&grid);
	for (int i = 0; i < topology->operator_count; i++) {
		buffer_clear(&counters);
		put_counters(topology->operators[i].type, &now[i], &counters);
		if (!summary->selected[i] || counters.size == 0)
			continue;
		buffer_put_u8(&counters, 0);
		buffer_print(out, "%s: ", topology->operators[i].name);
		help_wrap(out, (const char *)counters.data, (int)strlen(topology->operators[i].name) + 2, 4);
	}
	summary->lines = 0;
	for (size_t i = start; i < out->size; i++)
		summary->lines += out->data[i] == '\n';
	buffer_print(out, WRAP);
	buffer_fini(&counters);
}

void
summary_draw(struct summary *summary)
{
	const struct topology *topology = summary->topology;
	size_t size = (size_t)topology->operator_count * sizeof(*summary->last);
	struct operator_figures *now = memory_new(size);
	int64_t now_us = clock_monotonic_us();

	for (int i = 0; i < topology->operator_count; i++)
		runtime_figures(summary->runtime, i, &now[i]);
	buffer_clear(&summary->text);
	if (summary->terminal)
		put_screen(summary, now, now_us - summary->last_us);
	for (int i = 0; i < topology->operator_count && !summary->terminal; i++)
		if (summary->selected[i])
			put_line(&topology->operators[i], &now[i], &summary->last[i], now_us - summary->last_us,
				 &summary->text);
	fwrite(summary->text.data, 1, summary->text.size, stderr);
	memcpy(summary->last, now, size);
	summary->last_us = now_us;
	memory_free(&now);
}

/* Where the run kept open what is pending: how far the operator has come, and which input held it there. */
static void
put_kept_open(const struct topology_operator *operator, const struct operator_figures *figures, struct buffer *out)
{
	char time[OUTPUT_NUMBER_SIZE];

	if (figures->pending == 0 || figures->held_by < 0)
		return;
	buffer_print(out, "    kept open: input %s ", operator->type->inputs[figures->held_by].name);
	if (figures->watermark_ms == TIME_MIN)
		buffer_print(out, "has had no record in some task, which holds the watermark at nothing\n");
	else
		buffer_print(out, "holds the watermark at %s\n", output_time(time, figures->watermark_ms));
}

static void
put_final(const struct topology_operator *operator, const struct operator_figures *figures, int64_t us,
	  struct buffer *to)
{
	char in[OUTPUT_NUMBER_SIZE], out[OUTPUT_NUMBER_SIZE], dead[OUTPUT_NUMBER_SIZE], pending[OUTPUT_NUMBER_SIZE],
		took[OUTPUT_NUMBER_SIZE];

	buffer_print(to, "%s: %s in, %s out, %s dead letters in %s", operator->name,
		     output_count(in, figures->records_in), output_count(out, figures->records_out),
		     output_count(dead, figures->dead_letters), output_duration(took, us / 1000));
	if (figures->pending > 0)
		buffer_print(to, ", %s pending", output_count(pending, figures->pending));
	buffer_put_u8(to, ';');
	put_counters(operator->type, figures, to);
	buffer_put_u8(to, '\n');
}

void
summary_final(struct summary *summary, bool table, bool kept_open)
{
	const struct topology *topology = summary->topology;
	int64_t us = clock_monotonic_us() - summary->started_us;

	/* The rates that stay on the screen are those of the whole run. */
	memset(summary->last, 0, (size_t)topology->operator_count * sizeof(*summary->last));
	summary->last_us = summary->started_us;
	if (table && summary->terminal)
		summary_draw(summary);
	buffer_clear(&summary->text);
	for (int i = 0; i < topology->operator_count; i++) {
		struct operator_figures figures;

		if (!summary->selected[i])
			continue;
		runtime_figures(summary->runtime, i, &figures);
		put_final(&topology->operators[i], &figures, us, &summary->text);
		if (kept_open)
			put_kept_open(&topology->operators[i], &figures, &summary->text);
	}
	fwrite(summary->text.data, 1, summary->text.size, stderr);
}

void
summary_progress(const struct summary *summary, int64_t *done, int64_t *left)
{
	*done = *left = 0;
	for (int i = 0; i < summary->topology->operator_count; i++) {
		struct operator_figures figures;

		if (!summary->selected[i])
			continue;
		runtime_figures(summary->runtime, i, &figures);
		*done += figures.records_in;
		*left += figures.lag;
	}
}
