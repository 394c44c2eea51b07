/* Topics of the simulated cluster, read as anybody reads them: committed records only; and the fields of a row. */
#ifndef TESTS_SIM_READING_H
#define TESTS_SIM_READING_H

#include "tests/sim/world.h"

typedef int on_row(void *argument, const struct record *record, struct error *err);

/* Partition by partition, from where each begins; stops at the first call that fails. */
int read_topic(struct world *world, const char *name, on_row *each, void *argument, struct error *err);
/* Every record of it has been read by this group, and the group stands nowhere behind the end. */
int read_position(struct world *world, const char *group, const char *topic, int partition, struct error *err);

/* The topic's number in the cluster. */
int topic_number(struct world *world, const char *name);
const struct topology_topic *topic_of(const struct world *world, const char *name);

/* A field that is not there ends the program. */
struct field field_of(const struct record *record, const char *name, enum schema_type type);
int64_t integer_of(const struct record *record, const char *name);
bool truth_of(const struct record *record, const char *name);
double real_of(const struct record *record, const char *name);
struct bytes bytes_in(const struct record *record, const char *name);
/* The number behind the letter of an id that the feed has made, "e17"; -1: not one of `count`. */
int number_of(const struct record *record, const char *name, int count);
/* The record as JSON; the caller frees it. */
char *text_of(const struct record *record);

#endif
