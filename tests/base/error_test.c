#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/base/death.h"
#include "tests/test.h"

TEST(fail_fills_in_action_and_text_and_returns_minus_one)
{
	struct error err = {0};

	check_int(fail(&err, RETRY, "disk %d is %s", 3, "full"), -1);
	check_int(err.action, RETRY);
	check_text(err.text, "disk 3 is full");
}

TEST(fail_in_puts_the_place_before_the_text_and_keeps_the_action)
{
	struct error err;

	fail(&err, SKIP, "no such field");
	check_int(fail_in(&err, "topic %s", "clicks"), -1);
	check_text(err.text, "topic clicks: no such field");
	check_int(err.action, SKIP);
}

TEST(a_file_call_that_may_work_later_is_tried_again_and_says_what_to_do)
{
	struct error err;

	check_int(fail_file(&err, ENOSPC, "file %s cannot be written", "x"), -1);
	check_text(err.text, "file x cannot be written: No space left on device: the disk is full, free some space");
	check_int(err.action, RETRY);
	check_int(fail_file(&err, EMFILE, "file x"), -1);
	check_text(err.text, "file x: Too many open files: raise the limit (ulimit -n)");
	check_int(err.action, RETRY);
	check_int(fail_file(&err, EIO, "file x"), -1);
	check_text(err.text, "file x: Input/output error");
	check_int(err.action, FATAL);
	check_int(fail_reason(&err, "IO error: While open: a: Too many open files", "the log in a"), -1);
	check_int(err.action, RETRY);
}

TEST(a_text_that_is_too_long_is_cut_and_still_ends)
{
	struct error err;
	char longer[2 * ERROR_TEXT_SIZE];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	fail(&err, FATAL, "%s", longer);
	check_int((int64_t)strlen(err.text), ERROR_TEXT_SIZE - 1);
	fail_in(&err, "%s", longer);
	check_int((int64_t)strlen(err.text), ERROR_TEXT_SIZE - 1);
}

TEST(every_action_has_a_name)
{
	check_text(error_action_name(SKIP), "skip");
	check_text(error_action_name(RETRY), "retry");
	check_text(error_action_name(ABORT), "abort");
	check_text(error_action_name(FENCED), "fenced");
	check_text(error_action_name(FATAL), "fatal");
}

static void
break_a_promise(void)
{
	insist(1 + 1 == 3);
}

TEST(a_broken_insist_names_the_condition_and_ends_the_process)
{
	char said[4096];

	check(dies(break_a_promise, said, sizeof(said)));
	check_contains(said, "error_test.c");
	check_contains(said, "internal error: 1 + 1 == 3 does not hold");
}
