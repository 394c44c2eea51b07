"""One record of a hundred has a clock that is wrong, by a minute or by years: no other record's row is another one."""

import random

import pytest

from tests.flow.test_join_random import ACTIONS, START, expected, without_revision
from tests.reference import join_reference

MINUTE, HOUR, DAY, YEAR = 60_000, 3_600_000, 86_400_000, 365 * 86_400_000
THEN = START - 700 * DAY  # a backfill: the messages are of START
IMPRESSIONS = 600
PARTITIONS = 2
PARAMETERS = {"window": 600_000, "grace": 5_000, "before": 60_000, "correction_horizon": 6 * HOUR,
              "orphan_wait": 6 * HOUR, "score_tolerance": 1_000, "emit": "final", "out_of_orderness": 5_000}
TIMES = {"impressions": "shown_at", "engagements": "occurred_at", "ranker_scores": "scored_at"}


def feed(r):
    """In the order of arrival, each topic a little out of order."""
    records, now = [], THEN
    for number in range(IMPRESSIONS):
        now += r.randrange(20_000)
        key = f"i{number}"
        records.append(("impressions", {"impression_id": key, "user_id_token": "u", "item_id": "x", "position": 0,
                                        "shown_at": now, "source": "ranked"}))
        records.append(("ranker_scores", {"impression_id": key, "model_version": "m", "predicted_watch_seconds": 1.0,
                                          "predicted_engage_prob": 0.5, "scored_at": now}))
        for _ in range(r.randrange(3)):
            records.append(("engagements", {"engagement_id": f"e{len(records)}", "impression_id": key,
                                            "user_id_token": "u", "item_id": "x", "action": r.choice(ACTIONS),
                                            "watched_seconds": 2.0, "occurred_at": now + r.randrange(300_000)}))
    return sorted(records, key=lambda record: record[1][TIMES[record[0]]] + r.randrange(4_000))


def wrong_by(r):
    ms = int(MINUTE * (10 * YEAR / MINUTE) ** r.random())
    return ms if r.random() < 0.7 else -ms


def overrides():
    texts = [f"operators.join.{name}={value}" if name == "emit" else f"operators.join.{name}={value}ms"
             for name, value in PARAMETERS.items() if name != "out_of_orderness"]
    for topic in TIMES:
        texts += [f"topics.{topic}.partitions={PARTITIONS}", f"topics.{topic}.max_jump=30min"]
    return [*texts, *(f"topics.{topic}.partitions={PARTITIONS}" for topic in (
        "outcomes", "exploration_events", "late_engagements", "orphan_engagements", "hindsight_scores"))]


@pytest.mark.parametrize("live", (False, True))
def test_a_wrong_clock_changes_no_other_records_row(tool, live):
    letters = 0
    for seed in range(10):
        r = random.Random(seed)
        records, sent, touched = feed(r), [], set()
        for topic, record in records:
            if r.random() < 0.01:
                record = {**record, TIMES[topic]: record[TIMES[topic]] + wrong_by(r)}
                touched.add(record["impression_id"])
            sent.append([topic, record])
        crashes = [i for i in range(1, len(sent)) if r.random() < 0.005] if live else []
        got = tool.run({"overrides": overrides(), "records": sent, "crashes": crashes})
        wanted = expected(records, PARTITIONS, PARAMETERS)
        last = join_reference.last_revisions([row for rows in wanted["outcomes"] for row in rows])
        rows = without_revision(join_reference.last_revisions(got["outcomes"]))
        assert touched and len(last) == IMPRESSIONS
        for key, row in without_revision(last).items():
            assert key in touched or rows.get(key) == row, f"seed {seed}, {key}"
        letters += sum("max_jump" in letter["reason"] for letter in got["dead_letters"])
    assert letters > 20
