#include "operators/reconcile_verdict.h"

#include <inttypes.h>
#include <stdio.h>

/* The first log entry of a stage, or NULL. */
static const struct logged *
first_of(const struct response *response, const struct impression *impression, enum stage stage)
{
	const struct logged *first = NULL;

	for (int i = 0; i < impression->entry_count; i++) {
		const struct logged *entry = &impression->entries[i];

		if (entry->stage == stage && (!first || logged_before(response, impression, entry, first)))
			first = entry;
	}
	return first;
}

struct reach
reach_of(const struct response *response)
{
	struct reach reach = {0};

	for (uint32_t i = 0; i < response->impression_count; i++) {
		const struct impression *impression = &response->impressions[i];
		const struct logged *delivered = first_of(response, impression, DELIVERED);
		int64_t position;

		reach.received |= first_of(response, impression, RECEIVED) != NULL;
		if (!delivered || !first_of(response, impression, EXPOSED))
			continue;
		position = impression->versions[delivered->version].position;
		if (!reach.exposed || position > reach.deepest)
			reach.deepest = position;
		reach.exposed = true;
	}
	return reach;
}

static void
find(struct verdict *verdict, enum mismatch_kind kind, enum mismatch_hop hop, uint32_t count)
{
	verdict->findings[verdict->count++] = (struct finding){.kind = kind, .hop = hop, .count = count};
}

/* Lost, phantom, not reached. The reach is that of other impressions where this one is in no entry of the client. */
static void
find_absences(const struct impression *impression, struct verdict *verdict, const struct reach *reach)
{
	const bool *in_log = verdict->in_log;
	int64_t delivered_at;

	if (!in_log[ENGINE]) {
		find(verdict, PHANTOM, in_log[SERVER] ? ENGINE_SERVER : SERVER_CLIENT, 1);
		verdict->absences |= 1u << ENGINE | (in_log[SERVER] ? 0 : 1u << SERVER);
	} else if (!in_log[SERVER]) {
		find(verdict, LOST, ENGINE_SERVER, 1);
		verdict->absences |= 1u << SERVER;
	}
	if (!in_log[SERVER] || in_log[CLIENT])
		return;
	verdict->absences |= 1u << CLIENT;
	delivered_at = impression->versions[verdict->first[DELIVERED]->version].position;
	if (reach->received || (reach->exposed && reach->deepest > delivered_at))
		find(verdict, LOST, SERVER_CLIENT, 1);
	else
		verdict->not_reached = true;
}

static void
find_duplicates(struct verdict *verdict, const uint32_t counts[STAGES])
{
	uint32_t client = counts[RECEIVED] > counts[EXPOSED] ? counts[RECEIVED] : counts[EXPOSED];

	if (counts[RETURNED] > 1)
		find(verdict, DUPLICATED, AT_ENGINE, counts[RETURNED]);
	if (counts[DELIVERED] > 1)
		find(verdict, DUPLICATED, AT_SERVER, counts[DELIVERED]);
	if (client > 1)
		find(verdict, DUPLICATED, AT_CLIENT, client);
}

static bool
departs(const struct response *response, const struct version *a, const struct version *b, int field)
{
	const struct bytes *of_a = response->markers[a->marker].texts, *of_b = response->markers[b->marker].texts;

	if (a == b)
		return false;
	if (field == ITEM)
		return !bytes_equal(a->item, b->item);
	if (field == POSITION)
		return a->position != b->position;
	if (field == MARKER + PLATFORM || (field == MARKER + USER && (!of_a[USER].data || !of_b[USER].data)))
		return false;
	return !bytes_equal(of_a[field - MARKER], of_b[field - MARKER]);
}

/* The first log entry of a log in which the field departs from the reference, or NULL. */
static const struct logged *
find_departure(const struct response *response, const struct impression *impression, const struct version *reference,
	       enum reconcile_log log, int field)
{
	const struct logged *found = NULL;

	for (int i = 0; i < impression->entry_count; i++) {
		const struct logged *entry = &impression->entries[i];

		if (log_of_stage(entry->stage) == log &&
		    departs(response, reference, &impression->versions[entry->version], field) &&
		    (!found || logged_before(response, impression, entry, found)))
			found = entry;
	}
	return found;
}

static void
find_altered(const struct response *response, const struct impression *impression, struct verdict *verdict)
{
	enum reconcile_log earliest = verdict->in_log[ENGINE] ? ENGINE : verdict->in_log[SERVER] ? SERVER : CLIENT;

	for (int field = ITEM; field < MISMATCH_FIELDS && impression->version_count > 1; field++)
		for (int log = (int)earliest + 1; log < LOGS; log++) {
			const struct logged *entry = find_departure(response, impression, verdict->reference,
								    (enum reconcile_log)log, field);

			if (!entry)
				continue;
			verdict->findings[verdict->count++] = (struct finding){
				.kind = ALTERED,
				.hop = log == SERVER ? ENGINE_SERVER : SERVER_CLIENT,
				.field = field,
				.count = 1,
				.expected = verdict->reference,
				.actual = &impression->versions[entry->version],
			};
			break;
		}
}

/* The first log entry of the earliest log. */
static const struct logged *
reference_of(const struct response *response, const struct impression *impression, const struct verdict *verdict)
{
	const struct logged *const *first = verdict->first;

	if (first[RETURNED])
		return first[RETURNED];
	if (first[DELIVERED])
		return first[DELIVERED];
	if (first[RECEIVED] && first[EXPOSED])
		return logged_before(response, impression, first[RECEIVED], first[EXPOSED]) ? first[RECEIVED]
											    : first[EXPOSED];
	return first[RECEIVED] ? first[RECEIVED] : first[EXPOSED];
}

void
verdict_of(const struct response *response, const struct impression *impression, const struct reach *reach,
	   struct verdict *out)
{
	uint32_t counts[STAGES] = {0};

	*out = (struct verdict){.count = 0};
	for (int i = 0; i < impression->entry_count; i++)
		counts[impression->entries[i].stage]++;
	for (int stage = RETURNED; stage < STAGES; stage++) {
		out->first[stage] = first_of(response, impression, (enum stage)stage);
		out->in_log[log_of_stage(stage)] |= counts[stage] > 0;
	}
	out->reference = &impression->versions[reference_of(response, impression, out)->version];
	find_absences(impression, out, reach);
	find_duplicates(out, counts);
	find_altered(response, impression, out);
}

struct bytes
version_text(const struct response *response, const struct version *version, int field, char room[FIELD_ROOM])
{
	if (field == ITEM)
		return version->item;
	if (field == POSITION)
		return bytes_of(room, (size_t)snprintf(room, FIELD_ROOM, "%" PRId64, version->position));
	return response->markers[version->marker].texts[field - MARKER];
}
