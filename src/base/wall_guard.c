#include "base/wall_guard.h"

static bool
is_near(int64_t a, int64_t b)
{
	int64_t apart;

	return !__builtin_sub_overflow(a, b, &apart) && apart <= WALL_GUARD_JUMP_MS && apart >= -WALL_GUARD_JUMP_MS;
}

static void
trust(struct wall_guard *guard, int64_t distance_ms)
{
	guard->any = true;
	guard->trusted_ms = distance_ms;
	guard->doubted = false;
	guard->ahead_ms = 0;
}

void
wall_guard_know(struct wall_guard *guard, int64_t known_ms, int64_t steady_ms)
{
	int64_t distance_ms = known_ms - steady_ms;

	if (!guard->any || (guard->back ? distance_ms > guard->trusted_ms : distance_ms < guard->trusted_ms))
		trust(guard, distance_ms);
}

int64_t
wall_guard_look(struct wall_guard *guard, int64_t wall_ms, int64_t steady_ms)
{
	int64_t distance_ms = wall_ms - steady_ms;
	bool harmless = guard->back ? distance_ms >= guard->trusted_ms : distance_ms <= guard->trusted_ms;

	if (!guard->any || harmless || is_near(distance_ms, guard->trusted_ms)) {
		trust(guard, distance_ms);
	} else if (!guard->doubted || !is_near(distance_ms, guard->distance_ms)) {
		guard->doubted = true;
		guard->distance_ms = distance_ms;
		guard->since_ms = steady_ms;
		guard->ahead_ms = distance_ms - guard->trusted_ms;
	} else if (steady_ms - guard->since_ms >= WALL_GUARD_HOLD_MS) {
		trust(guard, distance_ms);
	}
	guard->now_ms = steady_ms + guard->trusted_ms;
	return guard->now_ms;
}
