#include "log/owner.h"

#include <inttypes.h>

void
owner_appended(struct owner *owner, int64_t offset)
{
	if (owner->count == 0 || offset < owner->first)
		owner->first = offset;
	if (owner->count == 0 || offset > owner->last)
		owner->last = offset;
	owner->count++;
}

int
owner_check(const struct owner *owner, const char *topic, int partition, struct error *err)
{
	if (owner->count == 0 || owner->expected < 0)
		return 0;
	if (owner->first == owner->expected && owner->last == owner->expected + owner->count - 1)
		return 0;
	return fail(err, ABORT,
		    "%s partition %d: %" PRId64 " records got the offsets %" PRId64 " to %" PRId64 ", not those from "
		    "%" PRId64 " on: another process has written to it",
		    topic, partition, owner->count, owner->first, owner->last, owner->expected);
}

void
owner_committed(struct owner *owner, int64_t markers)
{
	if (owner->count > 0 && owner->expected >= 0)
		owner->expected = owner->last + 1 + markers;
	owner->count = 0;
}

void
owner_aborted(struct owner *owner)
{
	*owner = OWNER_NONE;
}
