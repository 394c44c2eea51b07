/* The functions of log.h: a call through the table of the implementation that log_open chose. */
#include "log/log.h"

#include <ctype.h>

#include "log/log_ops.h"

static const struct log_ops *const implementations[] = {&embedded_ops, &kafka_ops};

static const struct log_ops *
find_implementation(const struct log_config *config, struct error *err)
{
	for (size_t i = 0; i < sizeof(implementations) / sizeof(implementations[0]); i++)
		if (strcmp(implementations[i]->type, config->type) == 0)
			return implementations[i];
	fail(err, FATAL, "log type '%s' is not known; expected embedded or kafka", config->type);
	return NULL;
}

void
log_check(const struct log_config *config, log_problem *found, void *argument)
{
	struct error err;
	const struct log_ops *ops = find_implementation(config, &err);

	if (ops)
		ops->check(config, found, argument);
	else
		found(argument, "type", &err);
}

int
log_open(const struct log_config *config, struct log **out, struct error *err)
{
	const struct log_ops *ops = find_implementation(config, err);

	return ops ? ops->open(config, out, err) : -1;
}

void
log_close(struct log **log)
{
	if (*log)
		(*log)->ops->close(*log);
	*log = NULL;
}

static int
check_name(const char *name, struct error *err)
{
	size_t size = strlen(name);

	if (size == 0 || size > LOG_TOPIC_NAME_SIZE_MAX)
		return fail(err, FATAL, "topic name of %zu bytes: expected 1 to %d", size, LOG_TOPIC_NAME_SIZE_MAX);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return fail(err, FATAL, "topic name '%s' is not allowed", name);
	for (const char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '.' && *at != '_' && *at != '-')
			return fail(err, FATAL, "topic name '%s': expected letters, digits, '.', '_' and '-' only",
				    name);
	return 0;
}

int
log_check_spec(const struct topic_spec *spec, struct error *err)
{
	if (check_name(spec->name, err) < 0)
		return -1;
	if (spec->partitions < 1 || spec->partitions > LOG_PARTITIONS_MAX)
		return fail(err, FATAL, "topic '%s': %d partitions: expected 1 to %d", spec->name, spec->partitions,
			    LOG_PARTITIONS_MAX);
	if (spec->retention_ms < LOG_RETENTION_UNSET || spec->retention_bytes < LOG_RETENTION_UNSET)
		return fail(err, FATAL, "topic '%s': retention must be 0 or more, or -1: forever", spec->name);
	return 0;
}

int
log_create_topic(struct log *log, const struct topic_spec *spec, struct error *err)
{
	if (log_check_spec(spec, err) < 0)
		return -1;
	return log->ops->create_topic(log, spec, err);
}

int
log_raise_partitions(struct log *log, int topic, int partitions, struct error *err)
{
	if (!log->ops->raise_partitions)
		return fail(err, FATAL,
			    "topic '%s' has %d partitions, and %d are needed: kafka-topics --alter adds them",
			    log_topic_name(log, topic), log_topic_partitions(log, topic), partitions);
	insist(partitions > log_topic_partitions(log, topic) && partitions <= LOG_PARTITIONS_MAX);
	return log->ops->raise_partitions(log, topic, partitions, err);
}

int
log_check_topic(struct log *log, const struct topic_spec *spec, struct error *err)
{
	int topic, partitions;

	if (log_check_spec(spec, err) < 0 || log->ops->topic(log, spec->name, &topic, err) < 0)
		return -1;
	partitions = log->ops->topic_partitions(log, topic);
	if (partitions != spec->partitions)
		return fail(err, FATAL, "topic '%s' has %d partitions, not %d", spec->name, partitions,
			    spec->partitions);
	return 0;
}

int
log_check_journal(struct log *log, const struct topic_spec *spec, struct error *err)
{
	return log->ops->check_settings ? log->ops->check_settings(log, spec, err) : 0;
}

int
log_topic_look(struct log *log, int topic, struct error *err)
{
	return log->ops->topic_look ? log->ops->topic_look(log, topic, err) : 0;
}

const uint8_t *
log_topic_id(struct log *log, int topic)
{
	static const uint8_t none[LOG_TOPIC_ID_SIZE];

	return log->ops->topic_id ? log->ops->topic_id(log, topic) : none;
}

bool
log_is_private(const struct log *log)
{
	return log->ops->is_private;
}

const char *
log_identity(struct log *log)
{
	return log->ops->identity ? log->ops->identity(log) : "";
}

int
log_topic(struct log *log, const char *name, int *topic, struct error *err)
{
	return log->ops->topic(log, name, topic, err);
}

int
log_topic_partitions(struct log *log, int topic)
{
	return log->ops->topic_partitions(log, topic);
}

size_t
log_record_size_max(struct log *log, int topic)
{
	return log->ops->record_size_max ? log->ops->record_size_max(log, topic) : LOG_RECORD_SIZE_MAX;
}

const char *
log_topic_name(struct log *log, int topic)
{
	return log->ops->topic_name(log, topic);
}

/* Partition numbers come from command lines and topologies too: an error, not a programmer's. */
static int
check_partition(struct log *log, int topic, int partition, struct error *err)
{
	int partitions = log_topic_partitions(log, topic);

	if (partition < 0 || partition >= partitions)
		return fail(err, FATAL, "topic '%s' has no partition %d: it has 0 to %d", log_topic_name(log, topic),
			    partition, partitions - 1);
	return 0;
}

int
log_partition_info(struct log *log, int topic, int partition, struct partition_info *out, struct error *err)
{
	if (check_partition(log, topic, partition, err) < 0)
		return -1;
	return log->ops->partition_info(log, topic, partition, out, err);
}

int
log_partition_ends(struct log *log, int topic, int partition, struct partition_ends *out, struct error *err)
{
	if (check_partition(log, topic, partition, err) < 0)
		return -1;
	return log->ops->partition_ends(log, topic, partition, out, err);
}

int
log_ends_since(struct log *log, int topic, int partition, int64_t since_us, struct partition_ends *out,
	       struct error *err)
{
	if (check_partition(log, topic, partition, err) < 0)
		return -1;
	if (!log->ops->ends_since)
		return log->ops->partition_ends(log, topic, partition, out, err);
	return log->ops->ends_since(log, topic, partition, since_us, out, err);
}

int
log_offset_at(struct log *log, int topic, int partition, int64_t time_ms, int64_t *offset, struct error *err)
{
	if (check_partition(log, topic, partition, err) < 0)
		return -1;
	return log->ops->offset_at(log, topic, partition, time_ms, offset, err);
}

bool
log_disk(struct log *log, struct log_disk *out)
{
	return log->ops->disk && log->ops->disk(log, out);
}

int
log_trim(struct log *log, int topic, int partition, int64_t offset, struct error *err)
{
	if (check_partition(log, topic, partition, err) < 0)
		return -1;
	return log->ops->trim(log, topic, partition, offset, err);
}

int
log_position(struct log *log, const char *group, int topic, int partition, int64_t *offset, struct error *err)
{
	if (check_partition(log, topic, partition, err) < 0)
		return -1;
	return log->ops->position(log, group, topic, partition, offset, err);
}

int
log_positions(struct log *log, const char *group, int topic, int64_t *offsets, struct error *err)
{
	if (log->ops->positions)
		return log->ops->positions(log, group, topic, offsets, err);
	for (int i = 0; i < log_topic_partitions(log, topic); i++)
		if (log->ops->position(log, group, topic, i, &offsets[i], err) < 0)
			return -1;
	return 0;
}

static uint64_t
mix(uint64_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3u;
	return sum;
}

/* FNV-1a over both sizes, each with one added or 0 for "none", and both contents. */
uint64_t
log_record_checksum(const struct log_record *record)
{
	uint8_t sizes[16];
	uint64_t sum = 0xcbf29ce484222325u;

	store_u64(sizes, record->key.data ? record->key.size + 1 : 0);
	store_u64(sizes + 8, record->value.data ? record->value.size + 1 : 0);
	sum = mix(sum, sizes, sizeof(sizes));
	sum = mix(sum, record->key.data, record->key.data ? record->key.size : 0);
	return mix(sum, record->value.data, record->value.data ? record->value.size : 0);
}

int
log_reader_open(struct log *log, int topic, int partition, int64_t offset, struct reader **out, struct error *err)
{
	if (check_partition(log, topic, partition, err) < 0)
		return -1;
	return log->ops->reader_open(log, topic, partition, offset, out, err);
}

int
reader_fetch(struct reader *reader, int64_t wait_ms, struct log_batch *out, struct error *err)
{
	return reader->ops->reader_fetch(reader, wait_ms, out, err);
}

void
reader_close(struct reader **reader)
{
	if (*reader)
		(*reader)->ops->reader_close(*reader);
	*reader = NULL;
}

int
log_transaction_open(struct log *log, const char *id, struct transaction **out, struct error *err)
{
	return log->ops->transaction_open(log, id, out, err);
}

void
transaction_close(struct transaction **transaction)
{
	if (*transaction)
		(*transaction)->ops->transaction_close(*transaction);
	*transaction = NULL;
}

struct buffer *
transaction_append_begin(struct transaction *transaction, int topic, int partition, struct bytes key,
			 int64_t timestamp_ms)
{
	return transaction->ops->append_begin(transaction, topic, partition, key, timestamp_ms);
}

int
transaction_append_end(struct transaction *transaction, struct error *err)
{
	return transaction->ops->append_end(transaction, false, err);
}

int
transaction_append_deletion(struct transaction *transaction, int topic, int partition, struct bytes key,
			    int64_t timestamp_ms, struct error *err)
{
	transaction->ops->append_begin(transaction, topic, partition, key, timestamp_ms);
	return transaction->ops->append_end(transaction, true, err);
}

void
transaction_append_cancel(struct transaction *transaction)
{
	transaction->ops->append_cancel(transaction);
}

void
transaction_keep(struct transaction *transaction)
{
	transaction->ops->keep(transaction);
}

void
transaction_undo(struct transaction *transaction)
{
	transaction->ops->undo(transaction);
}

size_t
transaction_bytes(const struct transaction *transaction)
{
	return transaction->ops->bytes(transaction);
}

void
transaction_position(struct transaction *transaction, const char *group, int topic, int partition, int64_t offset)
{
	transaction->ops->set_position(transaction, group, topic, partition, offset);
}

void
transaction_expect(struct transaction *transaction, int topic, int partition, int64_t offset)
{
	transaction->ops->expect(transaction, topic, partition, offset);
}

int
transaction_commit(struct transaction *transaction, struct error *err)
{
	return transaction->ops->commit(transaction, err);
}

bool
transaction_undecided(const struct transaction *transaction)
{
	return !transaction->ops->undecided || transaction->ops->undecided(transaction);
}

int
transaction_abort(struct transaction *transaction, struct error *err)
{
	return transaction->ops->abort(transaction, err);
}

int64_t
transaction_first_offset(const struct transaction *transaction, int topic, int partition)
{
	return transaction->ops->first_offset(transaction, topic, partition);
}

int
log_member_open(struct log *log, const struct member_spec *spec, struct member **out, struct error *err)
{
	return log->ops->member_open(log, spec, out, err);
}

void
member_close(struct member **member)
{
	if (*member)
		(*member)->ops->member_close(*member);
	*member = NULL;
}

struct transaction *
member_transaction(struct member *member)
{
	return member->ops->member_transaction(member);
}

int
member_poll(struct member *member, int64_t wait_ms, struct member_event *event, struct error *err)
{
	return member->ops->member_poll(member, wait_ms, event, err);
}

int
member_start(struct member *member, int partition, const int64_t *positions, struct error *err)
{
	return member->ops->member_start(member, partition, positions, err);
}

int
member_stop(struct member *member, int partition, struct error *err)
{
	return member->ops->member_stop(member, partition, err);
}

int
member_fetch(struct member *member, int partition, int input, struct log_batch *out, struct error *err)
{
	return member->ops->member_fetch(member, partition, input, out, err);
}
