/*
 * An operator that has stopped for too many dead letters (dead_letter.h) is told to go on past what its topics hold by
 * now: of the records before those ends none counts towards the limit, whatever becomes of them. Each is a dead letter
 * as ever. What comes after counts, from nothing on.
 *
 * That is told in the topic "<app>.dead_letter_passes", of one partition, compacted: key the operator's name, value a
 * line of text for each partition of each of its inputs and tables: TOPIC PARTITION END ID, where ID is the topic's id
 * in hex, or zeros. A job reads it when it starts. Nothing of a job's own is written, so that it may be said at any
 * time, beside a job that runs too (on Kafka; the embedded log has one writer): it holds from the next start on, and
 * once said it holds for good. A topic that was made anew has another id, and is not what was meant.
 */
#ifndef DATAFLOW_DEAD_LETTER_PASS_H
#define DATAFLOW_DEAD_LETTER_PASS_H

#include "dataflow/job.h"

struct input;

/* Reads the topic, where there is one, into the job's operators. RETRY: the log did not answer. */
int dead_letter_passes_read(struct job *job, struct error *err);
/* The offset before which failures in a partition of the topic (by the log's number) do not count; 0: none was told. */
int64_t dead_letter_pass_until(const struct job_operator *operator, int topic, int partition);
/* For an input whose position is known: what it has counted before is forgotten where all of it was meant. */
void dead_letter_pass_apply(const struct job_operator *operator, int topic, int partition, struct input *input);

/* Makes the topic where it is missing. */
int dead_letter_passes_create(const struct topology *topology, struct log *log, struct error *err);
/* Adds to a transaction that the operator is to go on past the ends of all that it reads, as of now. */
int dead_letter_pass_write(const struct topology *topology, struct log *log, struct transaction *transaction,
			   int operator, struct error *err);

#endif
