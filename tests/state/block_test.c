#include "state/block.h"

#include <stdlib.h>

#include "base/packed.h"
#include "tests/test.h"

static int
collect(void *argument, struct bytes part, struct error *err)
{
	(void)err;
	buffer_clear(argument);
	buffer_put_bytes(argument, part);
	return 0;
}

static void
write_block(struct buffer *out)
{
	struct block_writer writer = {0};
	struct block_prelude prelude = {.header = bytes_of_text("head"),
					.drains = 3,
					.draining = true,
					.entries = 7,
					.bytes = 700,
					.journal_bytes = 123456,
					.floor = {.seq = 9, .offset = 88, .bytes = 99},
					.store_count = 2,
					.stores = {bytes_of_text("one"), bytes_of_text("two")},
					.form = 2};
	struct block_change change = {.kind = BLOCK_PUT,
				      .store = 1,
				      .key = bytes_of_text("key"),
				      .value = bytes_of_text("value"),
				      .fire_at = -77,
				      .drain = 4,
				      .form = 2};
	struct error err;

	block_begin(&writer, 0xabcdef, 12, &prelude, collect, out);
	block_put(&writer, &change, false);
	change.fire_at = TIME_MAX;
	change.drain = 0;
	change.form = 1;
	block_put(&writer, &change, true);
	block_remove(&writer, 0, bytes_of_text("gone"));
	check_ok(block_end(&writer, &err));
	buffer_fini(&writer.part);
}

/* Everything that is in it; the number of changes, or -1 where it is refused. */
static int
read_block(struct bytes bytes, struct error *err)
{
	struct block_part part;
	struct block_prelude prelude;
	struct block_change change;
	int changes = 0;

	if (block_read_part(bytes, &part, err) < 0 || block_read_prelude(&part.body, part.format, &prelude, err) < 0)
		return -1;
	for (; cursor_left(&part.body); changes++)
		if (block_read_change(&part.body, &prelude, &change, err) < 0)
			return -1;
	return changes;
}

TEST(block_reads_back_what_was_written)
{
	struct buffer block = {0};
	struct block_part part;
	struct block_prelude prelude;
	struct block_change change;
	struct error err;

	write_block(&block);
	check_ok(block_read_part(buffer_bytes(&block), &part, &err));
	check(part.journal == 0xabcdef && part.seq == 12 && part.number == 0 && part.last);
	check_ok(block_read_prelude(&part.body, part.format, &prelude, &err));
	check_bytes(prelude.header, bytes_of_text("head"));
	check(prelude.drains == 3 && prelude.draining && prelude.entries == 7 && prelude.bytes == 700);
	check(prelude.journal_bytes == 123456 && prelude.floor.seq == 9 && prelude.floor.offset == 88);
	check_int(prelude.store_count, 2);
	check_bytes(prelude.stores[1], bytes_of_text("two"));
	check_ok(block_read_change(&part.body, &prelude, &change, &err));
	check(change.kind == BLOCK_PUT && change.store == 1 && change.fire_at == -77 && change.drain == 4);
	check_int(change.form, 2);
	check_bytes(change.key, bytes_of_text("key"));
	check_bytes(change.value, bytes_of_text("value"));
	check_ok(block_read_change(&part.body, &prelude, &change, &err));
	check(change.fire_at == TIME_MAX && change.drain == 0);
	check_int(change.form, 1);
	check_ok(block_read_change(&part.body, &prelude, &change, &err));
	check(change.kind == BLOCK_REMOVE && change.store == 0);
	check_bytes(change.key, bytes_of_text("gone"));
	check_int((int64_t)cursor_left(&part.body), 0);
	buffer_fini(&block);
}

/* As 0.1.0 wrote it: format, last, journal, block, part; an empty prelude with one store; a put with a timer. */
TEST(block_of_format_1_is_read_and_has_form_0)
{
	struct buffer block = {0};
	struct block_part part;
	struct block_prelude prelude;
	struct block_change change;
	struct error err;

	buffer_put_u8(&block, 1);
	buffer_put_u8(&block, 1);
	buffer_put_u64(&block, 0xabcdef);
	for (int zeros = 0; zeros < 2 + 9; zeros++)
		buffer_put_u8(&block, 0);
	buffer_put_u8(&block, 1);
	buffer_put_text(&block, bytes_of_text("one"));
	buffer_put_u8(&block, BLOCK_PUT | BLOCK_TIMER);
	buffer_put_varint(&block, 0);
	buffer_put_text(&block, bytes_of_text("key"));
	buffer_put_varint(&block, zigzag_encode(-77));
	buffer_put_text(&block, bytes_of_text("value"));
	check_ok(block_read_part(buffer_bytes(&block), &part, &err));
	check_ok(block_read_prelude(&part.body, part.format, &prelude, &err));
	check_int(prelude.store_count, 1);
	check_int(prelude.form, 0);
	check_ok(block_read_change(&part.body, &prelude, &change, &err));
	check_int(change.form, 0);
	check_int(change.fire_at, -77);
	check_bytes(change.value, bytes_of_text("value"));
	check_int((int64_t)cursor_left(&part.body), 0);
	buffer_fini(&block);
}

TEST(block_of_a_newer_format_is_refused)
{
	struct buffer block = {0};
	struct error err;

	write_block(&block);
	block.data[0] = 3;
	check_fails(read_block(buffer_bytes(&block), &err), "blocks of format 3, this version reads 1 to 2");
	check_int(err.action, FATAL);
	buffer_fini(&block);
}

/* Every truncation, and random damage, in memory of exactly that size: a sanitizer sees any byte read beyond it. */
TEST(block_that_is_damaged_touches_nothing_outside)
{
	struct test_random random = test_random_of(test_seed(5));
	struct buffer block = {0};
	struct error err;

	write_block(&block);
	for (size_t size = 0; size < block.size; size++) {
		uint8_t *copy = malloc(size + 1);

		memcpy(copy + 1, block.data, size);
		if (read_block(bytes_of(copy + 1, size), &err) < 0)
			check_int(err.action, FATAL);
		free(copy);
	}
	for (int i = 0; i < 20000; i++) {
		uint8_t *copy = malloc(block.size);

		memcpy(copy, block.data, block.size);
		for (uint64_t flips = 1 + test_random_below(&random, 3); flips > 0; flips--)
			copy[test_random_below(&random, block.size)] = (uint8_t)test_random_next(&random);
		if (read_block(bytes_of(copy, block.size), &err) < 0)
			check_int(err.action, FATAL);
		free(copy);
	}
	buffer_fini(&block);
}
