#include "operators/id_list.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"

/* FNV-1a, its bits spread at the end. */
uint64_t
id_hash(struct bytes id)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < id.size; i++)
		hash = (hash ^ id.data[i]) * 0x100000001b3u;
	hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
	return hash ^ (hash >> 33);
}

/* ---- lists ---- */

bool
id_list_has(const uint8_t *list, size_t count, uint64_t hash)
{
	for (size_t i = 0; i < count; i++)
		if (load_u64(list + i * ID_SIZE) == hash)
			return true;
	return false;
}

/* Rounded up. */
static uint32_t
second_of(int64_t ms)
{
	int64_t second = ms / 1000 + (ms % 1000 > 0);

	if (second < 0)
		return 0;
	return second < UINT32_MAX ? (uint32_t)second : UINT32_MAX;
}

static void
set_item(uint8_t *list, size_t number, struct id_item item)
{
	store_u64(list + number * ID_SIZE, item.hash);
	store_u32(list + number * ID_SIZE + 8, item.second);
}

void
id_list_set(uint8_t *list, size_t number, uint64_t hash, int64_t at_ms)
{
	set_item(list, number, (struct id_item){hash, second_of(at_ms)});
}

struct id_item
id_list_get(const uint8_t *list, size_t number)
{
	return (struct id_item){load_u64(list + number * ID_SIZE), load_u32(list + number * ID_SIZE + 8)};
}

size_t
id_list_forget(uint8_t *list, size_t count, int64_t until)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if ((int64_t)id_list_get(list, i).second * 1000 <= until)
			continue;
		if (kept < i)
			memcpy(list + kept * ID_SIZE, list + i * ID_SIZE, ID_SIZE);
		kept++;
	}
	return kept;
}

static int
compare_seconds(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* The time up to which to forget half of them or more. */
static int64_t
older_half(const uint8_t *list, size_t count)
{
	uint32_t *seconds = memory_new_array(count, sizeof(*seconds));
	int64_t half;

	for (size_t i = 0; i < count; i++)
		seconds[i] = id_list_get(list, i).second;
	qsort(seconds, count, sizeof(seconds[0]), compare_seconds);
	half = (int64_t)seconds[count / 2] * 1000;
	memory_free(&seconds);
	return half;
}

/* ---- pages ---- */

int
id_page_number(uint64_t hash)
{
	return (int)(hash >> 56);
}

/* An empty one where the page is of something else. */
static struct id_page_head
head_of(const uint8_t *page, size_t size, uint64_t of, size_t *count)
{
	struct id_page_head head = {.floor_ms = TIME_MIN, .of = of}, found;

	*count = 0;
	if (size < sizeof(head))
		return head;
	memcpy(&found, page, sizeof(found));
	if (found.of != of)
		return head;
	*count = (size - sizeof(head)) / ID_SIZE;
	return found;
}

bool
id_page_has(struct bytes page, uint64_t of, uint64_t hash)
{
	size_t count;

	head_of(page.data, page.size, of, &count);
	return count > 0 && id_list_has(page.data + sizeof(struct id_page_head), count, hash);
}

int64_t
id_page_floor(struct bytes page, uint64_t of)
{
	size_t count;

	return head_of(page.data, page.size, of, &count).floor_ms;
}

int64_t
id_page_newest(struct bytes page)
{
	const uint8_t *list = page.data + sizeof(struct id_page_head);
	uint32_t newest = 0;

	for (size_t i = 0; i < (page.size - sizeof(struct id_page_head)) / ID_SIZE; i++)
		if (id_list_get(list, i).second > newest)
			newest = id_list_get(list, i).second;
	return (int64_t)newest * 1000;
}

size_t
id_page_fit(uint8_t *page, size_t size, uint64_t of, int64_t until, size_t max)
{
	uint8_t *list = page + sizeof(struct id_page_head);
	size_t count;
	struct id_page_head head = head_of(page, size, of, &count);

	if (head.floor_ms != TIME_MIN && head.floor_ms <= until)
		head.floor_ms = TIME_MIN; /* who is as old as that is refused anyway */
	count = id_list_forget(list, count, until);
	if (count >= max) {
		head.floor_ms = older_half(list, count);
		count = id_list_forget(list, count, head.floor_ms);
	}
	memcpy(page, &head, sizeof(head));
	return sizeof(head) + count * ID_SIZE;
}

void
id_page_put(uint8_t *page, size_t size, struct id_item item)
{
	set_item(page + sizeof(struct id_page_head), (size - sizeof(struct id_page_head)) / ID_SIZE - 1, item);
}
