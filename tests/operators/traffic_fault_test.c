#include "operators/traffic_fault.h"

#include <stdio.h>

#include "base/memory.h"
#include "tests/operators/traffic_feed.h"
#include "tests/test.h"

/*
 * The faults, found again in the logs.
 *
 * What follows knows the logs alone: per id of a request, which entries each log has. It derives the mismatches from
 * the definitions of a reconciliation, and they have to be the very faults that were reported, each with its hop.
 */

struct entries {
	int returned, delivered, received, exposed;
	int delivered_late, client_late; /* of those above */
	uint32_t item[3];		 /* as the engine, the server, the client have it */
	int shown_at[3];
	int marker[3]; /* the altered field of the trace marker, 0: none */
};

#define IDS (2 * TRAFFIC_SLATE_MAX) /* impressions, then phantoms */

static void
note(struct entries *entries, const struct traffic_event *event, int64_t late_by_ms)
{
	bool late = event->arrival_ms - event->time_ms >= late_by_ms;
	int log = (int)event->output - TRAFFIC_ENGINE_LOG;

	switch ((enum traffic_stage)event->detail) {
	case TRAFFIC_RETURNED:
		entries->returned++;
		break;
	case TRAFFIC_DELIVERED:
		entries->delivered++;
		entries->delivered_late += late;
		break;
	case TRAFFIC_RECEIVED:
		entries->received++;
		entries->client_late += late;
		break;
	default:
		entries->exposed++;
		entries->client_late += late;
	}
	/* Fields as the row will have them (traffic_rows.c): an altered item is another item. */
	entries->item[log] = event->item + (event->altered == TRAFFIC_ALTERED_ITEM + 1);
	entries->shown_at[log] = event->shown_at;
	entries->marker[log] = event->altered > TRAFFIC_ALTERED_POSITION + 1 ? event->altered : 0;
}

static bool
client_had_the_rest(const struct entries *all, int position, bool in_time)
{
	for (int i = 0; i < TRAFFIC_SLATE_MAX; i++) {
		const struct entries *other = &all[i];
		bool delivered = other->delivered > (in_time ? other->delivered_late : 0);

		if (i == position || other->client_late > 0)
			continue;
		if (other->received > 0 || (other->exposed > 0 && delivered && other->shown_at[1] > position))
			return true;
	}
	return false;
}

struct mismatch {
	enum traffic_fault_kind kind;
	enum traffic_hop hop;
	int field;
};

static int
find_mismatches(const struct entries *all, int id, struct mismatch *found)
{
	const struct entries *e = &all[id];
	int count = 0, client = e->received + e->exposed;
	int first = e->returned ? 0 : e->delivered ? 1 : 2;

	if (e->returned && !e->delivered)
		found[count++] = (struct mismatch){TRAFFIC_LOST, TRAFFIC_ENGINE_SERVER, 0};
	if (e->delivered && !client && client_had_the_rest(all, id % TRAFFIC_SLATE_MAX, false))
		found[count++] = (struct mismatch){TRAFFIC_LOST, TRAFFIC_SERVER_CLIENT, 0};
	if (e->delivered_late)
		found[count++] = (struct mismatch){TRAFFIC_LATE, TRAFFIC_ENGINE_SERVER, 0};
	if (e->client_late && client_had_the_rest(all, id % TRAFFIC_SLATE_MAX, true))
		found[count++] = (struct mismatch){TRAFFIC_LATE, TRAFFIC_SERVER_CLIENT, 0};
	if (e->returned > 1)
		found[count++] = (struct mismatch){TRAFFIC_DUPLICATED, TRAFFIC_ENGINE, 0};
	if (e->delivered > 1)
		found[count++] = (struct mismatch){TRAFFIC_DUPLICATED, TRAFFIC_SERVER, 0};
	if (e->received > 1 || e->exposed > 1)
		found[count++] = (struct mismatch){TRAFFIC_DUPLICATED, TRAFFIC_CLIENT, 0};
	if (!e->returned && e->delivered)
		found[count++] = (struct mismatch){TRAFFIC_PHANTOM, TRAFFIC_ENGINE_SERVER, 0};
	if (!e->returned && !e->delivered && client)
		found[count++] = (struct mismatch){TRAFFIC_PHANTOM, TRAFFIC_SERVER_CLIENT, 0};
	for (int field = 0; field < TRAFFIC_ALTERED_FIELDS; field++)
		for (int log = first + 1; log < 3; log++) {
			bool there = log == 1 ? e->delivered > 0 : client > 0;
			bool differs = field == TRAFFIC_ALTERED_ITEM	   ? e->item[log] != e->item[first]
				       : field == TRAFFIC_ALTERED_POSITION ? e->shown_at[log] != e->shown_at[first]
									   : e->marker[log] == field + 1;

			if (!there || !differs)
				continue;
			found[count++] = (struct mismatch){
				TRAFFIC_ALTERED, log == 1 ? TRAFFIC_ENGINE_SERVER : TRAFFIC_SERVER_CLIENT, field + 1};
			break;
		}
	return count;
}

/* Checks one request; adds to `seen` per kind and hop. */
static void
check_request(const struct feed *feed, int seen[TRAFFIC_FAULT_KINDS][TRAFFIC_HOPS])
{
	struct entries all[IDS] = {0};
	struct mismatch reported[IDS][4], found[8];
	int reports[IDS] = {0};

	for (int i = 0; i < feed->events.count; i++) {
		const struct traffic_event *event = &feed->events.list[i];
		int id = event->position + (event->id == TRAFFIC_ID_PHANTOM ? TRAFFIC_SLATE_MAX : 0);

		if (event->output == TRAFFIC_INJECTED_FAULTS) {
			check(reports[id] < 4);
			reported[id][reports[id]++] = (struct mismatch){(enum traffic_fault_kind)event->detail,
									(enum traffic_hop)event->number,
									event->altered};
		} else if (event->output >= TRAFFIC_ENGINE_LOG) {
			note(&all[id], event, feed->parameters.late_by_ms);
		}
	}
	for (int id = 0; id < IDS; id++) {
		int count = find_mismatches(all, id, found);

		if (count != reports[id])
			printf("request %llu id %d: ", (unsigned long long)feed->request.number, id);
		check_int(reports[id], count);
		for (int i = 0; i < count; i++) {
			check_int(reported[id][i].kind, found[i].kind);
			check_int(reported[id][i].hop, found[i].hop);
			check_int(reported[id][i].field, found[i].field);
			seen[found[i].kind][found[i].hop]++;
		}
	}
}

static void
check_feed(struct traffic_parameters parameters, uint64_t requests, int seen[TRAFFIC_FAULT_KINDS][TRAFFIC_HOPS])
{
	struct feed *feed = feed_new(parameters);

	for (uint64_t i = 0; i < requests; i++) {
		feed_request(feed, i);
		check_request(feed, seen);
	}
	memory_free(&feed);
}

TEST(every_reported_fault_is_in_the_logs_and_every_mismatch_of_the_logs_is_reported)
{
	static const double ratios[] = {0.001, 0.01, 0.05, 0.16};

	for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
		int seen[TRAFFIC_FAULT_KINDS][TRAFFIC_HOPS] = {{0}};

		check_feed(faulty_parameters(ratios[i]), 4000, seen);
		check(seen[TRAFFIC_LOST][TRAFFIC_ENGINE_SERVER] > 0);
		check(seen[TRAFFIC_LOST][TRAFFIC_SERVER_CLIENT] > 0);
		check(seen[TRAFFIC_LATE][TRAFFIC_ENGINE_SERVER] > 0);
		check(seen[TRAFFIC_LATE][TRAFFIC_SERVER_CLIENT] > 0);
		check(seen[TRAFFIC_DUPLICATED][TRAFFIC_ENGINE] > 0);
		check(seen[TRAFFIC_DUPLICATED][TRAFFIC_SERVER] > 0);
		check(seen[TRAFFIC_DUPLICATED][TRAFFIC_CLIENT] > 0);
		check(seen[TRAFFIC_ALTERED][TRAFFIC_ENGINE_SERVER] > 0);
		check(seen[TRAFFIC_ALTERED][TRAFFIC_SERVER_CLIENT] > 0);
		check(seen[TRAFFIC_PHANTOM][TRAFFIC_ENGINE_SERVER] > 0);
		check(seen[TRAFFIC_PHANTOM][TRAFFIC_SERVER_CLIENT] > 0);
	}
}

TEST(logs_without_faults_agree)
{
	int seen[TRAFFIC_FAULT_KINDS][TRAFFIC_HOPS] = {{0}};

	check_feed(plain_parameters(), 4000, seen);
	for (int kind = 0; kind < TRAFFIC_FAULT_KINDS; kind++)
		for (int hop = 0; hop < TRAFFIC_HOPS; hop++)
			check_int(seen[kind][hop], 0);
}

TEST(a_loss_that_nobody_scrolled_to_is_not_reported)
{
	struct traffic_parameters parameters = plain_parameters();
	struct feed *feed;
	int lost = 0, reported = 0, beyond = 0;

	parameters.lost_server_client = 0.2;
	feed = feed_new(parameters);
	for (uint64_t i = 0; i < 2000; i++) {
		feed_request(feed, i);
		for (int j = 0; j < feed->request.count; j++) {
			if (feed->faults[j].kind != TRAFFIC_LOST)
				continue;
			lost++;
			reported += feed->faults[j].shown;
			if (!feed->request.user.receipts && j >= feed->request.depth - 1) {
				beyond++;
				check(!feed->faults[j].shown);
			}
		}
	}
	check(beyond > 0 && reported > 0);
	check(reported < lost);
	memory_free(&feed);
}

TEST(faults_come_in_bursts_where_that_is_asked_for)
{
	struct traffic_parameters parameters = faulty_parameters(0.001);
	struct feed *feed;
	double inside = 0, outside = 0;

	parameters.burst_every_ms = 60000;
	feed = feed_new(parameters);
	for (uint64_t i = 0; i < 40000; i++) {
		bool burst;

		traffic_request_rank(&feed->model, i, &feed->request);
		traffic_faults_decide(&feed->parameters, &feed->request, feed->faults);
		burst = feed->request.at_ms % 60000 < 10000;
		for (int j = 0; j < feed->request.count; j++)
			*(burst ? &inside : &outside) += feed->faults[j].kind != TRAFFIC_SOUND;
	}
	check(inside / 10 > 10 * outside / 50);
	memory_free(&feed);
}
