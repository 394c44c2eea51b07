/*
 * What is wrong with one impression, from what the three logs said about its response. Pure.
 *
 *     lost        engine_server  returned, never delivered
 *                 server_client  delivered, neither received nor exposed, although the client had more of the response:
 *                                it received something of it, or exposed an impression that was delivered at a deeper
 *                                position (by the server's log: what the client says of positions is no evidence)
 *     (not reached: delivered, neither received nor exposed, and nothing says that the client had more: no mismatch)
 *     phantom     engine_server  delivered, never returned
 *                 server_client  received or exposed, neither returned nor delivered
 *     duplicated  engine, server, client: a stage stands more than once in that log
 *     altered     the item, the position, the user or a field of the trace marker is not what the earliest log says:
 *                 one for each field, at the first hop that departs (engine_server: in the server's log; server_client:
 *                 in the client's). The platform is not compared: engines and servers often know it less exactly
 *
 * The earliest log is the first of engine, server, client that has the impression, and what it says is what its first
 * log entry says.
 */
#ifndef OPERATORS_RECONCILE_VERDICT_H
#define OPERATORS_RECONCILE_VERDICT_H

#include "operators/reconcile_response.h"

enum mismatch_kind { LOST, DUPLICATED, PHANTOM, ALTERED, LATE, MISMATCH_KINDS };
enum mismatch_hop { ENGINE_SERVER, SERVER_CLIENT, AT_ENGINE, AT_SERVER, AT_CLIENT, MISMATCH_HOPS };
enum mismatch_field {
	NO_FIELD,
	ITEM,
	POSITION,
	MARKER,
	MISMATCH_FIELDS = MARKER + MARKER_TEXTS
}; /* MARKER + GROUP ... */

/* Two absences, a duplicate for each log, one for each field. */
#define FINDINGS_MAX (2 + LOGS + MISMATCH_FIELDS - 1)

struct finding {
	enum mismatch_kind kind;
	enum mismatch_hop hop;
	int field; /* enum mismatch_field */
	uint32_t count;
	const struct version *expected, *actual; /* altered */
};

struct verdict {
	struct finding findings[FINDINGS_MAX];
	int count;
	const struct logged *first[STAGES]; /* the first log entry of each stage; NULL: none */
	const struct version *reference;    /* what the earliest log says */
	bool in_log[LOGS];
	bool not_reached;
	unsigned absences; /* bits of the logs that something was found to be missing from */
};

/* How far the response got, by what the client's log says: something was received; something was exposed that was
 * delivered, and the deepest position at which. */
struct reach {
	bool received;
	bool exposed;
	int64_t deepest;
};

struct reach reach_of(const struct response *response);
void verdict_of(const struct response *response, const struct impression *impression, const struct reach *reach,
		struct verdict *out);

/* The text of a field, as it stands in a row; a position is printed into `room`. */
#define FIELD_ROOM 24
struct bytes version_text(const struct response *response, const struct version *version, int field,
			  char room[FIELD_ROOM]);

#endif
