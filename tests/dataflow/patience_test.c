#include "dataflow/patience.h"

#include <string.h>

#include "tests/test.h"

#define OUTAGE_MS 60000
#define PAUSE_MS 50

static const struct patience_owner owner = {.operator = "join", .task = 3};

static int
fail_at(struct patience *patience, int64_t now_ms, struct error *err)
{
	fail(err, RETRY, "no leader");
	return patience_fail(patience, &owner, now_ms, PAUSE_MS, OUTAGE_MS, err);
}

TEST(what_failed_is_tried_again_after_a_pause)
{
	struct patience patience = {0};
	struct error err;

	check(patience_ready(&patience, 0));
	check_int(fail_at(&patience, 1000, &err), 0);
	check(!patience_ready(&patience, 1000 + PAUSE_MS - 1));
	check(patience_ready(&patience, 1000 + PAUSE_MS));
}

TEST(it_is_logged_when_it_lasts)
{
	struct patience patience = {0};
	struct error err;

	check_int(fail_at(&patience, 0, &err), 0);
	check_int(fail_at(&patience, PATIENCE_FIRST_MS - 1, &err), 0);
	check(!patience.said);
	check_int(fail_at(&patience, PATIENCE_FIRST_MS, &err), 0);
	check(patience.said);
	check_int(patience.said_ms, PATIENCE_FIRST_MS);
	check_int(fail_at(&patience, PATIENCE_FIRST_MS + PATIENCE_SAY_MS - 1, &err), 0);
	check_int(patience.said_ms, PATIENCE_FIRST_MS);
	check_int(fail_at(&patience, PATIENCE_FIRST_MS + PATIENCE_SAY_MS, &err), 0);
	check_int(patience.said_ms, PATIENCE_FIRST_MS + PATIENCE_SAY_MS);
}

TEST(it_is_given_up_after_the_outage)
{
	struct patience patience = {0};
	struct error err;

	check_int(fail_at(&patience, 0, &err), 0);
	check_int(fail_at(&patience, OUTAGE_MS - 1, &err), 0);
	check_int(fail_at(&patience, OUTAGE_MS, &err), -1);
	check_int(err.action, FATAL);
	check(strstr(err.text, "no leader") != NULL);
	check(strstr(err.text, "60 s") != NULL);
}

TEST(what_worked_in_between_counts_anew)
{
	struct patience patience = {0};
	struct error err;

	check_int(fail_at(&patience, 0, &err), 0);
	patience_end(&patience, &owner, 10);
	check(patience_ready(&patience, 10));
	check_int(fail_at(&patience, OUTAGE_MS, &err), 0);
}
