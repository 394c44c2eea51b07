#include "dataflow/at_commit.h"

#include <stdio.h>

#include "tests/test.h"

static void
add(struct at_commit *list, int store, const char *key)
{
	at_commit_add(list, store, key_of(bytes_of_text(key)));
}

/* What is left of the list, in its order, as "0a 1b". */
static const char *
drained(struct at_commit *list)
{
	static char text[256];
	struct key key;
	int store;

	text[0] = 0;
	for (size_t size = 0; at_commit_next(list, &store, &key); at_commit_done(list))
		size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%d%.*s", size ? " " : "", store,
					 bytes_arguments(key.bytes));
	return text;
}

TEST(each_is_there_once_in_the_order_of_the_first_time)
{
	struct at_commit list = {0};

	add(&list, 0, "b");
	add(&list, 1, "b");
	add(&list, 0, "a");
	add(&list, 0, "b");
	at_commit_keep(&list);
	check_text(drained(&list), "0b 1b 0a");
	check_text(drained(&list), "");
	add(&list, 0, "b");
	at_commit_keep(&list);
	check_text(drained(&list), "0b");
	at_commit_fini(&list);
}

TEST(what_is_undone_was_never_there)
{
	struct at_commit list = {0};

	add(&list, 0, "a");
	at_commit_keep(&list);
	add(&list, 0, "b");
	add(&list, 0, "a");
	at_commit_undo(&list);
	add(&list, 0, "c");
	add(&list, 0, "b");
	at_commit_keep(&list);
	check_text(drained(&list), "0a 0c 0b");
	at_commit_fini(&list);
}

TEST(a_walk_that_was_interrupted_goes_on_where_it_was)
{
	struct at_commit list = {0};
	struct key key;
	int store;

	add(&list, 0, "a");
	add(&list, 0, "b");
	at_commit_keep(&list);
	check(at_commit_next(&list, &store, &key));
	at_commit_done(&list);
	check(at_commit_next(&list, &store, &key)); /* and then something fails */
	check_text(drained(&list), "0b");
	at_commit_fini(&list);
}

TEST(thousands_many_times_over)
{
	struct at_commit list = {0};
	char text[32];

	for (int round = 0; round < 10; round++) {
		struct key key;
		int store, count = 0;

		for (int i = 0; i < 20000; i++) {
			snprintf(text, sizeof(text), "key %d", i * 7919 % 10000);
			add(&list, i & 1, text);
			if (i % 100 == 99)
				at_commit_keep(&list);
		}
		for (; at_commit_next(&list, &store, &key); at_commit_done(&list))
			count++;
		check_int(count, 10000);
	}
	at_commit_fini(&list);
}
