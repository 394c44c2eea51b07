#include "cli/letters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "dataflow/topic_list.h"

#define ID_SIZE 40
#define SHARED_TOPIC "dead_letters" /* 0.1.0 had one for all applications; its marks name no topic */

enum { TOPIC, PARTITION, OFFSET, OPERATOR, REASON, KEY, VALUE, RECORD_TIME, FAILED_AT };

static const struct {
	const char *name;
	enum schema_type type;
} field_specs[] = {
	[TOPIC] = {"topic", SCHEMA_STRING},	  [PARTITION] = {"partition", SCHEMA_INT},
	[OFFSET] = {"offset", SCHEMA_LONG},	  [OPERATOR] = {"operator", SCHEMA_STRING},
	[REASON] = {"reason", SCHEMA_STRING},	  [KEY] = {"key", SCHEMA_BYTES},
	[VALUE] = {"value", SCHEMA_BYTES},	  [RECORD_TIME] = {"record_time", SCHEMA_LONG},
	[FAILED_AT] = {"failed_at", SCHEMA_LONG},
};

#define FIELD_COUNT (sizeof(field_specs) / sizeof(field_specs[0]))

/* ---- marks ---- */

static int
compare_marks(const void *left, const void *right)
{
	const struct letter_mark *a = left, *b = right;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static int
digits(const char **text, int64_t max, int64_t *value)
{
	const char *at = *text;

	for (*value = 0; *at >= '0' && *at <= '9'; at++) {
		if (*value > (max - (*at - '0')) / 10)
			return -1;
		*value = *value * 10 + (*at - '0');
	}
	if (at == *text)
		return -1;
	*text = at;
	return 0;
}

int
letters_parse_id(const char *text, struct letter_mark *out, struct error *err)
{
	const char *at = text;
	int64_t number;

	if (digits(&at, LOG_PARTITIONS_MAX, &number) == 0 && *at++ == ':' && digits(&at, INT64_MAX, &out->at) == 0 &&
	    !*at) {
		out->number = (int)number;
		return 0;
	}
	return fail(err, FATAL,
		    "\"%.100s\" names no dead letter; expected partition:offset as `deadletter ... list` "
		    "prints it, such as 0:17",
		    text);
}

/* A mark's key is "TOPIC ID": letters of a topic of another name are not these. */
static int
take_mark(void *argument, const struct log_record *record, struct error *err)
{
	struct letters *letters = argument;
	const struct bytes key = record->key;
	const uint8_t *space = memchr(key.data, ' ', key.size);
	struct bytes topic = space ? bytes_of(key.data, (size_t)(space - key.data)) : bytes_of_text(SHARED_TOPIC);
	char text[ID_SIZE];

	if (!bytes_equal(topic, bytes_of_text(letters->log_name)))
		return 0;

	if (letters->mark_count == letters->mark_capacity) {
		letters->mark_capacity = letters->mark_capacity ? letters->mark_capacity * 2 : 64;
		letters->marks = memory_resize_array(letters->marks, letters->mark_capacity, sizeof(*letters->marks));
	}
	snprintf(text, sizeof(text), "%.*s",
		 bytes_arguments(space ? bytes_of(space + 1, key.size - topic.size - 1) : key));
	return letters_parse_id(text, &letters->marks[letters->mark_count++], err);
}

static int
read_marks(struct letters *letters, struct error *err)
{
	int result = 0;

	if (letters->marks_topic < 0)
		return 0;
	for (int i = 0; i < log_topic_partitions(letters->log, letters->marks_topic) && result == 0; i++)
		result = scan_partition(letters->log, letters->marks_topic, i, 0, INT64_MAX, take_mark, letters, err);
	if (letters->mark_count > 0)
		qsort(letters->marks, letters->mark_count, sizeof(*letters->marks), compare_marks);
	return result < 0 ? -1 : 0;
}

static bool
is_marked(const struct letters *letters, int number, int64_t at)
{
	struct letter_mark mark = {.number = number, .at = at};

	return letters->mark_count > 0 &&
	       bsearch(&mark, letters->marks, letters->mark_count, sizeof(mark), compare_marks);
}

int
letters_prepare_marks(struct letters *letters, struct error *err)
{
	char *name = topic_list_replays(letters->topology);
	int result = log_topic(letters->log, name, &letters->marks_topic, err);

	memory_free(&name);
	return result;
}

int
letters_mark(struct letters *letters, struct transaction *transaction, const struct letter *letter, struct error *err)
{
	char id[LOG_TOPIC_NAME_SIZE_MAX + ID_SIZE];

	snprintf(id, sizeof(id), "%s %d:%" PRId64, letters->log_name, letter->number, letter->at);
	/* Not an empty value: on a compacted topic that could be taken for a deletion. */
	buffer_put_u8(transaction_append_begin(transaction, letters->marks_topic, 0, bytes_of_text(id),
					       clock_now_ms(&clock_system)),
		      1);
	return transaction_append_end(transaction, err);
}

/* ---- letters ---- */

int
letters_open(struct letters *letters, const struct topology *topology, struct log *log, struct error *err)
{
	const struct topology_topic *topic = &topology->topics[topology->dead_letters];
	char *name = topic_list_replays(topology);
	struct error none;

	*letters = (struct letters){.topology = topology, .log = log, .log_name = topic->log_name};
	if (log_topic(log, name, &letters->marks_topic, &none) < 0)
		letters->marks_topic = -1;
	memory_free(&name);
	record_init(&letters->record, codec_schema(topic->codec));
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (record_field(codec_schema(topic->codec), field_specs[i].name, field_specs[i].type,
				 &letters->fields[i], err) < 0) {
			letters_close(letters);
			return -1;
		}
	}
	if (log_topic(log, topic->log_name, &letters->topic, err) < 0 || read_marks(letters, err) < 0) {
		letters_close(letters);
		return -1;
	}
	return 0;
}

void
letters_close(struct letters *letters)
{
	record_fini(&letters->record);
	arena_fini(&letters->arena);
	memory_free(&letters->marks);
}

static int
read_letter(struct letters *letters, int number, const struct log_record *from, struct letter *out, struct error *err)
{
	const struct topology_topic *topic = &letters->topology->topics[letters->topology->dead_letters];
	const struct record *record = &letters->record;
	const struct field *fields = letters->fields;

	arena_reset(&letters->arena);
	if (codec_decode(topic->codec, from->value, &letters->record, &letters->arena, err) < 0)
		return fail_in(err, "%s partition %d offset %" PRId64, topic->name, number, from->offset);
	*out = (struct letter){
		.number = number,
		.at = from->offset,
		.topic = record_bytes(record, fields[TOPIC]),
		.operator_name = record_bytes(record, fields[OPERATOR]),
		.reason = record_bytes(record, fields[REASON]),
		.partition = (int)record_integer(record, fields[PARTITION]),
		.offset = record_integer(record, fields[OFFSET]),
		.value = record_bytes(record, fields[VALUE]),
		.record_time_ms = record_integer(record, fields[RECORD_TIME]),
		.failed_at_ms = record_integer(record, fields[FAILED_AT]),
		.replayed = is_marked(letters, number, from->offset),
	};
	if (!record_is_null(record, fields[KEY])) {
		out->key = record_bytes(record, fields[KEY]);
		out->key.data = out->key.data ? out->key.data : (const uint8_t *)"";
	}
	return 0;
}

struct visiting {
	struct letters *letters;
	int number;
	letters_visit *visit;
	void *argument;
	int64_t visited;
};

static int
visit_record(void *argument, const struct log_record *record, struct error *err)
{
	struct visiting *visiting = argument;
	struct letter letter;

	if (read_letter(visiting->letters, visiting->number, record, &letter, err) < 0)
		return -1;
	visiting->visited++;
	return visiting->visit(visiting->argument, &letter, err);
}

int
letters_each(struct letters *letters, letters_visit *visit, void *argument, struct error *err)
{
	struct visiting visiting = {.letters = letters, .visit = visit, .argument = argument};
	int partitions = log_topic_partitions(letters->log, letters->topic);
	int result = 0;

	for (int i = 0; i < partitions && result == 0; i++) {
		struct partition_ends ends;

		visiting.number = i;
		result = log_partition_ends(letters->log, letters->topic, i, &ends, err);
		if (result == 0)
			result = scan_partition(letters->log, letters->topic, i, ends.start, ends.pending_end,
						visit_record, &visiting, err);
	}
	return result;
}

int
letters_one(struct letters *letters, struct letter_mark place, letters_visit *visit, void *argument, struct error *err)
{
	struct visiting visiting = {.letters = letters, .number = place.number, .visit = visit, .argument = argument};
	struct partition_ends ends = {0};
	int result = 0;

	if (place.number < log_topic_partitions(letters->log, letters->topic))
		result = log_partition_ends(letters->log, letters->topic, place.number, &ends, err);
	if (result == 0 && place.at >= ends.start && place.at < ends.pending_end)
		result = scan_partition(letters->log, letters->topic, place.number, place.at, place.at + 1,
					visit_record, &visiting, err);
	if (result == 0 && visiting.visited == 0)
		return fail(err, FATAL, "there is no dead letter %d:%" PRId64, place.number, place.at);
	return result;
}
