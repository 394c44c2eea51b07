/*
 * What one request leaves behind: every row that it will ever give, on every output, each with the time when it arrives
 * there. An event is a row in short; what it does not hold follows from the request's number (traffic_rows.c).
 */
#ifndef OPERATORS_TRAFFIC_REQUEST_H
#define OPERATORS_TRAFFIC_REQUEST_H

#include "operators/traffic_fault.h"

/* The outputs, in the order of the ports. */
enum traffic_output {
	TRAFFIC_IMPRESSIONS,
	TRAFFIC_ENGAGEMENTS,
	TRAFFIC_SCORES,
	TRAFFIC_ITEM_VECTORS,
	TRAFFIC_ENGINE_LOG,
	TRAFFIC_SERVER_LOG,
	TRAFFIC_CLIENT_LOG,
	TRAFFIC_INJECTED_FAULTS,
	TRAFFIC_OUTPUTS,
};

enum traffic_action {
	TRAFFIC_VIEW,
	TRAFFIC_CLICK,
	TRAFFIC_LIKE,
	TRAFFIC_SHARE,
	TRAFFIC_COMMENT,
	TRAFFIC_FOLLOW,
	TRAFFIC_PURCHASE,
	TRAFFIC_WATCH,
	TRAFFIC_SKIP,
	TRAFFIC_ACTIONS,
};

enum traffic_stage { TRAFFIC_RETURNED, TRAFFIC_DELIVERED, TRAFFIC_RECEIVED, TRAFFIC_EXPOSED, TRAFFIC_STAGES };

/* Whose id: an impression's, that of a delivery that nobody returned, that of an engagement with nothing. */
enum traffic_id { TRAFFIC_ID_IMPRESSION, TRAFFIC_ID_PHANTOM, TRAFFIC_ID_ORPHAN };

/* Stored as it is: no bytes between the fields. */
struct traffic_event {
	int64_t arrival_ms; /* feed times */
	int64_t time_ms;
	uint64_t request;
	uint32_t item;
	float first, second; /* engagements: seconds watched (negative: none); scores: the two predictions */
	uint8_t output;	     /* enum traffic_output */
	uint8_t position;    /* part of the id */
	uint8_t shown_at;    /* logs: the position that stands in the row */
	uint8_t id;	     /* enum traffic_id */
	uint8_t detail;	     /* impressions: source; engagements: action; logs: stage; scores: shadow; faults: kind */
	uint8_t number;	     /* engagements: of this impression; faults: hop */
	uint8_t altered;     /* logs, faults: the altered field + 1; 0: none */
	uint8_t spare[5];
};

_Static_assert(sizeof(struct traffic_event) == 48, "events are stored: 48 bytes each");

#define TRAFFIC_POSITION_EVENTS_MAX 40 /* events of one position, all outputs together */
#define TRAFFIC_REQUEST_EVENTS_MAX (TRAFFIC_POSITION_EVENTS_MAX * TRAFFIC_SLATE_MAX)

struct traffic_events {
	const struct traffic_parameters *parameters;
	bool wanted[TRAFFIC_OUTPUTS]; /* outputs that are connected: there are no events of others */
	struct traffic_random arrival, repeat;
	int count;
	struct traffic_event list[TRAFFIC_REQUEST_EVENTS_MAX];
};

/* Fills events->list, in a fixed order; `wanted` and `parameters` are set. */
void traffic_request_events(const struct traffic_request *request, const struct traffic_fault *faults,
			    struct traffic_events *events);

#endif
