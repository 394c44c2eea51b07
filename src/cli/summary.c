#include "cli/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/logger.h"
#include "base/memory.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/grid.h"

#define NUMBER_WIDTH 7 /* columns that do not jump about as their numbers change */
#define BYTES_WIDTH 9  /* likewise */
#define DELAY_WIDTH 9  /* likewise */
#define TERMINAL_COLUMNS 80
#define NAME_WIDTH_MAX 13  /* of an operator: the table fits into 80 columns; a longer name is cut */
#define NO_WRAP "\033[?7l" /* a row too wide for the terminal is cut: it must stay one line */
#define WRAP "\033[?7h"

/* WATERMARK: how long ago; DEAD: dead letters. */
static const char *const columns[] = {"OPERATOR", ">IN/S",    ">OUT/S", ">LAG", ">WATERMARK",
				      ">DEAD",	  ">ENTRIES", ">STATE", NULL};

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
put_quantiles(const char *name, const struct histogram_counts *counts, bool json, struct buffer *out)
{
	static const struct {
		const char *name;
		double share;
	} quantiles[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};
	char text[OUTPUT_NUMBER_SIZE];

	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles) && histogram_total(counts) > 0; i++) {
		int64_t ms = (int64_t)histogram_quantile_ms(counts, quantiles[i].share);

		if (json)
			buffer_print(out, " %s_%s_ms=%" PRId64, name, quantiles[i].name, ms);
		else
			buffer_print(out, " %s_%s=%s", name, quantiles[i].name, output_duration(text, ms));
	}
}

static void
put_count(const char *name, int64_t count, bool json, struct buffer *out)
{
	char text[OUTPUT_NUMBER_SIZE];

	if (json)
		buffer_print(out, " %s=%" PRId64, name, count);
	else
		buffer_print(out, " %s=%s", name, output_count(text, count));
}

/* " name=count name=count": for people with commas, for JSON without. */
static void
put_counters(const struct operator_type *type, const struct operator_figures *figures, bool json, struct buffer *out)
{
	const struct {
		const char *name;
		int64_t count;
	} seldom[] = {
		{"behind", figures->behind},
		{"deletions", figures->deletions},
		{"RECORDS_LOST", figures->records_lost},
		{"STALLED", figures->stalls},
		{"LETTERS_LOST", figures->letters_lost},
	};

	for (size_t i = 0; i < sizeof(seldom) / sizeof(*seldom); i++)
		if (seldom[i].count > 0)
			put_count(seldom[i].name, seldom[i].count, json, out);
	for (int i = 0; type->counters && type->counters[i].name && i < RUNTIME_COUNTERS_MAX; i++)
		put_count(type->counters[i].name, figures->counters[i], json, out);
	for (int i = 0; type->histograms && type->histograms[i].name && i < RUNTIME_HISTOGRAMS_MAX; i++)
		put_quantiles(type->histograms[i].name, &figures->histograms[i], json, out);
}

static void
put_row(struct grid *grid, const struct topology_operator *operator, const struct operator_figures *now,
	const struct operator_figures *last, int64_t us)
{
	char text[OUTPUT_NUMBER_SIZE];

	int64_t in = per_second(now->records_in - last->records_in, us);
	int64_t out = per_second(now->records_out - last->records_out, us);
	bool fits = strlen(operator->name) <= NAME_WIDTH_MAX;

	grid_put(grid, "%.*s%s", fits ? NAME_WIDTH_MAX : NAME_WIDTH_MAX - 1, operator->name, fits ? "" : "~");
	grid_put(grid, "%*s", NUMBER_WIDTH, output_short_count(text, in));
	grid_put(grid, "%*s", NUMBER_WIDTH, output_short_count(text, out));
	grid_put(grid, "%*s", NUMBER_WIDTH, output_short_count(text, now->lag));
	grid_put(grid, "%*s", DELAY_WIDTH, delay_text(text, now->watermark_ms));
	grid_put(grid, "%s", output_short_count(text, now->dead_letters));
	grid_put(grid, "%*s", NUMBER_WIDTH, output_short_count(text, now->state_entries));
	grid_put(grid, "%*s", BYTES_WIDTH, output_bytes(text, now->state_bytes));
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
	put_counters(operator->type, now, false, out);
	buffer_put_u8(out, '\n');
}

static void
log_line(const struct topology_operator *operator, const struct operator_figures *now,
	 const struct operator_figures *last, int64_t us)
{
	struct buffer pairs = {0};

	buffer_print(&pairs, "operator=%s in_per_s=%" PRId64 " out_per_s=%" PRId64 " lag=%" PRId64, operator->name,
		     per_second(now->records_in - last->records_in, us),
		     per_second(now->records_out - last->records_out, us), now->lag);
	if (now->watermark_ms != TIME_MIN && now->watermark_ms != TIME_MAX)
		buffer_print(&pairs, " watermark=%" PRId64, now->watermark_ms);
	put_count("dead_letters", now->dead_letters, true, &pairs);
	put_counters(operator->type, now, true, &pairs);
	logger_tell(LOGGER_INFO, "rates", "%.*s", bytes_arguments(buffer_bytes(&pairs)));
	buffer_fini(&pairs);
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
		put_counters(topology->operators[i].type, &now[i], false, &counters);
		if (!summary->selected[i] || counters.size == 0)
			continue;
		buffer_put_u8(&counters, 0);
		buffer_print(out, "%s: ", topology->operators[i].name);
		help_wrap_at(out, (const char *)counters.data, (int)strlen(topology->operators[i].name) + 2, 4,
			     TERMINAL_COLUMNS);
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
		if (summary->selected[i] && logger_is_json())
			log_line(&topology->operators[i], &now[i], &summary->last[i], now_us - summary->last_us);
		else if (summary->selected[i])
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
	put_counters(operator->type, figures, false, to);
}

static void
log_final(const struct topology_operator *operator, const struct operator_figures *figures, int64_t us, bool kept_open)
{
	struct buffer pairs = {0};

	buffer_print(&pairs,
		     "operator=%s in=%" PRId64 " out=%" PRId64 " dead_letters=%" PRId64 " ms=%" PRId64
		     " pending=%" PRId64,
		     operator->name, figures->records_in, figures->records_out, figures->dead_letters, us / 1000,
		     figures->pending);
	if (kept_open && figures->pending > 0 && figures->held_by >= 0)
		buffer_print(&pairs, " held_by=%s", operator->type->inputs[figures->held_by].name);
	put_counters(operator->type, figures, true, &pairs);
	logger_tell(LOGGER_INFO, "totals", "%.*s", bytes_arguments(buffer_bytes(&pairs)));
	buffer_fini(&pairs);
}

/* On a terminal in lines that fit; else one line, for whoever reads it with a program. */
static void
print_final(const struct summary *summary, const struct topology_operator *operator,
	    const struct operator_figures *figures, int64_t us, bool kept_open, struct buffer *out)
{
	struct buffer line = {0};

	put_final(operator, figures, us, &line);
	buffer_put_u8(&line, 0);
	if (summary->terminal)
		help_wrap_at(out, (const char *)line.data, 0, 4, TERMINAL_COLUMNS);
	else
		buffer_print(out, "%s\n", (const char *)line.data);
	buffer_fini(&line);
	if (kept_open)
		put_kept_open(operator, figures, out);
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
		if (logger_is_json())
			log_final(&topology->operators[i], &figures, us, kept_open);
		else
			print_final(summary, &topology->operators[i], &figures, us, kept_open, &summary->text);
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
