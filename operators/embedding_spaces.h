/*
 * Which embedding space is the newer one. That is a fact of the table of item vectors, and not of the vectors that
 * engagements happen to find: the space that is named is the newest; of others the one whose earliest vector was made
 * later; where that is equal the one whose name is greater. A space of which nothing is known is the oldest.
 *
 * What was once known of a space holds, also when its first vectors have left the table: an operator keeps the list as
 * a value of a store. Of more than SPACES_MAX the one that began first is forgotten. Names are borrowed. Pure
 * functions.
 */
#ifndef OPERATORS_EMBEDDING_SPACES_H
#define OPERATORS_EMBEDDING_SPACES_H

#include "dataflow/operator.h"

#define SPACES_MAX TABLE_SERIES_MAX

struct spaces {
	struct bytes named; /* data NULL: none */
	size_t count;
	struct table_series list[SPACES_MAX];
};

/* The vectors of that space began then, or before. True: that was not known. */
bool spaces_note(struct spaces *spaces, const struct table_series *series);
bool spaces_newer(const struct spaces *spaces, struct bytes a, struct bytes b); /* a is newer than b */

/* From and to a value; what is read is noted beside what is there. */
void spaces_read(struct spaces *spaces, struct bytes value);
void spaces_write(const struct spaces *spaces, struct buffer *out);

#endif
