"""Thousands of small random cases through the join, each held against the reference in tests/reference: disorder,
repeats, late engagements, orphans, equal times, live, shadow and hindsight scores, all ways to emit, odd parameters."""

import os
import random

import pytest

from tests.reference import join_reference

CASES = int(os.environ.get("ISOTOPE_JOIN_CASES", "400"))  # of each test
START = 1_767_225_600_000
OUTPUTS = ("outcomes", "exploration_events", "late_engagements", "orphan_engagements", "hindsight_scores",
           "late_impressions")
ACTIONS = ("view", "click", "like", "share", "comment", "follow", "purchase", "watch", "skip")


def random_parameters(r):
    window = r.choice([1_000, 5_000, 20_000])
    grace = r.choice([0, 500, 3_000])
    horizon = window + grace + r.choice([0, 1, 5_000, 40_000])
    return {"window": window, "grace": grace, "before": r.choice([0, 500, 2_000]), "correction_horizon": horizon,
            "remember": horizon + r.choice([-1, 0, 1, 10_000, 86_400_000]),
            "orphan_wait": r.choice([0, 1_000, 10_000]), "score_tolerance": r.choice([0, 1_000]),
            "emit": r.choice(["final", "final", "updates", "both"]), "out_of_orderness": r.choice([0, 1_000, 5_000])}


def random_time(r, base, spread):
    # coarse steps, so that equal times are common
    return base + r.randrange(-spread, spread + 1) // 250 * 250


def random_impression(r, key, now):
    record = {"impression_id": key, "user_id_token": f"u{r.randrange(3)}", "item_id": f"item-{r.randrange(5)}",
              "position": r.randrange(10), "shown_at": random_time(r, now, 2_000),
              "source": r.choice(["ranked", "ranked", "exploration", "cold_start"])}
    if r.random() < 0.5:
        record["duration_seconds"] = r.choice([0.0, 1.0, 10.5])
    if r.random() < 0.3:
        record["propensity"] = r.random()
    return record


def random_engagement(r, key, now, number):
    record = {"engagement_id": f"e{number}", "impression_id": key, "user_id_token": "u", "item_id": "i",
              "action": r.choice(ACTIONS), "occurred_at": random_time(r, now, 4_000)}
    if r.random() < 0.6:
        record["watched_seconds"] = r.choice([0.0, 0.5, 1.0, 9.9, 10.5, 20.0])
    if r.random() < 0.3:
        record["duration_seconds"] = r.choice([0.0, 10.0])
    return record


def random_score(r, key, now):
    return {"impression_id": key, "model_version": f"m{r.randrange(3)}", "predicted_watch_seconds": r.random(),
            "predicted_engage_prob": r.random(), "is_shadow": r.random() < 0.4, "scored_at": random_time(r, now, 1_500)}


def random_case(r):
    keys = [f"k{i}" for i in range(r.randrange(1, 7))]
    records, now = [], START
    for number in range(r.randrange(1, 45)):
        now += r.choice([0, 0, 250, 1_000, 7_000])
        key, kind = r.choice(keys), r.random()
        if records and kind < 0.08:
            records.append(r.choice(records))  # repeated as it is
        elif kind < 0.42:
            records.append(["impressions", random_impression(r, key, now)])
        elif kind < 0.82:
            records.append(["engagements", random_engagement(r, key, now, r.randrange(60))])
        else:
            records.append(["ranker_scores", random_score(r, key, now)])
    return records


def overrides(parameters, partitions, workers):
    texts = [f"operators.join.{name}={value}" if name == "emit" else f"operators.join.{name}={value}ms"
             for name, value in parameters.items() if name != "out_of_orderness"]
    for topic in ("impressions", "engagements", "ranker_scores"):
        texts.append(f"topics.{topic}.out_of_orderness={parameters['out_of_orderness']}ms")
        texts.append(f"topics.{topic}.partitions={partitions}")
    for topic in OUTPUTS:
        texts.append(f"topics.{topic}.partitions={partitions}")
    return [*texts, f"workers={workers}"]


def of_topic(records, topic):
    return [record for name, record in records if name == topic]


def expected(records, partitions, parameters):
    return join_reference.join(of_topic(records, "impressions"), of_topic(records, "engagements"),
                               of_topic(records, "ranker_scores"), partitions, **parameters)


def by_partition(rows, partitions):
    lists = [[] for _ in range(partitions)]
    for row in rows:
        lists[join_reference.partition_of(row["impression_id"], partitions)].append(row)
    return lists


@pytest.mark.parametrize("part", range(4))
def test_rows_are_those_of_the_reference(tool, part):
    for seed in range(part * CASES, (part + 1) * CASES):
        r = random.Random(seed)
        parameters, partitions, records = random_parameters(r), r.choice([1, 2, 4]), random_case(r)
        wanted = expected(records, partitions, parameters)
        got = tool.run({"overrides": overrides(parameters, partitions, r.choice([1, 2])), "records": records})
        for topic, lists in wanted.items():
            assert by_partition(got[topic], partitions) == lists, f"seed {seed}, topic {topic}, {parameters}"
        assert got["dead_letters"] == [], f"seed {seed}"


def test_crashes_change_no_last_revision(tool):
    """Processed live in pieces with a crash after each, a key may see other revisions on the way, never the same
    (key, revision) twice, and the last one is that of all its events, as long as they came before its horizon."""
    for seed in range(CASES // 2):
        r = random.Random(seed)
        parameters = {**random_parameters(r), "emit": "final", "correction_horizon": 3_600_000, "orphan_wait": 600_000}
        records = random_case(r)
        crashes = [i for i in range(1, len(records) + 1) if r.random() < 0.2]
        wanted = expected(records, 2, parameters)
        got = tool.run({"overrides": overrides(parameters, 2, 1), "records": records, "crashes": crashes})
        rows = got["outcomes"]
        revisions = [(row["impression_id"], row["revision"]) for row in rows]
        assert len(revisions) == len(set(revisions)), f"seed {seed}: a revision twice"
        last = join_reference.last_revisions([row for rows in wanted["outcomes"] for row in rows])
        assert without_revision(join_reference.last_revisions(rows)) == without_revision(last), f"seed {seed}"


def test_bounded_runs_one_after_the_other_give_the_last_revisions_of_one(tool):
    """Each closes all windows; what the next ones bring corrects them until the horizon."""
    for seed in range(CASES // 2):
        r = random.Random(seed)
        parameters = {**random_parameters(r), "emit": r.choice(["final", "both"]), "grace": 1_000_000,
                      "orphan_wait": 600_000}
        parameters["correction_horizon"] = parameters["window"] + parameters["grace"] + r.choice([0, 1, 1_000_000])
        records, shown = [], set()
        for topic, record in random_case(r):
            # The end of a run is the end of waiting for an impression: here it is always there.
            shown |= {record["impression_id"]} if topic == "impressions" else set()
            if record["impression_id"] in shown:
                records.append([topic, record])
        wanted = expected(records, 2, parameters)
        ends = [i for i in range(1, len(records) + 1) if r.random() < 0.2]
        got = tool.run({"overrides": overrides(parameters, 2, 1), "records": records, "ends": ends})
        rows = [row for row in got["outcomes"] if row["final"]]
        revisions = [(row["impression_id"], row["revision"]) for row in rows]
        assert len(revisions) == len(set(revisions)), f"seed {seed}: a revision twice"
        last = join_reference.last_revisions([row for rows in wanted["outcomes"] for row in rows])
        assert without_revision(join_reference.last_revisions(rows)) == without_revision(last), f"seed {seed}"
        assert got["orphan_engagements"] == [] and got["dead_letters"] == []


def without_revision(rows):
    return {key: {name: value for name, value in row.items() if name != "revision"} for key, row in rows.items()}
