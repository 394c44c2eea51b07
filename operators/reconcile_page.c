/* What reconcile has: its parameters, ports, stores and counters, and its manual page. */
#include "operators/operators.h"
#include "operators/reconcile.h"

static void
reconcile_show(const struct entry *entry, struct buffer *out)
{
	if (entry_store(entry) == RESPONSES)
		response_show(entry_value(entry), out);
	else if (entry_store(entry) == WINDOWS)
		window_show(entry, out);
	else if (entry_store(entry) == GAPS)
		gaps_show(entry, out);
	else
		series_show(entry, out);
}

#define DAY_MS (24 * 3600 * 1000.0)

static const struct option options[] = {
	{"window", OPTION_DURATION, offsetof(struct reconcile, window), "1min", 1, DAY_MS, NULL, "ms",
	 "length of a window of event time that counts are by", .state = true},
	{"settle", OPTION_DURATION, offsetof(struct reconcile, settle), "0", 0, DAY_MS, NULL, "ms",
	 "how long after it was made a response is judged, and after its end a window closes; 0: a window's length"},
	{"max_hold", OPTION_DURATION, offsetof(struct reconcile, max_hold), "0", 0, DAY_MS, NULL, "ms",
	 "how much longer a response is held where a log is silent; 0: four windows"},
	{"correction_horizon", OPTION_DURATION, offsetof(struct reconcile, correction_horizon), "1h", 1, 30 * DAY_MS,
	 NULL, "ms", "how long after it was made a response is remembered; at least 2 x window + max_hold"},
	{"listed_max", OPTION_INTEGER, offsetof(struct reconcile, listed_max), "10000", 0, 1e9, NULL, "mismatches",
	 "mismatches of each kind (lost, duplicated, phantom, altered) of a window that a task names by id; further "
	 "ones are only counted (unlisted)"},
	{"impressions_max", OPTION_INTEGER, offsetof(struct reconcile, limits.impressions), "1000", 1,
	 RESPONSE_IMPRESSIONS_MAX, NULL, "impressions",
	 "impressions of one request_id; log entries about further ones go to overflow"},
	{"entries_max", OPTION_INTEGER, offsetof(struct reconcile, limits.entries), "200", 1, IMPRESSION_ENTRIES_MAX,
	 NULL, "log entries", "log entries about one impression; further ones go to overflow"},
	{"series_max", OPTION_INTEGER, offsetof(struct reconcile, series_max), "1000", 5, 3500, NULL, "values",
	 "values of all dimensions that a task counts in one window by themselves; further ones are counted as "
	 "(other)"},
	OPTION_END,
};

static const struct port inputs[] = {
	[ENGINE] = {"engine", "delivery", "request_id", true, "what the engine returned"},
	[SERVER] = {"server", "delivery", "request_id", true, "what the server delivered"},
	[CLIENT] = {"client", "delivery", "request_id", true, "what the client received and exposed"},
	{.name = NULL},
};

static const struct port outputs[] = {
	[MISMATCHES] = {"mismatches", "mismatch", "impression_id", true, "every mismatch by id, revised by revision"},
	[COUNTS] = {"counts", "integrity_count", "value", false,
		    "what this task counted in each window, by dimension; rows of the same add up"},
	[OVERFLOW] = {"overflow", "delivery", "request_id", false,
		      "log entries that are more than a response may have, as they are"},
	{.name = NULL},
};

static void
response_share(const struct share_part *entry, struct share *share)
{
	int task = share_task_of(share, entry->key);
	int64_t held_in = response_held_in(entry->value);

	share_whole(share, task);
	if (held_in != TIME_MIN)
		window_share_held(held_in, entry, task, share);
}

/* They are a partition's, and in a new task keys of several come together: responses that are not judged yet are taken
 * to have been made while no log was silent. */
static void
gaps_share(const struct share_part *entry, struct share *share)
{
	(void)entry;
	(void)share;
}

static const struct store_spec stores[] = {
	[RESPONSES] = {.name = "responses",
		       .help = "one entry per request_id: what the logs said about it",
		       .keyed_like_input = true,
		       .share = response_share,
		       .layout = RESPONSE_LAYOUT},
	[WINDOWS] = {.name = "windows",
		     .help = "windows that are open, or may be corrected",
		     .share = window_share,
		     .merge = window_merge,
		     .layout = WINDOW_LAYOUT},
	[SERIES] = {.name = "series",
		    .help = "counts that have not gone out yet, by window, dimension and value",
		    .share = series_share,
		    .merge = series_merge,
		    .layout = SERIES_LAYOUT},
	[GAPS] = {.name = "gaps", .help = "one entry per log: when nothing of it came for long", .share = gaps_share},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[COUNT_JUDGED] = {"judged", "responses judged"},
	[COUNT_MISMATCHES] = {"mismatches", "mismatches told"},
	[COUNT_REVISIONS] = {"revisions", "mismatches revised"},
	[COUNT_UNLISTED] = {"unlisted", "mismatches counted and not told: a window had too many of their kind"},
	[COUNT_HELD] = {"held", "responses held since a log was silent"},
	[COUNT_TOO_LATE] = {"too_late", "log entries whose response had been forgotten"},
	[COUNT_OVERFLOW] = {"overflow", "log entries that are more than a response may have"},
	{.name = NULL},
};

const struct operator_type reconcile_type = {
	.name = "reconcile",
	.help = "Holds what engine, server and client logged against each other, and names every mismatch by id.",
	.manual =
		"The logs are keyed by request_id. A response was made when the earliest log (engine, else server, "
		"else client) first speaks of it, and belongs to the window in which that lies. It is judged settle "
		"later: every mismatch is a row that names the impression, the hop and, of an altered field, what was "
		"expected and what is there. (impression_id, hop, field) identify a mismatch; its last revision is the "
		"truth.\n"
		"lost: returned and never delivered (engine_server); or delivered and neither received nor exposed, "
		"although the client's log has more of the response (server_client): a receipt, or an exposure of "
		"something that was delivered at a deeper position. Where the client's log has no more of it, nobody "
		"scrolled there: not_reached, which is counted and no mismatch. phantom: in a later log only. "
		"duplicated: a stage stands more than once in a log. altered: item_id, position, user_id_token, "
		"experiment_group, strategy_id or model_version is not what the earliest log says, once for each "
		"field, at the first hop that departs. The platform is not compared: engine and server often know it "
		"less exactly than the client.\n"
		"Log entries that come after the verdict are judged together, settle after the first of them, until "
		"correction_horizon after the response was made; later ones are dropped (too_late). What was missing "
		"and is here now revises its row to late, and an impression that is complete after all counts as "
		"matched. Of each window: returned + phantom = matched + differing + not_reached + "
		"lost_engine_server + lost_server_client + phantom_reached.\n"
		"Where a log has fallen silent its responses are held until it speaks again, at most for max_hold, so "
		"that a dead log does not make a mismatch of every id. The window lists a log as silent of which "
		"nothing came for longer than settle + max_hold of event time, in a live run and in a bounded one; the "
		"64 newest of such gaps are kept.\n"
		"What the logs cannot show: whether a delivery was lost or only the server's log entry about it, where "
		"the client's log has it (lost, engine_server; an alteration on that way stands at server_client); "
		"and that a client lost its whole batch, receipts and exposures: all of it is not_reached, which a "
		"rule on not_reached per delivered finds (reach in topologies/integrity.yaml).\n"
		"Limits, beyond which only that key is the worse for it. A response: impressions_max, entries_max of "
		"one impression, 1,000 different trace markers and users, 900 KB of state; log entries beyond go to "
		"the output overflow (counter overflow) and change no verdict. Names of a window: listed_max of each "
		"kind; further mismatches are counted as unlisted. Values of dimensions: series_max of a window, and "
		"250 bytes; others are counted as (other). A time between two logs that is less than 0, since their "
		"clocks differ, is in no latency and counted in negative_latencies.\n",
	.options = options,
	.inputs = inputs,
	.outputs = outputs,
	.stores = stores,
	.counters = counters,
	.self_size = sizeof(struct reconcile),
	.open = reconcile_open,
	.process = reconcile_process,
	.on_timer = reconcile_on_timer,
	.show = reconcile_show,
};
