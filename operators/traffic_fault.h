/*
 * Faults that `traffic` puts into the delivery logs, and which of them the logs can show.
 *
 * An impression (a position of a request) has at most one fault:
 *
 *     lost        engine_server  returned, then gone: neither the server nor the client ever had it
 *                 server_client  delivered, then gone: the client neither received nor showed it
 *     late        engine_server  the server's entry arrives long after
 *                 server_client  the client's entries arrive long after
 *     duplicated  engine, server, client: one entry of that log stands there twice
 *     altered     engine_server  a field differs from the server's entry on (the client has what the server had)
 *                 server_client  a field differs in the client's entries
 *     phantom     engine_server  an id of its own in the server's and the client's log, unknown to the engine
 *                 server_client  an id of its own in the client's log alone
 *
 * A fault is `shown` if somebody who sees the three logs can tell. What is lost or late between server and client can
 * only be told from what nobody scrolled to if the client log says that it had the rest of the response: it has a
 * `received` entry of the same request, or exposed a deeper position. A loss without that is a fault all the same, but
 * not shown. Anything else that would not be shown is not injected. So that each verdict stays beyond doubt:
 * - evidence for a loss is only what arrives in time;
 * - how deep somebody scrolled is not altered (field `position`) in a request with losses or late entries, and an
 *   altered position is always a shallower one;
 * - a phantom is exposed at position 0, which is deeper than nothing, and never `received`.
 */
#ifndef OPERATORS_TRAFFIC_FAULT_H
#define OPERATORS_TRAFFIC_FAULT_H

#include "operators/traffic_model.h"

enum traffic_fault_kind {
	TRAFFIC_SOUND,
	TRAFFIC_LOST,
	TRAFFIC_DUPLICATED,
	TRAFFIC_PHANTOM,
	TRAFFIC_ALTERED,
	TRAFFIC_LATE,
	TRAFFIC_FAULT_KINDS,
};

enum traffic_hop {
	TRAFFIC_ENGINE_SERVER,
	TRAFFIC_SERVER_CLIENT,
	TRAFFIC_ENGINE,
	TRAFFIC_SERVER,
	TRAFFIC_CLIENT,
	TRAFFIC_HOPS,
};

enum traffic_altered_field {
	TRAFFIC_ALTERED_ITEM,
	TRAFFIC_ALTERED_POSITION,
	TRAFFIC_ALTERED_GROUP,
	TRAFFIC_ALTERED_STRATEGY,
	TRAFFIC_ALTERED_MODEL,
	TRAFFIC_ALTERED_FIELDS,
};

struct traffic_fault {
	enum traffic_fault_kind kind;
	enum traffic_hop hop;
	enum traffic_altered_field field;
	bool shown;
};

/* Decides on all positions of a request. */
void traffic_faults_decide(const struct traffic_parameters *parameters, const struct traffic_request *request,
			   struct traffic_fault faults[TRAFFIC_SLATE_MAX]);

/* By how much more there is of every fault at a feed time: 1 outside of bursts. */
double traffic_fault_burst(const struct traffic_parameters *parameters, int64_t at_ms);

#endif
