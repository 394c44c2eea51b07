#include "tests/sim/breaks.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/memory.h"
#include "dataflow/marker.h"
#include "dataflow/task.h"
#include "dataflow/task_journal.h"
#include "dataflow/task_marks.h"
#include "log/owner.h"
#include "log/sim_client.h"
#include "state/parts.h"

enum breaks {
	BREAK_NOTHING,
	BREAK_ORDER,
	BREAK_FENCE,
	BREAK_POSITION,
	BREAK_TIMER,
	BREAK_BLOCK,
	BREAK_MARKER,
	BREAK_EARLY,
	BREAK_MINIMUM,
	BREAK_FORGET,
	BREAK_TRIM,
	BREAK_OWNER,
	BREAK_FLOOR,
	BREAK_IDENTITY,
	BREAK_CLOCK,
	BREAK_FORM,
	BREAK_ASIDE,
	BREAK_TAIL,
	BREAKS
};

static const char *const names[BREAKS] = {
	[BREAK_NOTHING] = "nothing",   [BREAK_ORDER] = "order",	      [BREAK_FENCE] = "fence",
	[BREAK_POSITION] = "position", [BREAK_TIMER] = "timer",	      [BREAK_BLOCK] = "block",
	[BREAK_MARKER] = "marker",     [BREAK_EARLY] = "early",	      [BREAK_MINIMUM] = "minimum",
	[BREAK_FORGET] = "forget",     [BREAK_TRIM] = "trim",	      [BREAK_OWNER] = "owner",
	[BREAK_FLOOR] = "floor",       [BREAK_IDENTITY] = "identity", [BREAK_CLOCK] = "clock",
	[BREAK_FORM] = "form",	       [BREAK_ASIDE] = "aside",	      [BREAK_TAIL] = "tail",
};

/* A row that waits until its transaction is committed; on its way to an internal topic, until its marker is there. */
struct held_row {
	struct held_row *next;
	struct sim_run *run;
	int topic, partition;
	struct sim_record record;
};

static enum breaks broken;
static int64_t state_bytes;
static struct sim_random random_numbers;
static bool restoring;
static struct held_row *held;

bool
breaks_set(const char *name)
{
	for (int i = 0; i < BREAKS; i++)
		if (strcmp(names[i], name) == 0) {
			broken = (enum breaks)i;
			return true;
		}
	return false;
}

void
breaks_reset(uint64_t seed)
{
	random_numbers.state = seed;
	restoring = false;
	while (held) {
		struct held_row *next = held->next;

		memory_free(&held->record.bytes);
		memory_free(&held);
		held = next;
	}
}

void
breaks_state_bytes(int64_t bytes)
{
	state_bytes = bytes;
}

/* ---- the seams: __real_x is what x is without us ---- */

ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags);
pid_t __wrap_getpid(void);
int __wrap_gethostname(char *name, size_t size);
int __wrap_nanosleep(const struct timespec *duration, struct timespec *left);
int __real_state_open(const struct state_config *config, struct state **out, struct error *err);
int __wrap_state_open(const struct state_config *config, struct state **out, struct error *err);
int __real_state_restore_from(struct state *state, int64_t start, int64_t end, int64_t *from, struct error *err);
int __wrap_state_restore_from(struct state *state, int64_t start, int64_t end, int64_t *from, struct error *err);
int __real_state_restore(struct state *state, int64_t offset, struct bytes part, struct error *err);
int __wrap_state_restore(struct state *state, int64_t offset, struct bytes part, struct error *err);
void __real_cache_queue(struct cache *cache, struct entry *entry);
void __wrap_cache_queue(struct cache *cache, struct entry *entry);
void __real_disk_put_position(struct disk *disk, int store, const struct disk_position *position);
void __wrap_disk_put_position(struct disk *disk, int store, const struct disk_position *position);
bool __real_sim_group_allows(const struct sim_group *group, uint64_t seat, int generation);
int __wrap_state_set_form(struct state *state, struct bytes description, state_rewrite *rewrite, void *argument,
			  struct error *err);
int __real_state_set_form(struct state *state, struct bytes description, state_rewrite *rewrite, void *argument,
			  struct error *err);
bool __wrap_sim_group_allows(const struct sim_group *group, uint64_t seat, int generation);
int64_t __real_sim_append(struct sim *sim, int topic, int partition, struct sim_run *run,
			  const struct sim_record *record);
int64_t __wrap_sim_append(struct sim *sim, int topic, int partition, struct sim_run *run,
			  const struct sim_record *record);
void __real_sim_run_decide(struct sim *sim, struct sim_run *run, bool commit);
void __wrap_sim_run_decide(struct sim *sim, struct sim_run *run, bool commit);
int64_t __real_upstream_watermark(const struct upstream *upstream);
int64_t __wrap_upstream_watermark(const struct upstream *upstream);
void __real_upstream_read(struct upstream *upstream, struct cursor *cursor);
void __wrap_upstream_read(struct upstream *upstream, struct cursor *cursor);
int __real_log_position(struct log *log, const char *group, int topic, int partition, int64_t *offset,
			struct error *err);
int __wrap_log_position(struct log *log, const char *group, int topic, int partition, int64_t *offset,
			struct error *err);

static struct clock *right_clock;

static int64_t
wall_for_steady(struct clock *clock)
{
	(void)clock;
	return clock_now_ms(right_clock);
}

struct clock *
breaks_clock(struct clock *clock)
{
	static struct clock wrong = {.now_ms = wall_for_steady, .steady_ms = wall_for_steady};

	right_clock = clock;
	return broken == BREAK_CLOCK ? &wrong : clock;
}

int __real_owner_check(const struct owner *owner, const char *topic, int partition, struct error *err);
int __wrap_owner_check(const struct owner *owner, const char *topic, int partition, struct error *err);
int __real_task_journal_ask(struct task *task, struct error *err);
int __wrap_task_journal_ask(struct task *task, struct error *err);
enum state_journal __real_state_journal(const struct state *state, uint64_t *first, uint64_t *needed);
enum state_journal __wrap_state_journal(const struct state *state, uint64_t *first, uint64_t *needed);
int __real_task_marks_look(struct task *task, int64_t wait_ms, bool *done, struct error *err);
int __wrap_task_marks_look(struct task *task, int64_t wait_ms, bool *done, struct error *err);

ssize_t
__wrap_getrandom(void *to, size_t size, unsigned flags)
{
	uint64_t number = sim_random_next(&random_numbers);

	(void)flags;
	insist(size <= sizeof(number));
	memcpy(to, &number, size);
	return (ssize_t)size;
}

/* What a writer is called must not differ from run to run. */
pid_t
__wrap_getpid(void)
{
	return 1;
}

int
__wrap_gethostname(char *name, size_t size)
{
	snprintf(name, size, "sim");
	return 0;
}

/* Nobody waits for real: time is the simulation's. */
int
__wrap_nanosleep(const struct timespec *duration, struct timespec *left)
{
	(void)duration;
	(void)left;
	return 0;
}

int
__wrap_state_open(const struct state_config *config, struct state **out, struct error *err)
{
	if (__real_state_open(config, out, err) < 0)
		return -1;
	(*out)->limits = (struct state_limits){
		.tail_bytes_min = state_bytes, .position_bytes = state_bytes / 10, .carry_bytes_min = 300};
	return 0;
}

int
__wrap_state_restore_from(struct state *state, int64_t start, int64_t end, int64_t *from, struct error *err)
{
	if (__real_state_restore_from(state, start, end, from, err) < 0)
		return -1;
	if (broken == BREAK_ASIDE && state->aside) {
		state->aside = false;
		*from = end;
	}
	return 0;
}

int
__wrap_state_restore(struct state *state, int64_t offset, struct bytes part, struct error *err)
{
	int result;

	restoring = true;
	result = __real_state_restore(state, offset, part, err);
	restoring = false;
	return result;
}

void
__wrap_cache_queue(struct cache *cache, struct entry *entry)
{
	if (broken != BREAK_TIMER || !restoring)
		__real_cache_queue(cache, entry);
}

void
__wrap_disk_put_position(struct disk *disk, int store, const struct disk_position *position)
{
	const struct state *state = (const struct state *)(const void *)((char *)disk - offsetof(struct state, disk));
	struct disk_position told = *position;

	if (broken == BREAK_POSITION && !restoring && state->last.seq > told.seq) {
		told.seq = state->last.seq;
		told.offset = state->last.offset;
	}
	__real_disk_put_position(disk, store, &told);
}

bool
__wrap_sim_group_allows(const struct sim_group *group, uint64_t seat, int generation)
{
	return broken == BREAK_FENCE || __real_sim_group_allows(group, seat, generation);
}

static bool
is_journal(const struct sim *sim, int topic)
{
	const char *dot = strrchr(sim->topics[topic]->name, '.');

	return dot && strcmp(dot, ".journal") == 0;
}

static bool
is_internal(const struct sim *sim, int topic)
{
	return strstr(sim->topics[topic]->name, "_by_") != NULL;
}

static void
hold(struct sim_run *run, int topic, int partition, const struct sim_record *record)
{
	struct held_row *row = memory_new(sizeof(*row)), **at = &held;
	size_t size = record->key_size + record->value_size;

	*row = (struct held_row){.run = run, .topic = topic, .partition = partition, .record = *record};
	row->record.bytes = memory_new(size);
	memcpy(row->record.bytes, record->bytes, size);
	while (*at)
		at = &(*at)->next;
	*at = row;
}

/* Those of the run; `as`: the transaction that they become part of, `lost`: they are dropped. */
static void
let_go(struct sim *sim, const struct sim_run *run, struct sim_run *as, bool lost)
{
	for (struct held_row **at = &held; *at;) {
		struct held_row *row = *at;

		if (row->run != run) {
			at = &row->next;
			continue;
		}
		if (!lost)
			__real_sim_append(sim, row->topic, row->partition, as, &row->record);
		*at = row->next;
		memory_free(&row->record.bytes);
		memory_free(&row);
	}
}

/* Rows wait for the block, which comes behind the markers. */
static int64_t
append_early(struct sim *sim, int topic, int partition, struct sim_run *run, const struct sim_record *record)
{
	if (is_internal(sim, topic) && record->has_key) {
		hold(run, topic, partition, record);
		return -1;
	}
	if (is_journal(sim, topic))
		let_go(sim, run, run, false);
	return __real_sim_append(sim, topic, partition, run, record);
}

int64_t
__wrap_sim_append(struct sim *sim, int topic, int partition, struct sim_run *run, const struct sim_record *record)
{
	if (broken == BREAK_BLOCK && is_journal(sim, topic))
		return __real_sim_append(sim, topic, partition, NULL, record);
	if (broken == BREAK_MARKER && is_internal(sim, topic) && !record->has_key)
		return __real_sim_append(sim, topic, partition, NULL, record);
	if (broken == BREAK_EARLY)
		return append_early(sim, topic, partition, run, record);
	if (broken != BREAK_ORDER || is_journal(sim, topic))
		return __real_sim_append(sim, topic, partition, run, record);
	hold(run, topic, partition, record);
	return -1;
}

void
__wrap_sim_run_decide(struct sim *sim, struct sim_run *run, bool commit)
{
	struct error err;

	__real_sim_run_decide(sim, run, commit);
	if (broken == BREAK_EARLY)
		let_go(sim, run, NULL, true);
	else if (broken == BREAK_ORDER)
		let_go(sim, run, NULL, !commit || crash_here(CRASH_POSITIONS, &err) < 0);
}

int64_t
__wrap_upstream_watermark(const struct upstream *upstream)
{
	struct upstream heard = {.count = 0};
	int64_t watermark;

	if (broken != BREAK_MINIMUM)
		return __real_upstream_watermark(upstream);
	heard.tasks = memory_new_array(upstream->count, sizeof(*heard.tasks));
	for (uint32_t i = 0; i < upstream->count; i++)
		if (upstream->tasks[i].heard)
			heard.tasks[heard.count++] = upstream->tasks[i];
	watermark = __real_upstream_watermark(&heard);
	upstream_fini(&heard);
	return watermark;
}

void
__wrap_upstream_read(struct upstream *upstream, struct cursor *cursor)
{
	__real_upstream_read(upstream, cursor);
	for (uint32_t i = 0; i < upstream->count && broken == BREAK_FORGET; i++)
		upstream->tasks[i] = (struct upstream_task){.watermark = TIME_MIN, .heard = true, .idle = true};
}

int
__wrap_log_position(struct log *log, const char *group, int topic, int partition, int64_t *offset, struct error *err)
{
	if (__real_log_position(log, group, topic, partition, offset, err) < 0)
		return -1;
	if (broken == BREAK_TRIM && strcmp(sim_log_of(log)->process, "feeder") != 0)
		*offset = INT64_MAX;
	return 0;
}

int
__wrap_owner_check(const struct owner *owner, const char *topic, int partition, struct error *err)
{
	return broken == BREAK_OWNER || broken == BREAK_FENCE ? 0 : __real_owner_check(owner, topic, partition, err);
}

enum state_journal
__wrap_state_journal(const struct state *state, uint64_t *first, uint64_t *needed)
{
	return broken == BREAK_FLOOR ? STATE_JOURNAL_WHOLE : __real_state_journal(state, first, needed);
}

int
__wrap_task_journal_ask(struct task *task, struct error *err)
{
	if (__real_task_journal_ask(task, err) < 0)
		return -1;
	if (broken == BREAK_TAIL)
		task->restore.committed = -1;
	return 0;
}

int
__wrap_task_marks_look(struct task *task, int64_t wait_ms, bool *done, struct error *err)
{
	if (broken != BREAK_IDENTITY)
		return __real_task_marks_look(task, wait_ms, done, err);
	*done = true;
	return 0;
}

static int
leave(void *argument, int form, int store, struct bytes key, struct bytes value, struct bytes *out, struct error *err)
{
	(void)argument, (void)form, (void)store, (void)key, (void)err;
	*out = value;
	return 0;
}

int
__wrap_state_set_form(struct state *state, struct bytes description, state_rewrite *rewrite, void *argument,
		      struct error *err)
{
	return __real_state_set_form(state, description, broken == BREAK_FORM ? leave : rewrite, argument, err);
}
