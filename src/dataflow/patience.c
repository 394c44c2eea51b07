#include "dataflow/patience.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/logger.h"

#define OWNER_TEXT_SIZE 300

static const char *
owner_text(const struct patience_owner *owner, char *to, size_t size)
{
	if (owner->task < 0)
		snprintf(to, size, "operator=%s", owner->operator);
	else
		snprintf(to, size, "operator=%s task=%d", owner->operator, owner->task);
	return to;
}

bool
patience_ready(const struct patience *patience, int64_t now_ms)
{
	return patience->tries == 0 || now_ms >= patience->again_ms;
}

bool
patience_wait(struct patience *patience, int64_t now_ms)
{
	if (patience->tries++ == 0)
		patience->since_ms = now_ms;
	if (now_ms - (patience->said ? patience->said_ms : patience->since_ms) <
	    (patience->said ? PATIENCE_SAY_MS : PATIENCE_FIRST_MS))
		return false;
	patience->said = true;
	patience->said_ms = now_ms;
	return true;
}

static void
say(const struct patience *patience, const struct patience_owner *owner, int64_t now_ms, const struct error *err)
{
	char text[OWNER_TEXT_SIZE], reason[2 * ERROR_TEXT_SIZE];

	logger_warn("retry", "%s times=%d for_ms=%" PRId64 " reason=%s", owner_text(owner, text, sizeof(text)),
		    patience->tries, now_ms - patience->since_ms, logger_quote(reason, sizeof(reason), err->text));
}

int
patience_fail(struct patience *patience, const struct patience_owner *owner, int64_t now_ms, int64_t pause_ms,
	      int64_t outage_ms, struct error *err)
{
	patience->again_ms = now_ms + pause_ms;
	if (patience_wait(patience, now_ms))
		say(patience, owner, now_ms, err);
	if (now_ms - patience->since_ms < outage_ms)
		return 0;
	err->action = FATAL;
	return fail_in(err, "operator %s has tried for %" PRId64 " s (outage)", owner->operator,
		       (now_ms - patience->since_ms) / 1000);
}

void
patience_end(struct patience *patience, const struct patience_owner *owner, int64_t now_ms)
{
	char text[OWNER_TEXT_SIZE];

	if (patience->said)
		logger_info("resumed", "%s after_ms=%" PRId64, owner_text(owner, text, sizeof(text)),
			    now_ms - patience->since_ms);
	*patience = (struct patience){0};
}

int
patience_again(struct patience *patience, const struct patience_owner *owner, struct clock *clock, int64_t outage_ms,
	       struct error *err)
{
	struct timespec pause = {.tv_nsec = PATIENCE_PAUSE_MS * 1000000};

	if (err->action != RETRY || patience_fail(patience, owner, clock_steady_ms(clock), 0, outage_ms, err) < 0)
		return -1;
	nanosleep(&pause, NULL);
	return 0;
}
