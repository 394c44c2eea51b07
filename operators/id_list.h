/*
 * Ids that an operator remembers, to tell repeats: of each its hash and the second that it belongs to, 12 bytes, one
 * behind the other in a run of bytes. (Two ids of one user with the same 64-bit hash among a million: once in 10^7
 * users.)
 *
 * A list as long as it may be goes into pages, which are entries of their own: which page an id belongs to, its hash
 * says, so that one look-up finds it, and each page is a list of its own that is found by its head. A page that is full
 * forgets the older half of its ids, and from then on cannot say of what is as old as those whether it has been there:
 * its floor. What is at or below the floor has to be refused.
 *
 * Pure functions. Hashes and layouts are part of the format of state; bytes are this machine's.
 */
#ifndef OPERATORS_ID_LIST_H
#define OPERATORS_ID_LIST_H

#include <stdint.h>

#include "base/bytes.h"

#define ID_SIZE 12	  /* bytes */
#define ID_PAGE_COUNT 256 /* of a list that has pages */

uint64_t id_hash(struct bytes id);

/* Of `count` ids. */
bool id_list_has(const uint8_t *list, size_t count, uint64_t hash);
void id_list_set(uint8_t *list, size_t number, uint64_t hash, int64_t at_ms);
/* Forgets what is of `until` or before, in place; an id is remembered up to a second longer. Returns how many stay. */
size_t id_list_forget(uint8_t *list, size_t count, int64_t until);

/* ---- pages; no bytes at all are an empty one ---- */

struct id_page_head {
	int64_t floor_ms; /* TIME_MIN: none */
	uint64_t of;	  /* ids of something else are none */
};

/* An id as it stands in a list. */
struct id_item {
	uint64_t hash;
	uint32_t second;
};

struct id_item id_list_get(const uint8_t *list, size_t number);

int id_page_number(uint64_t hash); /* below ID_PAGE_COUNT */
bool id_page_has(struct bytes page, uint64_t of, uint64_t hash);
int64_t id_page_floor(struct bytes page, uint64_t of);

int64_t id_page_newest(struct bytes page); /* the time that no id of it is past */

/* Makes room for one more id of at most `max`: forgets what is of `until` or before, and where that is not enough the
 * older half. Returns the size that is left, in place; sizeof(struct id_page_head) bytes have to be there. */
size_t id_page_fit(uint8_t *page, size_t size, uint64_t of, int64_t until, size_t max);
/* There are ID_SIZE bytes more now, of `size` in all. */
void id_page_put(uint8_t *page, size_t size, struct id_item item);

#endif
