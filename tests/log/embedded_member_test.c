#include "tests/log/log_fixture.h"

static enum member_event_type
poll_now(struct member *member, int *partition)
{
	struct member_event event;
	struct error err;

	check_ok(member_poll(member, 0, &event, &err));
	*partition = event.partition;
	return event.type;
}

TEST(a_member_owns_its_share_and_hears_of_data_once)
{
	struct log *log = fixture_open(NULL, false);
	int journal = fixture_topic(log, "journal", 5, false), input = fixture_topic(log, "input", 5, false), partition;
	struct member_spec spec = {
		.group = "g", .worker = 1, .workers = 2, .journal = journal, .inputs = &input, .input_count = 1};
	struct transaction *transaction;
	struct member *member;
	struct log_batch batch;
	struct error err;

	check_ok(log_member_open(log, &spec, &member, &err));
	check_int(poll_now(member, &partition), MEMBER_ASSIGNED);
	check_int(partition, 1);
	check_int(poll_now(member, &partition), MEMBER_ASSIGNED);
	check_int(partition, 3);
	check_int(poll_now(member, &partition), MEMBER_NOTHING);
	check_fails(member_start(member, 3, (int64_t[]){1}, &err), "no offset 1");
	check_ok(member_start(member, 3, (int64_t[]){0}, &err));
	check_int(poll_now(member, &partition), MEMBER_DATA);
	check_int(poll_now(member, &partition), MEMBER_NOTHING);
	check_ok(member_fetch(member, 3, 0, &batch, &err));
	check(batch.count == 0 && batch.at_end);

	transaction = member_transaction(member);
	fixture_append(transaction, input, 2, 0, 10, 10, 7); /* not this member's */
	fixture_commit(transaction);
	check_int(poll_now(member, &partition), MEMBER_NOTHING);
	fixture_append(transaction, input, 3, 0, 10, 10, 7);
	fixture_append(transaction, journal, 3, 0, 1, 10, 7);
	fixture_commit(transaction);
	check_int(transaction_first_offset(transaction, journal, 3), 0);
	check_int(poll_now(member, &partition), MEMBER_DATA);
	check_int(poll_now(member, &partition), MEMBER_NOTHING);
	check_ok(member_fetch(member, 3, 0, &batch, &err));
	check(batch.count == 10 && batch.at_end && batch.next == 10);
	check_ok(member_stop(member, 3, &err));
	check_ok(member_start(member, 3, (int64_t[]){4}, &err));
	check_int(poll_now(member, &partition), MEMBER_DATA);
	check_ok(member_fetch(member, 3, 0, &batch, &err));
	check(batch.count == 6 && batch.records[0].offset == 4);
	member_close(&member);
	log_close(&log);
}
