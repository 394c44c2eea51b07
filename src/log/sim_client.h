/* The simulated log as one process sees it; what the cluster is, is in sim_log.h. */
#ifndef LOG_SIM_CLIENT_H
#define LOG_SIM_CLIENT_H

#include "log/sim_log.h"

struct sim_log {
	struct log log;
	struct sim *sim;
	char *process;
	enum sim_process state;
	int transactions; /* opened, for their names */
};

/* RETRY: the partition has no leader for a while, while others have. */
int sim_lead(struct sim_log *log, struct sim_partition *partition, struct error *err);

static inline struct sim_log *
sim_log_of(struct log *log)
{
	return (struct sim_log *)log;
}

/* Whether a call gets through; else RETRY. */
int sim_reach(struct sim_log *log, const char *what, struct error *err);

/* ---- sim_place.c ---- */

struct sim_place {
	struct sim_log *log;
	struct sim_partition *partition;
	int64_t next;
	int64_t slow_until_ms;
	struct log_record *records;
	size_t capacity;
};

void sim_place_init(struct sim_place *place, struct sim_log *log, int topic, int partition, int64_t offset);
void sim_place_fini(struct sim_place *place);
int sim_place_fetch(struct sim_place *place, struct log_batch *out, struct error *err);
int sim_reader_open(struct log *log, int topic, int partition, int64_t offset, struct reader **out, struct error *err);
int sim_reader_fetch(struct reader *reader, int64_t wait_ms, struct log_batch *out, struct error *err);
void sim_reader_close(struct reader *reader);

/* ---- sim_transaction.c ---- */

/* `member` NULL: positions go without a generation. */
void sim_transaction_make(struct sim_log *log, const char *id, struct sim_member *member, struct transaction **out);
int sim_transaction_prepare(struct transaction *transaction, struct error *err);
int sim_transaction_open(struct log *log, const char *id, struct transaction **out, struct error *err);
void sim_transaction_close(struct transaction *transaction);
struct buffer *sim_append_begin(struct transaction *transaction, int topic, int partition, struct bytes key,
				int64_t timestamp_ms);
int sim_append_end(struct transaction *transaction, bool deletion, struct error *err);
void sim_append_cancel(struct transaction *transaction);
void sim_keep(struct transaction *transaction);
void sim_undo(struct transaction *transaction);
size_t sim_bytes(const struct transaction *transaction);
void sim_set_position(struct transaction *transaction, const char *group, int topic, int partition, int64_t offset);
void sim_expect(struct transaction *transaction, int topic, int partition, int64_t offset);
int sim_commit(struct transaction *transaction, struct error *err);
int sim_abort(struct transaction *transaction, struct error *err);
int64_t sim_first_offset(const struct transaction *transaction, int topic, int partition);

/* ---- sim_member.c ---- */

struct sim_member {
	struct member member;
	struct sim_log *log;
	struct sim_group *group; /* NULL: fixed */
	struct sim_seat *seat;	 /* NULL: expelled */
	uint64_t seat_number;	 /* as this side knows it */
	int generation;
	struct transaction *transaction;
	int *topics;
	int input_count, partition_count;
	struct sim_place **places; /* by partition; NULL: not started; else input_count of them */
	uint8_t *held;		   /* by partition: enum held of sim_member.c */
	int leaving;
	int64_t polled_ms;
	bool must_rejoin; /* when the last one has left */
	int64_t hears_ms; /* what the group has to say is heard then; TIME_MAX: it has nothing to say */
	struct member_event *events;
	int event_count, event_at, event_capacity;
	uint64_t seen; /* changes of ends */
};

int sim_member_open(struct log *log, const struct member_spec *spec, struct member **out, struct error *err);
void sim_member_close(struct member *member);
struct transaction *sim_member_transaction(struct member *member);
int sim_member_poll(struct member *member, int64_t wait_ms, struct member_event *event, struct error *err);
int sim_member_start(struct member *member, int partition, const int64_t *positions, struct error *err);
int sim_member_stop(struct member *member, int partition, struct error *err);
int sim_member_fetch(struct member *member, int partition, int input, struct log_batch *out, struct error *err);

#endif
