#include "tests/sim/scenario.h"

#include <inttypes.h>

#include "base/memory.h"
#include "operators/operators.h"
#include "tests/sim/check.h"

/* Adds a text that memory_format has made. */
static void
set(struct scenario_overrides *overrides, char *text)
{
	insist(overrides->count < SCENARIO_OVERRIDES_MAX);
	overrides->texts[overrides->count++] = text;
}

static void
set_source(const struct world_plan *plan, const char *topic, struct scenario_overrides *overrides)
{
	set(overrides, memory_format("topics.%s.idle_after=%" PRId64 "ms", topic, plan->idle_ms));
	set(overrides, memory_format("topics.%s.out_of_orderness=%dms", topic, WORLD_OUT_OF_ORDERNESS_MS));
}

/* ---- join ---- */

static const char *const join_topics[] = {"impressions",	"engagements",	      "ranker_scores",
					  "outcomes",		"exploration_events", "late_engagements",
					  "orphan_engagements", "hindsight_scores",   NULL};

static void
set_join(const struct world_plan *plan, struct scenario_overrides *overrides)
{
	for (int i = 0; i < FEED_JOIN_TOPICS; i++)
		set_source(plan, feed_topics[i], overrides);
	set(overrides, memory_format("operators.join.window=%dms", FEED_WINDOW_MS));
	set(overrides, memory_format("operators.join.before=%dms", FEED_BEFORE_MS));
	set(overrides, memory_format("operators.join.grace=%dms", FEED_GRACE_MS));
	set(overrides, memory_format("operators.join.correction_horizon=%dms", FEED_HORIZON_MS));
	set(overrides, memory_format("operators.join.orphan_wait=%dms", FEED_ORPHAN_WAIT_MS));
	set(overrides, memory_format("operators.join.score_tolerance=%dms", FEED_TOLERANCE_MS));
}

/* State that one version wrote is rewritten where the other reads it. */
static void
set_join_other(struct scenario_overrides *overrides)
{
	set(overrides, memory_text("topics.impressions.schema=../tests/sim/impression_reordered.avsc"));
	set(overrides, memory_text("topics.outcomes.schema=../tests/sim/outcome_reordered.avsc"));
	set(overrides, memory_text("topics.exploration_events.schema=../tests/sim/outcome_reordered.avsc"));
}

/* ---- features ---- */

static const char *const features_topics[] = {"engagements", "engagements_by_user", "user_histories",
					      "user_last_actions", NULL};

static void
set_features(const struct world_plan *plan, struct scenario_overrides *overrides)
{
	set_source(plan, "engagements", overrides);
	set(overrides, memory_format("operators.history.ttl=%" PRId64 "ms", plan->ttl_ms));
	set(overrides, memory_format("operators.last.ttl=%" PRId64 "ms", plan->ttl_ms));
	set(overrides, memory_format("operators.history.actions_kept=%d", WORLD_ACTIONS_KEPT));
	set(overrides, memory_format("operators.last.actions_kept=%d", WORLD_LAST_ACTIONS_KEPT));
}

/* ---- reconcile ---- */

static const char *const reconcile_topics[] = {"engine_log", "server_log", "client_log", "mismatches", NULL};

static void
set_reconcile(const struct world_plan *plan, struct scenario_overrides *overrides)
{
	for (int i = FEED_ENGINE_LOG; i <= FEED_CLIENT_LOG; i++)
		set_source(plan, feed_topics[i], overrides);
}

/* ---- all ---- */

#define BIT(kind) (1u << (kind))

static const struct scenario scenarios[] = {
	{
		.name = "join",
		.file = "tests/sim/join.yaml",
		.topics = join_topics,
		.kinds = BIT(FEED_IMPRESSION) | BIT(FEED_ENGAGEMENT) | BIT(FEED_SCORE) | BIT(FEED_RUBBISH),
		.idles = true,
		.rest_ms = FEED_HORIZON_MS + 60000,
		.set = set_join,
		.set_other = set_join_other,
		.check = check_join,
		.dump = dump_join,
	},
	{
		.name = "features",
		.file = "tests/sim/features.yaml",
		.topics = features_topics,
		.kinds = BIT(FEED_ENGAGEMENT) | BIT(FEED_RUBBISH),
		.bounded = true,
		.rest_ms = 200000,
		.set = set_features,
		.check = check_features,
		.dump = dump_features,
	},
	{
		.name = "reconcile",
		.file = "tests/sim/reconcile.yaml",
		.topics = reconcile_topics,
		.kinds = BIT(FEED_DELIVERY),
		.idles = true,
		.bounded = true,
		.rest_ms = 200000,
		.set = set_reconcile,
		.check = check_reconcile,
		.dump = dump_reconcile,
	},
};

#define COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

const struct scenario *
scenario_find(const char *name, uint64_t seed)
{
	if (!name)
		return &scenarios[seed % COUNT];
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

int
scenario_load(const struct scenario *scenario, const struct world_plan *plan, bool other, struct topology **out,
	      struct error *err)
{
	struct scenario_overrides overrides = {0};
	int result;

	for (const char *const *topic = scenario->topics; *topic; topic++)
		set(&overrides, memory_format("topics.%s.partitions=%d", *topic, plan->partitions));
	scenario->set(plan, &overrides);
	if (other && scenario->set_other)
		scenario->set_other(&overrides);
	set(&overrides, memory_format("commit_interval=%" PRId64 "ms", plan->commit_ms));
	set(&overrides, memory_format("workers=%d", plan->workers));
	set(&overrides, memory_text("memory=64MiB"));
	set(&overrides, memory_text("merge_wait=1s"));
	set(&overrides, memory_format("store_keep=%" PRId64 "ms", plan->store_keep_ms));
	result = topology_load(scenario->file, (const char *const *)overrides.texts, operators_table, out, NULL, err);
	for (int i = 0; i < overrides.count; i++)
		memory_free(&overrides.texts[i]);
	return result;
}
