#include "operators/reconcile_response.h"

void
response_note(struct response *response, const struct logged *entry)
{
	int64_t *first = &response->first[log_of_stage(entry->stage)];

	if (entry->at < *first)
		*first = entry->at;
}

/* ---- adding ---- */

/* The impression of an id, or the next free one. */
static struct impression *
find_impression(struct response *response, struct bytes id)
{
	struct impression *impressions = response->impressions;
	uint64_t hash = key_of(id).hash;
	uint32_t i = 0;

	while (i < response->impression_count &&
	       !(impressions[i].id.data ? bytes_equal(impressions[i].id, id) : impressions[i].hash == hash))
		i++;
	return &impressions[i];
}

static bool
markers_equal(const struct marker *a, const struct marker *b)
{
	for (int i = 0; i < MARKER_TEXTS; i++)
		if (!bytes_equal(a->texts[i], b->texts[i]))
			return false;
	return !a->texts[USER].data == !b->texts[USER].data;
}

/* The index of the version that says what the log entry says, which may be a new one. false: the response is full. */
static bool
find_version(struct response *response, struct impression *impression, const struct arrival *arrival, uint16_t *out)
{
	struct version wanted = {.item = arrival->item, .position = arrival->position};
	uint16_t i = 0;

	while (wanted.marker < response->marker_count &&
	       !markers_equal(&response->markers[wanted.marker], &arrival->marker))
		wanted.marker++;
	if (wanted.marker == RESPONSE_MARKERS_MAX)
		return false;
	if (wanted.marker == response->marker_count)
		response->markers[response->marker_count++] = arrival->marker;
	for (; i < impression->version_count; i++) {
		const struct version *version = &impression->versions[i];

		if (version->position == wanted.position && version->marker == wanted.marker &&
		    bytes_equal(version->item, wanted.item))
			break;
	}
	if (i == impression->version_count)
		impression->versions[impression->version_count++] = wanted;
	*out = i;
	return true;
}

bool
response_add(struct response *response, const struct arrival *arrival, const struct response_limits *limits,
	     struct context *context)
{
	struct impression *impression = find_impression(response, arrival->id);
	struct logged entry = {.at = arrival->at, .stage = (uint8_t)arrival->stage};

	if (impression == &response->impressions[response->impression_count]) {
		if (response->impression_count >= limits->impressions)
			return false;
		*impression = (struct impression){
			.versions = context_take(context, sizeof(struct version)),
			.entries = context_take(context, sizeof(struct logged)),
		};
		if (response->impression_count++ == 0) {
			response->base = arrival->at;
			response->floor = context_watermark(context);
		}
	}
	if (impression->entry_count >= limits->entries || !find_version(response, impression, arrival, &entry.version))
		return false;
	impression->id = arrival->id;
	impression->entries[impression->entry_count++] = entry;
	response_note(response, &entry);
	return response_size_max(response) <= STORE_VALUE_SIZE_MAX;
}

/* Impressions that came since are the last ones. */
struct response
response_seen(const struct response *response, struct context *context)
{
	struct response seen = *response;

	seen.impressions = context_take(context, (seen.impression_count + 1) * sizeof(*seen.impressions));
	seen.impression_count = 0;
	for (int log = 0; log < LOGS; log++)
		seen.first[log] = TIME_MAX;
	while (seen.impression_count < response->impression_count &&
	       response->impressions[seen.impression_count].seen > 0) {
		struct impression *impression = &seen.impressions[seen.impression_count];

		*impression = response->impressions[seen.impression_count++];
		impression->entry_count = impression->seen;
		for (int i = 0; i < impression->entry_count; i++)
			response_note(&seen, &impression->entries[i]);
	}
	return seen;
}

/* ---- looking ---- */

int64_t
response_anchor(const struct response *response)
{
	for (int log = ENGINE; log < LOGS; log++)
		if (response->first[log] != TIME_MAX)
			return response->first[log];
	insist(!"a response with log entries");
	return 0;
}

bool
logged_before(const struct response *response, const struct impression *impression, const struct logged *a,
	      const struct logged *b)
{
	const struct version *of_a = &impression->versions[a->version], *of_b = &impression->versions[b->version];
	int order;

	if (a->at != b->at)
		return a->at < b->at;
	if (a->stage != b->stage || of_a == of_b)
		return a->stage < b->stage;
	order = bytes_compare(of_a->item, of_b->item);
	if (order != 0 || of_a->position != of_b->position)
		return order != 0 ? order < 0 : of_a->position < of_b->position;
	for (int i = 0; i < MARKER_TEXTS && order == 0; i++)
		order = bytes_compare(response->markers[of_a->marker].texts[i],
				      response->markers[of_b->marker].texts[i]);
	return order < 0;
}
