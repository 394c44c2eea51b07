/*
 * What an implementation of the log provides: one table of functions, and structs of its own that begin with the ones
 * here. log.c checks arguments and calls through the table; nothing else includes this file but the implementations.
 */
#ifndef LOG_LOG_OPS_H
#define LOG_LOG_OPS_H

#include "log/log_disk.h"

struct log_ops {
	const char *type; /* as in log_config */
	bool is_private;
	void (*check)(const struct log_config *, log_problem *found, void *argument);
	int (*open)(const struct log_config *, struct log **, struct error *);
	const char *(*identity)(struct log *); /* or NULL */
	void (*close)(struct log *);	       /* frees it, as the other close functions here do */

	int (*create_topic)(struct log *, const struct topic_spec *, struct error *);
	int (*raise_partitions)(struct log *, int topic, int partitions, struct error *); /* NULL: it does not */
	int (*topic)(struct log *, const char *name, int *topic, struct error *);
	int (*topic_partitions)(struct log *, int topic);
	const char *(*topic_name)(struct log *, int topic);
	size_t (*record_size_max)(struct log *, int topic); /* NULL: LOG_RECORD_SIZE_MAX */
	int (*partition_info)(struct log *, int topic, int partition, struct partition_info *, struct error *);
	int (*partition_ends)(struct log *, int topic, int partition, struct partition_ends *, struct error *);
	/* NULL: partition_ends never waits */
	int (*ends_since)(struct log *, int topic, int partition, int64_t since_us, struct partition_ends *,
			  struct error *);
	int (*offset_at)(struct log *, int topic, int partition, int64_t time_ms, int64_t *offset, struct error *);
	int (*check_settings)(struct log *, const struct topic_spec *, struct error *); /* or NULL */
	const uint8_t *(*topic_id)(struct log *, int topic);				/* or NULL */
	int (*topic_look)(struct log *, int topic, struct error *);			/* or NULL */
	bool (*disk)(struct log *, struct log_disk *); /* NULL: on no disk of this machine */
	int (*trim)(struct log *, int topic, int partition, int64_t offset, struct error *);
	int (*position)(struct log *, const char *group, int topic, int partition, int64_t *offset, struct error *);
	/* Of all partitions; NULL: they are asked for one by one. */
	int (*positions)(struct log *, const char *group, int topic, int64_t *offsets, struct error *);

	int (*reader_open)(struct log *, int topic, int partition, int64_t offset, struct reader **, struct error *);
	int (*reader_fetch)(struct reader *, int64_t wait_ms, struct log_batch *, struct error *);
	void (*reader_close)(struct reader *);

	int (*transaction_open)(struct log *, const char *id, struct transaction **, struct error *);
	void (*transaction_close)(struct transaction *);
	struct buffer *(*append_begin)(struct transaction *, int topic, int partition, struct bytes key,
				       int64_t timestamp_ms);
	int (*append_end)(struct transaction *, bool deletion, struct error *);
	void (*append_cancel)(struct transaction *);
	void (*keep)(struct transaction *);
	void (*undo)(struct transaction *);
	size_t (*bytes)(const struct transaction *);
	void (*set_position)(struct transaction *, const char *group, int topic, int partition, int64_t offset);
	void (*expect)(struct transaction *, int topic, int partition, int64_t offset);
	int (*commit)(struct transaction *, struct error *);
	int (*abort)(struct transaction *, struct error *);
	bool (*undecided)(const struct transaction *); /* NULL: after a RETRY of commit always */
	int64_t (*first_offset)(const struct transaction *, int topic, int partition);

	int (*member_open)(struct log *, const struct member_spec *, struct member **, struct error *);
	void (*member_close)(struct member *);
	struct transaction *(*member_transaction)(struct member *);
	int (*member_poll)(struct member *, int64_t wait_ms, struct member_event *, struct error *);
	int (*member_start)(struct member *, int partition, const int64_t *positions, struct error *);
	int (*member_stop)(struct member *, int partition, struct error *);
	int (*member_fetch)(struct member *, int partition, int input, struct log_batch *, struct error *);
};

/* The first field of each implementation's own struct. */
struct log {
	const struct log_ops *ops;
};

struct reader {
	const struct log_ops *ops;
};

struct transaction {
	const struct log_ops *ops;
};

struct member {
	const struct log_ops *ops;
};

extern const struct log_ops embedded_ops, kafka_ops;

/* What a topic may be called and may have, the same for all implementations. */
int log_check_spec(const struct topic_spec *spec, struct error *err);

#endif
