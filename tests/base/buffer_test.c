#include "base/buffer.h"

#include "tests/test.h"

TEST(a_buffer_keeps_what_is_put_while_it_grows)
{
	struct buffer buffer = {0};

	for (int i = 0; i < 10000; i++)
		buffer_put_u32(&buffer, (uint32_t)i);
	check_int((int64_t)buffer.size, 40000);
	for (int i = 0; i < 10000; i++)
		check_int(load_u32(buffer.data + i * 4), i);
	buffer_fini(&buffer);
	check(!buffer.data && buffer.size == 0 && buffer.capacity == 0);
}

TEST(clearing_keeps_the_memory)
{
	struct buffer buffer = {0};
	const uint8_t *data;

	buffer_put_bytes(&buffer, bytes_of_text("abc"));
	data = buffer.data;
	buffer_clear(&buffer);
	buffer_put_bytes(&buffer, bytes_of_text("xyz"));
	check(buffer.data == data);
	check_bytes(buffer_bytes(&buffer), bytes_of_text("xyz"));
	buffer_fini(&buffer);
}

TEST(print_appends_a_text_of_any_length_without_its_end)
{
	struct buffer buffer = {0};

	buffer_put_u8(&buffer, '<');
	buffer_print(&buffer, "%01000d", 5);
	check_int((int64_t)buffer.size, 1001);
	check_int(buffer.data[1000], '5');
	buffer_fini(&buffer);
}

TEST(big_endian_bytes_stand_in_the_order_of_the_numbers)
{
	uint8_t small[8], large[8];

	store_be64(small, 255);
	store_be64(large, 256);
	check(bytes_compare(bytes_of(small, 8), bytes_of(large, 8)) < 0);
	check_int((int64_t)load_be64(large), 256);
	store_be32(small, 0x01020304);
	check_bytes(bytes_of(small, 4), bytes_of("\1\2\3\4", 4));
	check_int(load_be32(small), 0x01020304);
}

TEST(varints_read_back_at_every_width)
{
	struct buffer buffer = {0};
	struct cursor cursor;

	for (unsigned bit = 0; bit < 64; bit++) {
		buffer_put_varint(&buffer, UINT64_C(1) << bit);
		buffer_put_varint(&buffer, (UINT64_C(1) << bit) - 1);
	}
	buffer_put_varint(&buffer, UINT64_MAX);
	cursor = cursor_of(buffer_bytes(&buffer));
	for (unsigned bit = 0; bit < 64; bit++) {
		check(cursor_varint(&cursor) == UINT64_C(1) << bit);
		check(cursor_varint(&cursor) == (UINT64_C(1) << bit) - 1);
	}
	check(cursor_varint(&cursor) == UINT64_MAX);
	check(!cursor.bad && cursor_left(&cursor) == 0);
	buffer_fini(&buffer);
}

TEST(varints_have_the_bytes_of_the_format)
{
	uint8_t to[BUFFER_VARINT_SIZE_MAX];

	check_bytes(bytes_of(to, store_varint(to, 0)), bytes_of("\x00", 1));
	check_bytes(bytes_of(to, store_varint(to, 127)), bytes_of("\x7f", 1));
	check_bytes(bytes_of(to, store_varint(to, 300)), bytes_of("\xac\x02", 2));
	check_int((int64_t)store_varint(to, UINT64_MAX), BUFFER_VARINT_SIZE_MAX);
}

TEST(a_varint_that_is_cut_or_too_long_is_bad)
{
	struct cursor cut = cursor_of(bytes_of("\x80\x80", 2));
	struct cursor wide = cursor_of(bytes_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
	struct cursor endless = cursor_of(bytes_of("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11));

	check_int((int64_t)cursor_varint(&cut), 0);
	check(cut.bad);
	check_int((int64_t)cursor_varint(&wide), 0);
	check(wide.bad);
	check_int((int64_t)cursor_varint(&endless), 0);
	check(endless.bad);
}

TEST(zigzag_makes_small_negative_numbers_small)
{
	static const int64_t values[] = {0, -1, 1, -2, 2, INT64_MAX, INT64_MIN};

	check_int((int64_t)zigzag_encode(-1), 1);
	check_int((int64_t)zigzag_encode(1), 2);
	check(zigzag_encode(INT64_MIN) == UINT64_MAX);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		check_int(zigzag_decode(zigzag_encode(values[i])), values[i]);
}

TEST(a_cursor_that_passes_the_end_is_bad_from_then_on)
{
	struct cursor cursor = cursor_of(bytes_of_text("12345"));

	check_int(cursor_u8(&cursor), '1');
	check_int((int64_t)cursor_u64(&cursor), 0);
	check(cursor.bad);
	check_int(cursor_u8(&cursor), 0);
	check_int((int64_t)cursor_bytes(&cursor, 1).size, 0);
	check_int((int64_t)cursor_left(&cursor), 0);
}

TEST(a_huge_length_does_not_move_a_cursor_out_of_its_bytes)
{
	struct cursor cursor = cursor_of(bytes_of_text("12345"));

	check_int((int64_t)cursor_bytes(&cursor, UINT64_MAX).size, 0);
	check(cursor.bad);
}

TEST(bytes_compare_puts_a_prefix_first)
{
	check(bytes_compare(bytes_of_text("ab"), bytes_of_text("abc")) < 0);
	check(bytes_compare(bytes_of_text("b"), bytes_of_text("abc")) > 0);
	check(bytes_compare(bytes_of(NULL, 0), bytes_of_text("")) == 0);
	check(bytes_equal(bytes_of(NULL, 0), bytes_of_text("")));
	check(!bytes_equal(bytes_of_text("a"), bytes_of_text("b")));
}
