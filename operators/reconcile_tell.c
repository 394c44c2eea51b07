/*
 * The mismatches of an impression: what was told, and what there is to tell now. A mismatch is identified by
 * (impression_id, hop, field); its rows have growing revisions, and the last one is the truth.
 */
#include "operators/reconcile.h"

static const char *const field_names[MISMATCH_FIELDS] = {
	[ITEM] = "item_id",
	[POSITION] = "position",
	[MARKER + GROUP] = "experiment_group",
	[MARKER + STRATEGY] = "strategy_id",
	[MARKER + MODEL] = "model_version",
	[MARKER + USER] = "user_id_token",
};

/* What a row says besides its identity, in short, so that the same is not told twice. */
static uint32_t
digest_of(const struct response *response, const struct finding *finding)
{
	char rooms[2][FIELD_ROOM];
	uint64_t digest = finding->count;

	if (finding->kind == ALTERED) {
		digest = digest * 31 + key_of(version_text(response, finding->expected, finding->field, rooms[0])).hash;
		digest = digest * 31 + key_of(version_text(response, finding->actual, finding->field, rooms[1])).hash;
	}
	return (uint32_t)(digest ^ digest >> 32);
}

static int
emit(const struct judging *judging, const struct impression *impression, const struct verdict *verdict,
     const struct finding *finding, uint32_t revision, struct context *context, struct error *err)
{
	const struct reconcile *self = judging->self;
	const struct marker *marker = &judging->response->markers[verdict->reference->marker];
	struct record *row = context_row(context, MISMATCHES);
	char rooms[2][FIELD_ROOM];

	if (!row)
		return 0;
	record_set_bytes(row, self->mismatch.id, impression->id);
	record_set_bytes(row, self->mismatch.request, judging->request_id);
	record_set_integer(row, self->mismatch.kind, self->mismatch.kinds.to_symbol[finding->kind]);
	record_set_integer(row, self->mismatch.hop, self->mismatch.hops.to_symbol[finding->hop]);
	if (finding->field != NO_FIELD)
		record_set_bytes(row, self->mismatch.field, bytes_of_text(field_names[finding->field]));
	if (finding->kind == ALTERED) {
		record_set_bytes(row, self->mismatch.expected,
				 version_text(judging->response, finding->expected, finding->field, rooms[0]));
		record_set_bytes(row, self->mismatch.actual,
				 version_text(judging->response, finding->actual, finding->field, rooms[1]));
	}
	record_set_integer(row, self->mismatch.count, finding->count);
	for (int i = 0; i < ROW_TEXTS; i++)
		record_set_bytes(row, self->mismatch.marker[i], marker->texts[i]);
	record_set_integer(row, self->mismatch.window_start, judging->window_start);
	record_set_integer(row, self->mismatch.detected_at, judging->detected_at);
	record_set_integer(row, self->mismatch.revision, revision);
	row->time_ms = judging->detected_at;
	context_count(context, revision == 1 ? COUNT_MISMATCHES : COUNT_REVISIONS, 1);
	return context_emit(context, MISMATCHES, impression->id, row, err);
}

/* A mismatch that has been told before. */
static int
revise(const struct judging *judging, const struct impression *impression, const struct verdict *verdict,
       struct told *told, const struct finding *finding, struct context *context, struct error *err)
{
	uint32_t digest = digest_of(judging->response, finding);

	if (told->kind == finding->kind && told->digest == digest)
		return 0;
	told->kind = (uint8_t)finding->kind;
	told->digest = digest;
	told->count = finding->count;
	told->revision++;
	return told->listed ? emit(judging, impression, verdict, finding, told->revision, context, err) : 0;
}

static int
tell_first(const struct judging *judging, const struct impression *impression, const struct verdict *verdict,
	   struct told *told, const struct finding *finding, struct context *context, struct error *err)
{
	*told = (struct told){
		.kind = (uint8_t)finding->kind,
		.hop = (uint8_t)finding->hop,
		.field = (uint8_t)finding->field,
		.revision = 1,
		.count = finding->count,
		.digest = digest_of(judging->response, finding),
	};
	if (window_list_id(judging->self, judging->window_start, finding->kind, &told->listed, context, err) < 0)
		return -1;
	if (told->listed)
		return emit(judging, impression, verdict, finding, 1, context, err);
	context_count(context, COUNT_UNLISTED, 1);
	return 0;
}

static const struct finding *
finding_of(const struct verdict *verdict, const struct told *told)
{
	for (int i = 0; i < verdict->count; i++)
		if (verdict->findings[i].hop == told->hop && verdict->findings[i].field == told->field)
			return &verdict->findings[i];
	return NULL;
}

static bool
is_told(const struct impression *impression, int count, const struct finding *finding)
{
	for (int i = 0; i < count; i++)
		if (impression->told[i].hop == finding->hop && impression->told[i].field == finding->field)
			return true;
	return false;
}

int
reconcile_tell(const struct judging *judging, struct impression *impression, const struct verdict *verdict,
	       struct context *context, struct error *err)
{
	int before = impression->told_count;
	struct told *all;

	insist(before <= IMPRESSION_TOLD_MAX);
	if (before + verdict->count == 0)
		return 0;
	all = context_take(context, (size_t)(before + verdict->count) * sizeof(*all));
	if (before != 0)
		memcpy(all, impression->told, (size_t)before * sizeof(*all));
	impression->told = all;
	for (int i = 0; i < before; i++) {
		const struct finding *finding = finding_of(verdict, &all[i]);
		/* What was found then is not so: a log entry came after it had been judged. */
		struct finding late = {
			.kind = LATE, .hop = (enum mismatch_hop)all[i].hop, .field = all[i].field, .count = 1};

		if (revise(judging, impression, verdict, &all[i], finding ? finding : &late, context, err) < 0)
			return -1;
	}
	for (int i = 0; i < verdict->count; i++) {
		const struct finding *finding = &verdict->findings[i];

		if (!is_told(impression, before, finding) &&
		    tell_first(judging, impression, verdict, &all[impression->told_count++], finding, context, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- counting ---- */

/* Clocks differ: what seems to have come before it was sent is no length of time. */
static void
measure(struct tally *tally, enum latency latency, const struct logged *from, const struct logged *to)
{
	tally->buckets[latency] = -1;
	if (from && to && to->at < from->at)
		tally->counts[TALLY_NEGATIVE_LATENCIES]++;
	else if (from && to)
		tally->buckets[latency] = (int16_t)sketch_bucket((double)(to->at - from->at));
}

struct tally
reconcile_tally(const struct impression *impression, const struct verdict *verdict)
{
	static const enum tally_counter of_kind[MISMATCH_KINDS] = {
		[DUPLICATED] = TALLY_DUPLICATED,
		[PHANTOM] = TALLY_PHANTOM,
		[ALTERED] = TALLY_ALTERED,
		[LATE] = TALLY_LATE,
	};
	const bool *in_log = verdict->in_log;
	bool complete = in_log[ENGINE] && in_log[SERVER] && in_log[CLIENT];
	struct tally tally = {.marker = verdict->reference->marker, .sign = 1};

	for (int i = 0; i < STAGES; i++)
		tally.counts[TALLY_RETURNED + i] = verdict->first[i] != NULL;
	tally.counts[TALLY_MATCHED] = complete && verdict->count == 0;
	tally.counts[TALLY_DIFFERING] = complete && verdict->count > 0;
	tally.counts[TALLY_PHANTOM_REACHED] = !in_log[ENGINE] && in_log[CLIENT];
	tally.counts[TALLY_NOT_REACHED] = verdict->not_reached;
	for (int i = 0; i < impression->told_count; i++) {
		const struct told *told = &impression->told[i];

		if (told->kind != LOST)
			tally.counts[of_kind[told->kind]]++;
		else if (told->hop == ENGINE_SERVER)
			tally.counts[TALLY_LOST_ENGINE_SERVER]++;
		else
			tally.counts[TALLY_LOST_SERVER_CLIENT]++;
		tally.counts[TALLY_UNLISTED] = (uint8_t)(tally.counts[TALLY_UNLISTED] + !told->listed);
	}
	measure(&tally, LATENCY_ENGINE_SERVER, verdict->first[RETURNED], verdict->first[DELIVERED]);
	measure(&tally, LATENCY_SERVER_CLIENT, verdict->first[DELIVERED], verdict->first[RECEIVED]);
	measure(&tally, LATENCY_EXPOSED, verdict->first[DELIVERED], verdict->first[EXPOSED]);
	return tally;
}
