#include "base/logger_limit.h"

#include <stddef.h>

bool
logger_limit_pass(struct logger_limit *limit, uint64_t kind, int64_t now_us, int64_t *left_out)
{
	struct logger_limit_kind *oldest = &limit->kinds[0], *found = NULL;

	for (int i = 0; i < LOGGER_LIMIT_KINDS && !found; i++) {
		struct logger_limit_kind *at = &limit->kinds[i];

		if (at->kind == kind)
			found = at;
		else if (at->kind == 0 || (oldest->kind != 0 && at->written_us < oldest->written_us))
			oldest = at;
	}
	*left_out = 0;
	if (found && now_us - found->written_us < LOGGER_LIMIT_US) {
		found->left_out++;
		return false;
	}
	if (found)
		*left_out = found->left_out;
	else
		found = oldest;
	*found = (struct logger_limit_kind){.kind = kind, .written_us = now_us};
	return true;
}
