#include "state/marks.h"

#include "tests/test.h"

TEST(marks_err_towards_earlier_blocks)
{
	struct marks marks = {0};

	for (uint64_t i = 1; i <= 10000; i++) {
		struct block_mark mark = {.seq = i, .offset = (int64_t)i * 2, .bytes = i * 10};

		marks_add(&marks, &mark, 95);
		if (i > 500)
			marks_forget_before(&marks, i - 500);
	}
	for (uint64_t i = 9500; i <= 10000; i++) {
		struct block_mark mark = marks_find(&marks, i);

		check(mark.seq <= i && mark.seq + 10 > i);
		check_int(mark.offset, (int64_t)mark.seq * 2);
		check(marks_seq_at(&marks, i * 10) <= i && marks_seq_at(&marks, i * 10) + 10 > i);
	}
	check_int((int64_t)marks_seq_at(&marks, 0), 0);
	check(marks.capacity < 1000);
	marks_fini(&marks);
}
