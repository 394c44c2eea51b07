/* Opening and closing an embedded log; embedded_log.h says what one is. */
#include "log/embedded_transaction.h"

#include "base/memory.h"

struct embedded *
embedded_of(struct log *log)
{
	return (struct embedded *)log;
}

static void
init(struct embedded *log, const struct log_config *config)
{
	log->log.ops = &embedded_ops;
	log->clock = config->clock;
	log->directory = config->directory ? memory_text(config->directory) : NULL;
	log->read_only = config->read_only;
	log->disk_bytes = config->disk_bytes;
	log->lock_fd = log->commits_fd = -1;
	pthread_mutex_init(&log->mutex, NULL);
	pthread_mutex_init(&log->sweep_mutex, NULL);
	pthread_mutex_init(&log->sweeping, NULL);
	pthread_mutex_init(&log->catch_up, NULL);
	pthread_mutex_init(&log->failing, NULL);
	pthread_mutex_init(&log->measuring, NULL);
	pthread_cond_init(&log->changed, NULL);
	pthread_cond_init(&log->work, NULL);
	pthread_cond_init(&log->sweep_work, NULL);
}

static void
fini(struct embedded *log)
{
	embedded_topics_free(log);
	embedded_database_close(log);
	segments_close(&log->segments);
	embedded_directory_close(log);
	pthread_cond_destroy(&log->sweep_work);
	pthread_cond_destroy(&log->work);
	pthread_cond_destroy(&log->changed);
	pthread_mutex_destroy(&log->measuring);
	pthread_mutex_destroy(&log->failing);
	pthread_mutex_destroy(&log->catch_up);
	pthread_mutex_destroy(&log->sweeping);
	pthread_mutex_destroy(&log->sweep_mutex);
	pthread_mutex_destroy(&log->mutex);
	memory_free(&log);
}

static int
start(struct embedded *log, struct error *err)
{
	struct log_disk disk;

	if (log->read_only)
		return 0;
	if (log->disk_bytes > 0)
		segments_set_size(log->segments, log->disk_bytes / EMBEDDED_SEGMENTS_MIN);
	embedded_disk(&log->log, &disk); /* growth is measured from here */
	if (embedded_committer_start(log, err) < 0)
		return -1;
	if (embedded_sweeper_start(log, err) == 0)
		return 0;
	embedded_committer_stop(log);
	return -1;
}

static int
check_property(const char *name, struct error *err)
{
	if (strcmp(name, EMBEDDED_ACCEPT) == 0)
		return 0;
	return fail(err, FATAL, "log: the embedded log has no property \"%.100s\"; is \"type: kafka\" meant?", name);
}

static void
embedded_properties_check(const struct log_config *config, log_problem *found, void *argument)
{
	struct error err;

	for (const char *const *property = config->properties; property && *property; property += 2)
		if (check_property(*property, &err) < 0)
			found(argument, *property, &err);
}

static int
embedded_open(const struct log_config *config, struct log **out, struct error *err)
{
	struct embedded *log;

	for (const char *const *property = config->properties; property && *property; property += 2)
		if (check_property(*property, err) < 0)
			return -1;
	if (config->read_only && !config->directory)
		return fail(err, FATAL, "log: a log in memory cannot be opened for reading only");
	log = memory_new(sizeof(*log));
	init(log, config);
	if (embedded_directory_open(log, err) < 0 || embedded_room_to_open(log, err) < 0 ||
	    segments_open(log->directory, log->read_only, &log->segments, err) < 0 ||
	    embedded_database_open(log, config, err) < 0 || embedded_directory_sync(log, err) < 0 ||
	    embedded_topics_load(log, err) < 0 || embedded_tail_check(log, config->properties, err) < 0 ||
	    start(log, err) < 0) {
		if (log->db && embedded_database_broken(log))
			err->action = FATAL; /* it stays open: only another process opens it again */
		fini(log);
		return -1;
	}
	*out = &log->log;
	return 0;
}

static void
embedded_close(struct log *base)
{
	struct embedded *log = embedded_of(base);

	if (!log->read_only) {
		embedded_sweeper_stop(log);
		embedded_committer_stop(log);
	}
	fini(log);
}

const struct log_ops embedded_ops = {
	.type = "embedded",
	.check = embedded_properties_check,
	.is_private = true,
	.open = embedded_open,
	.close = embedded_close,
	.create_topic = embedded_create_topic,
	.raise_partitions = embedded_raise_partitions,
	.topic = embedded_topic,
	.topic_partitions = embedded_topic_partitions,
	.topic_name = embedded_topic_name,
	.partition_ends = embedded_partition_ends,
	.partition_info = embedded_partition_info,
	.offset_at = embedded_offset_at,
	.disk = embedded_disk,
	.trim = embedded_trim,
	.position = embedded_position,
	.reader_open = embedded_reader_open,
	.reader_fetch = embedded_reader_fetch,
	.reader_close = embedded_reader_close,
	.transaction_open = embedded_transaction_open,
	.transaction_close = embedded_transaction_close,
	.append_begin = embedded_append_begin,
	.append_end = embedded_append_end,
	.append_cancel = embedded_append_cancel,
	.keep = embedded_keep,
	.undo = embedded_undo,
	.bytes = embedded_bytes,
	.set_position = embedded_set_position,
	.expect = embedded_expect,
	.commit = embedded_commit,
	.abort = embedded_abort,
	.first_offset = embedded_first_offset,
	.member_open = embedded_member_open,
	.member_close = embedded_member_close,
	.member_transaction = embedded_member_transaction,
	.member_poll = embedded_member_poll,
	.member_start = embedded_member_start,
	.member_stop = embedded_member_stop,
	.member_fetch = embedded_member_fetch,
};
