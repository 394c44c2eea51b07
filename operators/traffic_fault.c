#include "operators/traffic_fault.h"

double
traffic_fault_burst(const struct traffic_parameters *parameters, int64_t at_ms)
{
	if (parameters->burst_every_ms == 0 || at_ms % parameters->burst_every_ms >= parameters->burst_for_ms)
		return 1;
	return parameters->burst_factor;
}

/* What would befall one position if it were alone. */
static struct traffic_fault
draw(const struct traffic_parameters *parameters, double burst, struct traffic_random *random)
{
	const struct {
		double ratio;
		enum traffic_fault_kind kind;
		int hops, hop_first;
	} kinds[] = {
		{parameters->lost_engine_server, TRAFFIC_LOST, 1, TRAFFIC_ENGINE_SERVER},
		{parameters->lost_server_client, TRAFFIC_LOST, 1, TRAFFIC_SERVER_CLIENT},
		{parameters->duplicated, TRAFFIC_DUPLICATED, 3, TRAFFIC_ENGINE},
		{parameters->altered, TRAFFIC_ALTERED, 2, TRAFFIC_ENGINE_SERVER},
		{parameters->phantom, TRAFFIC_PHANTOM, 2, TRAFFIC_ENGINE_SERVER},
		{parameters->late, TRAFFIC_LATE, 2, TRAFFIC_ENGINE_SERVER},
	};
	double unit = traffic_random_unit(random);
	uint64_t bits = traffic_random_next(random);

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unit -= kinds[i].ratio * burst;
		if (unit < 0)
			return (struct traffic_fault){
				.kind = kinds[i].kind,
				.hop = (enum traffic_hop)(kinds[i].hop_first + (int)(bits % (unsigned)kinds[i].hops)),
				.field = (enum traffic_altered_field)((bits >> 32) % TRAFFIC_ALTERED_FIELDS),
				.shown = true,
			};
	}
	return (struct traffic_fault){.kind = TRAFFIC_SOUND};
}

static bool
is(const struct traffic_fault *fault, enum traffic_fault_kind kind, enum traffic_hop hop)
{
	return fault->kind == kind && fault->hop == hop;
}

/* The client would log this position if nothing befell it. */
static bool
client_logs(const struct traffic_request *request, int position)
{
	return request->user.receipts || position < request->depth;
}

/* The logs say, in time or in the end, that the client had the rest of the response around this position: a receipt, or
 * something exposed that was delivered deeper. */
static bool
has_evidence(const struct traffic_request *request, const struct traffic_fault *faults, int position, bool in_time)
{
	for (int i = request->user.receipts ? 0 : position + 1; i < request->count; i++) {
		if (i == position || faults[i].kind == TRAFFIC_LOST || !client_logs(request, i))
			continue;
		if (is(&faults[i], TRAFFIC_LATE, TRAFFIC_SERVER_CLIENT))
			continue;
		if (!is(&faults[i], TRAFFIC_LATE, TRAFFIC_ENGINE_SERVER) || request->user.receipts || !in_time)
			return true;
	}
	return false;
}

/*
 * Late entries that nobody would miss become sound; they are settled before the losses, since a sound entry is evidence
 * for a loss. It can't be that only a late one is: what shows that one to be late also shows the loss.
 */
static void
settle_missing(const struct traffic_request *request, struct traffic_fault *faults)
{
	bool unseen[TRAFFIC_SLATE_MAX];

	for (int i = 0; i < request->count; i++)
		unseen[i] = faults[i].hop == TRAFFIC_SERVER_CLIENT &&
			    (!client_logs(request, i) || !has_evidence(request, faults, i, true));
	for (int i = 0; i < request->count; i++)
		if (faults[i].kind == TRAFFIC_LATE && unseen[i])
			faults[i].kind = TRAFFIC_SOUND;
	for (int i = 0; i < request->count; i++)
		if (is(&faults[i], TRAFFIC_LOST, TRAFFIC_SERVER_CLIENT))
			faults[i].shown = has_evidence(request, faults, i, false);
}

/* Faults of entries that do not exist, and altered positions that would cast doubt on others. */
static void
settle_others(const struct traffic_request *request, struct traffic_fault *faults)
{
	bool missing = false;

	for (int i = 0; i < request->count; i++)
		missing |= faults[i].kind == TRAFFIC_LOST || faults[i].kind == TRAFFIC_LATE;
	for (int i = 0; i < request->count; i++) {
		struct traffic_fault *fault = &faults[i];

		if (fault->kind == TRAFFIC_ALTERED && fault->field == TRAFFIC_ALTERED_POSITION && (missing || i == 0))
			fault->field = TRAFFIC_ALTERED_ITEM;
		if (client_logs(request, i))
			continue;
		if (is(fault, TRAFFIC_DUPLICATED, TRAFFIC_CLIENT) || is(fault, TRAFFIC_ALTERED, TRAFFIC_SERVER_CLIENT))
			fault->kind = TRAFFIC_SOUND;
	}
}

void
traffic_faults_decide(const struct traffic_parameters *parameters, const struct traffic_request *request,
		      struct traffic_fault faults[TRAFFIC_SLATE_MAX])
{
	struct traffic_random random = traffic_random_of(parameters->seed, TRAFFIC_STREAM_FAULT, request->number);
	double burst = traffic_fault_burst(parameters, request->at_ms);
	bool any = false;

	for (int i = 0; i < request->count; i++) {
		faults[i] = draw(parameters, burst, &random);
		any |= faults[i].kind != TRAFFIC_SOUND;
	}
	if (!any)
		return;
	settle_missing(request, faults);
	settle_others(request, faults);
}
