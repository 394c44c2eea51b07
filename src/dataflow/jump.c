#include "dataflow/jump.h"

/* Event times are within EVENT_TIME_MAX_MS: a difference does not overflow. */
static bool
is_near(const struct jump_facts *facts, int64_t other_ms)
{
	return facts->time_ms - other_ms <= facts->max_jump_ms && other_ms - facts->time_ms <= facts->max_jump_ms;
}

bool
jump_is_open(const struct jump_facts *facts)
{
	if (facts->course_ms != TIME_MIN && facts->time_ms - facts->course_ms <= facts->max_jump_ms)
		return false;
	return !is_near(facts, facts->timestamp_ms);
}

enum jump_decision
jump_decide(const struct jump_facts *facts)
{
	bool first = facts->course_ms == TIME_MIN;

	if (!jump_is_open(facts))
		return JUMP_TAKE;
	switch (facts->next) {
	case JUMP_NEXT_UNKNOWN:
		return JUMP_WAIT;
	case JUMP_NEXT_NONE:
		return first ? JUMP_TAKE : JUMP_DOUBT;
	case JUMP_NEXT_KNOWN:
		break;
	}
	if (is_near(facts, facts->next_ms))
		return JUMP_TAKE;
	if (facts->next_ms < facts->time_ms)
		return first ? JUMP_DOUBT : JUMP_REFUSE;
	if (first || (facts->doubted_ms != TIME_MIN && facts->doubted_ms <= facts->time_ms))
		return JUMP_TAKE;
	return JUMP_DOUBT;
}
