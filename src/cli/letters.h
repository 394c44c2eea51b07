/*
 * The dead letters of a log, and which of them were replayed.
 *
 * A letter is named by its place, "partition:offset" of the topic dead_letters. A replay writes a mark into a topic of
 * its own in the transaction that appends the record, so a letter is replayed once, in whatever order and selection.
 */
#ifndef CLI_LETTERS_H
#define CLI_LETTERS_H

#include "dataflow/topology.h"
#include "log/log.h"

struct letter {
	int number; /* partition and offset of the letter itself */
	int64_t at;
	struct bytes topic, operator_name, reason; /* borrowed while it is visited */
	int partition;				   /* where the record stood */
	int64_t offset;				   /* -1: it is a row that was never written */
	struct bytes key;			   /* data NULL: none */
	struct bytes value;
	int64_t record_time_ms, failed_at_ms;
	bool replayed;
};

struct letter_mark {
	int number;
	int64_t at;
};

struct letters {
	const struct topology *topology;
	struct log *log;
	const char *log_name; /* of the topic */
	int topic;
	int marks_topic; /* -1: nothing was ever replayed */
	struct record record;
	struct arena arena;
	struct field fields[9];
	struct letter_mark *marks; /* in order */
	size_t mark_count, mark_capacity;
};

/* Reads the marks. */
int letters_open(struct letters *letters, const struct topology *topology, struct log *log, struct error *err);
void letters_close(struct letters *letters);

/* 0: go on, 1: enough, -1: failed. */
typedef int letters_visit(void *argument, const struct letter *letter, struct error *err);

/* All letters, in order of partition and offset, up to the ends at the start. Returns like scan_partition. */
int letters_each(struct letters *letters, letters_visit *visit, void *argument, struct error *err);
/* One letter; an error where there is none. */
int letters_one(struct letters *letters, struct letter_mark place, letters_visit *visit, void *argument,
		struct error *err);

/* Makes the topic of the marks, where letters are to be marked. */
int letters_prepare_marks(struct letters *letters, struct error *err);
/* Adds the mark of a replay to its transaction. */
int letters_mark(struct letters *letters, struct transaction *transaction, const struct letter *letter,
		 struct error *err);

/* "3:17" */
int letters_parse_id(const char *text, struct letter_mark *out, struct error *err);

#endif
