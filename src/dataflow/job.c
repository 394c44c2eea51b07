#include "dataflow/job.h"
#include "dataflow/journals.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/lock_file.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/stop.h"
#include "dataflow/dead_letter_pass.h"
#include "dataflow/job_memory.h"
#include "dataflow/job_tables.h"
#include "dataflow/patience.h"
#include "dataflow/task_stores.h"
#include "dataflow/topic_list.h"
#include "dataflow/watchdog.h"
#include "record/json.h"

static int
make_directory(const char *path, struct error *err)
{
	if (directory_make(path) < 0)
		return fail_file(err, errno, "the directory %s cannot be made", path);
	return 0;
}

char *
runtime_log_directory(const char *directory)
{
	return memory_format("%s/log", directory);
}

char *
runtime_state_directory(const char *directory)
{
	return memory_format("%s/state", directory);
}

/* Says it once for all of them: a new topology on a cluster lacks everything. */
static int
refuse_missing(const struct topology *topology, const char *first, int count, struct error *err)
{
	return fail(err, FATAL, "topic %s is not there%s; create what is missing with: isotope topics %s --create",
		    first, count > 1 ? ", nor are others" : "", topology->file);
}

/* Of a topic that only others write, and has gained partitions, those of before may be read to their ends. */
static bool
may_have_more(const struct topology *topology, struct log *log, size_t index, int topic)
{
	int partitions = log_topic_partitions(log, topic);
	const struct topology_topic *spec;

	if (index >= (size_t)topology->topic_count) /* ours: a journal */
		return false;
	spec = &topology->topics[index];
	if (partitions <= spec->partitions)
		return false;
	for (int i = 0; i < topology->operator_count; i++)
		if (topology_writes(&topology->operators[i], (int)index))
			return false;
	logger_warn("old_partitions", "topic=%s partitions=%d read=%d", spec->name, partitions, (int)spec->partitions);
	return true;
}

/* What is there: that it has the shape and the settings that the topology needs. */
static int
check_topic(struct log *log, const struct topic_spec *spec, struct error *err)
{
	if (log_check_topic(log, spec, err) < 0)
		return -1;
	return spec->journal ? log_check_journal(log, spec, err) : 0;
}

static int
check_topics(const struct topology *topology, struct log *log, bool create, bool old_partitions, struct error *err)
{
	struct topic_list list = topic_list_of(topology);
	const char *missing = NULL;
	int result = journals_check(topology, log, err), count = 0, topic;

	for (size_t i = 0; i < list.count && result == 0; i++) {
		if (create) {
			result = log_create_topic(log, &list.specs[i], err);
			if (result == 0)
				result = check_topic(log, &list.specs[i], err);
		} else if (log_topic(log, list.specs[i].name, &topic, err) == 0) {
			if (!old_partitions || !may_have_more(topology, log, i, topic))
				result = check_topic(log, &list.specs[i], err);
		} else if (err->action != FATAL) {
			result = -1;
		} else {
			missing = missing ? missing : list.specs[i].name;
			count++;
		}
	}
	if (result == 0 && missing)
		result = refuse_missing(topology, missing, count, err);
	topic_list_free(&list);
	return result;
}

int
runtime_topics(const struct topology *topology, struct log *log, bool create, struct error *err)
{
	return check_topics(topology, log, create, false, err);
}

/* The log is waited for up to wait_ms, as for everything at a start. */
static int
find_journals(const struct topology *topology, struct log *log, int64_t wait_ms, struct clock *clock, struct error *err)
{
	struct patience_owner owner = {.operator = "(journals)", .task = -1};
	struct patience patience = {0};

	while (journals_find(topology, log, err) < 0)
		if (stop_requested() || patience_again(&patience, &owner, clock, wait_ms, err) < 0)
			return -1;
	patience_end(&patience, &owner, clock_steady_ms(clock));
	return 0;
}

static int
open_log_for(const struct topology *topology, const char *directory, bool read_only, int64_t wait_ms,
	     struct log_load load, struct clock *clock, struct log **out, struct error *err)
{
	char *path = directory ? runtime_log_directory(directory) : NULL;
	struct log_config config = {
		.type = topology->log_type,
		.directory = path,
		.read_only = read_only,
		.wait_ms = wait_ms,
		.memory_bytes = job_memory_log(topology),
		.disk_bytes = topology->disk_bytes,
		.clock = clock,
		.application = topology->name,
		.instance = topology->instance,
		.at_least_once = topology->guarantee == AT_LEAST_ONCE,
		.properties = (const char *const *)topology->log_properties,
		.commit_interval_ms = topology->commit_interval_ms,
		.load = load,
		.stalled_ms = topology->stalled_partition_ms,
	};
	int result = 0;

	if (directory && !read_only)
		result = make_directory(directory, err);
	if (result == 0)
		result = log_open(&config, out, err);
	memory_free(&path);
	if (result == 0 && find_journals(topology, *out, wait_ms, clock, err) < 0) {
		log_close(out);
		result = -1;
	}
	return result;
}

int
runtime_open_log_only(const struct topology *topology, const char *directory, bool read_only, struct clock *clock,
		      struct log **out, struct error *err)
{
	return open_log_for(topology, directory, read_only, 0, (struct log_load){0}, clock, out, err);
}

/* Those of a log of its own are made where they are missing. */
static int
open_topics(const struct topology *topology, bool read_only, struct log **log, struct error *err)
{
	if (read_only || !log_is_private(*log) || runtime_topics(topology, *log, true, err) == 0)
		return 0;
	log_close(log);
	return -1;
}

int
runtime_open_log(const struct topology *topology, const char *directory, bool read_only, struct clock *clock,
		 struct log **out, struct error *err)
{
	if (runtime_open_log_only(topology, directory, read_only, clock, out, err) < 0)
		return -1;
	return open_topics(topology, read_only, out, err);
}

static int
open_database(struct job *job, const struct runtime_config *config, struct error *err)
{
	char *path = config->directory ? runtime_state_directory(config->directory) : NULL;
	struct database_config database = {
		.directory = path,
		.application = job->topology->name,
		.memory_bytes = job_memory_database(job->topology),
	};
	int result = database_open(&database, &job->database, err);

	memory_free(&path);
	return result;
}

static int
open_operator(struct job *job, int index, const char *const *selected, struct error *err)
{
	struct job_operator *operator = &job->operators[index];
	const struct topology_operator *spec = &job->topology->operators[index];
	char *journal = topic_list_journal(job->topology, index);
	int result;

	operator->spec = spec;
	operator->group = topic_list_group(job->topology, index);
	operator->workers = (int)(spec->workers < spec->tasks ? spec->workers : spec->tasks);
	operator->selected = job_memory_selects(selected, spec->name);
	operator->tasks = memory_new_array((size_t)spec->tasks, sizeof(*operator->tasks));
	operator->turns = memory_new_array((size_t)operator->workers, sizeof(*operator->turns));
	for (int i = 0; i < operator->workers; i++)
		watchdog_turn_init(&operator->turns[i]);
	operator->stores = memory_new_array((size_t)spec->tasks, sizeof(*operator->stores));
	pthread_mutex_init(&operator->stores_lock, NULL);
	for (int64_t i = 0; i < spec->tasks; i++) {
		atomic_init(&operator->tasks[i].watermark_ms, TIME_MIN);
		atomic_init(&operator->tasks[i].held_by, -1);
		operator->stores[i].closed_ms = clock_steady_ms(job->clock);
	}
	result = log_topic(job->log, journal, &operator->journal, err);
	memory_free(&journal);
	return result;
}

static int
check_selection(const struct topology *topology, const char *const *selected, struct error *err)
{
	for (; selected && *selected; selected++)
		if (topology_operator_find(topology, *selected) < 0)
			return fail(err, FATAL, "%s has no operator named %s", topology->file, *selected);
	return 0;
}

static int
open_log(struct job *job, const struct runtime_config *config, struct error *err)
{
	if (!job->log &&
	    open_log_for(job->topology, job->directory, false, job->topology->outage_ms,
			 job_memory_load(job->topology, config->operators), job->clock, &job->log, err) < 0)
		return -1;
	return check_topics(job->topology, job->log, log_is_private(job->log), job->old_partitions, err);
}

/* Of a log that others write to, too: there only the stores would notice a second process of this directory. */
static int
lock_directory(struct job *job, const struct runtime_config *config, struct error *err)
{
	char *path;
	int result;

	if (!job->owns_log || !config->directory || log_is_private(job->log))
		return 0;
	path = memory_format("%s/lock", job->directory);
	result = lock_file_take(path, &job->lock_fd, err);
	memory_free(&path);
	return result;
}

/* The number tells two runs of one process number, as in containers. */
static int
name_writer(struct job *job, struct error *err)
{
	const char *identity = log_identity(job->log);
	char host[256] = "";
	uint64_t run;

	if (getrandom(&run, sizeof(run), 0) != sizeof(run))
		return fail(err, FATAL, "no random number for a name");
	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = 0;
	job->writer = memory_format("host=%s pid=%d%s%s version=%s run=%016" PRIx64, host, (int)getpid(),
				    identity[0] ? " identity=" : "", identity, ISOTOPE_VERSION, run);
	return 0;
}

/* What a start needs of the disk may come, as for a running job: a disk that is full, descriptors that are used up. */
static int
open_waiting(struct job *job, int (*open)(struct job *, const struct runtime_config *, struct error *),
	     const struct runtime_config *config, struct error *err)
{
	const struct patience_owner owner = {.operator = "(start)", .task = -1};
	struct patience patience = {0};

	while (open(job, config, err) < 0)
		if (stop_requested() ||
		    patience_again(&patience, &owner, job->clock, job->topology->outage_ms, err) < 0)
			return -1;
	patience_end(&patience, &owner, clock_steady_ms(job->clock));
	return 0;
}

static int
read_passes(struct job *job, const struct runtime_config *config, struct error *err)
{
	(void)config;
	return dead_letter_passes_read(job, err);
}

static int
open_all(struct job *job, const struct runtime_config *config, struct error *err)
{
	const struct topology *topology = job->topology;

	job->log = config->log;
	job->owns_log = !config->log;
	if (check_selection(topology, config->operators, err) < 0 ||
	    (job->owns_log && open_waiting(job, open_log, config, err) < 0) ||
	    open_waiting(job, lock_directory, config, err) < 0 || name_writer(job, err) < 0 ||
	    open_waiting(job, open_database, config, err) < 0)
		return -1;
	for (int i = 0; i < topology->topic_count; i++)
		if (log_topic(job->log, topology->topics[i].log_name, &job->topics[i], err) < 0)
			return -1;
	for (int i = 0; i < topology->operator_count; i++)
		if (open_operator(job, i, config->operators, err) < 0)
			return -1;
	if (open_waiting(job, read_passes, config, err) < 0)
		return -1;
	job->task_memory_bytes = job_memory_task(topology, job_memory_load(topology, config->operators).tasks);
	return 0;
}

int64_t
job_wall_ms(struct job *job)
{
	bool doubted;
	int64_t now_ms;

	pthread_mutex_lock(&job->clock_lock);
	doubted = job->clock_guard.doubted;
	now_ms = wall_guard_look(&job->clock_guard, clock_now_ms(job->clock), clock_steady_ms(job->clock));
	if (job->clock_guard.doubted && !doubted)
		logger_warn("clock_jumped",
			    "ahead_ms=%" PRId64
			    " reason=\"the wall clock was set back; event times are held against the "
			    "time before, until the clock has been steady for %d min\"",
			    job->clock_guard.ahead_ms, WALL_GUARD_HOLD_MS / 60000);
	pthread_mutex_unlock(&job->clock_lock);
	return now_ms;
}

static void
say_doubt(int64_t now_ms, int64_t written_ms)
{
	char now[32], written[32];
	bool behind = now_ms < written_ms;

	json_format_time(now_ms, now);
	json_format_time(written_ms, written);
	logger_warn("clock_doubted", "now=%s last_commit=%s ahead_ms=%" PRId64 " reason=\"%s\"", now, written,
		    now_ms - written_ms,
		    behind ? "the wall clock is behind what the journal knows; event times are held against the time "
			     "of then, until the clock has been steady for 60 min"
			   : "the journal has rested for so long, or the wall clock is wrong: records from the future "
			     "would be taken");
}

void
job_clock_known(struct job *job, int64_t written_ms)
{
	int64_t now_ms = clock_now_ms(job->clock), steady_ms = clock_steady_ms(job->clock), ahead_ms;
	bool far;

	if (__builtin_sub_overflow(now_ms, written_ms, &ahead_ms))
		return; /* of no clock */
	far = ahead_ms < -WALL_GUARD_JUMP_MS || ahead_ms > WALL_GUARD_REST_MS;
	pthread_mutex_lock(&job->clock_lock);
	if (far && !job->clock_said)
		say_doubt(now_ms, written_ms);
	job->clock_said |= far;
	if (ahead_ms < -WALL_GUARD_JUMP_MS) {
		wall_guard_know(&job->clock_guard, written_ms, steady_ms);
		wall_guard_look(&job->clock_guard, now_ms, steady_ms);
	}
	pthread_mutex_unlock(&job->clock_lock);
}

int
job_open(const struct runtime_config *config, struct job **out, struct error *err)
{
	struct job *job = memory_new(sizeof(*job));

	job->topology = config->topology;
	job->clock = config->clock;
	job->clock_guard.back = true;
	pthread_mutex_init(&job->clock_lock, NULL);
	job->bounded = config->until_end;
	job->keep_open = config->until_end && config->keep_open;
	job->new_journal = config->new_journal;
	job->short_journal = config->short_journal;
	job->new_topics = config->new_topics;
	job->old_partitions = config->old_partitions;
	job->lock_fd = -1;
	job->directory = config->directory ? memory_text(config->directory) : NULL;
	job->topics = memory_new_array((size_t)job->topology->topic_count, sizeof(*job->topics));
	job->misplaced = memory_new_array((size_t)job->topology->topic_count, sizeof(*job->misplaced));
	job->operators = memory_new_array((size_t)job->topology->operator_count, sizeof(*job->operators));
	if (open_all(job, config, err) < 0) {
		job_close(&job);
		return -1;
	}
	*out = job;
	return 0;
}

void
job_close(struct job **pointer)
{
	struct job *job = *pointer;

	if (!job)
		return;
	if (job->operators) {
		job_tables_close(job);
		task_stores_close(job);
	}
	if (job->database)
		database_close(&job->database);
	if (job->log && job->owns_log)
		log_close(&job->log);
	for (int i = 0; i < job->topology->operator_count; i++) {
		memory_free(&job->operators[i].group);
		memory_free(&job->operators[i].passes);
		memory_free(&job->operators[i].tasks);
		memory_free(&job->operators[i].turns);
		if (job->operators[i].stores)
			pthread_mutex_destroy(&job->operators[i].stores_lock);
		memory_free(&job->operators[i].stores);
		memory_free(&job->operators[i].in_inputs.offsets);
		memory_free(&job->operators[i].in_journal.offsets);
	}
	if (job->lock_fd >= 0)
		close(job->lock_fd);
	memory_free(&job->writer);
	memory_free(&job->directory);
	memory_free(&job->operators);
	memory_free(&job->topics);
	memory_free(&job->misplaced);
	pthread_mutex_destroy(&job->clock_lock);
	memory_free(pointer);
}

int
job_stage_count(const struct job *job)
{
	int stages = 0;

	for (int i = 0; i < job->topology->operator_count; i++)
		if (job->topology->operators[i].stage >= stages)
			stages = job->topology->operators[i].stage + 1;
	return stages;
}
