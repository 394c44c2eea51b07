#include "log/kafka_stall.h"

bool
kafka_stall_look(struct kafka_stall *stall, int64_t position, int64_t end, int64_t now_us, int64_t limit_us)
{
	if (end <= position || position != stall->position)
		*stall = (struct kafka_stall){.position = position};
	if (end <= position)
		return false;
	if (stall->behind_us == 0)
		stall->behind_us = now_us;
	if (now_us - stall->behind_us < limit_us)
		return false;
	stall->behind_us = 0;
	stall->count++;
	return true;
}
