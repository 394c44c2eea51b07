#include "dataflow/task_stores.h"

#include "tests/test.h"

static struct job_task_stores stores[2];
static struct job_operator operator = {.stores = stores, .stores_lock = PTHREAD_MUTEX_INITIALIZER};

TEST(stores_that_another_worker_has_open_are_not_opened_until_it_has_closed_them)
{
	check(task_stores_open(&operator, 0, 1));
	check(!task_stores_open(&operator, 0, 2));
	check(task_stores_open(&operator, 1, 2));
	task_stores_closed(&operator, 0, 1, 1000);
	check(task_stores_open(&operator, 0, 2));
}

TEST(who_hears_late_of_what_it_lost_closes_nothing_of_the_new_owner)
{
	check(task_stores_open(&operator, 0, 1));
	task_stores_closed(&operator, 0, 1, 1000);
	check(task_stores_open(&operator, 0, 2));
	task_stores_closed(&operator, 0, 1, 2000);
	check(stores[0].open);
	task_stores_closed(&operator, 0, 2, 3000);
	check(!stores[0].open);
	check_int(stores[0].closed_ms, 3000);
}

TEST(a_worker_may_open_what_it_has_open)
{
	check(task_stores_open(&operator, 0, 1));
	check(task_stores_open(&operator, 0, 1));
}

TEST(what_was_put_aside_is_taken_once_by_whoever_opens_the_task_next)
{
	struct state *state = (struct state *)(void *)stores; /* any address */

	check(task_stores_open(&operator, 0, 1));
	check(!task_stores_take(&operator, 0));
	task_stores_put_aside(&operator, 0, state);
	task_stores_closed(&operator, 0, 1, 1000);
	check(task_stores_open(&operator, 0, 2));
	check(task_stores_take(&operator, 0) == state);
	check(!task_stores_take(&operator, 0));
}
