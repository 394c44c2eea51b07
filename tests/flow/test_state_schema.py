"""A schema that changes over running state: what the join keeps of impressions and of engagements that wait is read
with the schema it was written with, and rows come out in today's."""

import shutil
import signal

import pytest

from tests.flow.job import ROOT, Job
from tests.flow.schema_changes import CHANGES, REFUSED, Schemas, at, check_change, check_refusal, reordered, \
    without_default
from tests.flow.test_join_random import START
from tests.reference import join_reference

TOPOLOGY = ROOT / "topologies" / "engagement.yaml"
IMPRESSION = {"impression_id": "i1", "request_id": "r", "user_id_token": "u", "item_id": "item", "position": 3,
              "shown_at": START, "source": "exploration", "item_cluster": "cluster", "creator_id": "creator",
              "platform": "ios", "sampled_pct": 0.5}
LIKE = {"engagement_id": "e1", "impression_id": "i1", "user_id_token": "u", "item_id": "item", "action": "like",
        "occurred_at": START + 1_000}


def place(directory):
    """A topology with schemas of its own, which can be changed."""
    topology = directory / "engagement.yaml"
    shutil.copy(TOPOLOGY, topology)
    return Schemas(Job(directory / "data", topology))


@pytest.mark.parametrize("how", CHANGES)
def test_what_was_kept_comes_out_in_the_schema_of_today(tmp_path, how):
    check_change(place(tmp_path).job, "join", how)


@pytest.mark.parametrize("how, reason", REFUSED)
def test_a_schema_that_does_not_resolve_is_refused_and_says_what_to_do(tmp_path, how, reason):
    check_refusal(place(tmp_path).job, "join", how, reason)


def test_a_schema_that_goes_back_and_forth_keeps_every_entry_readable(tmp_path):
    schemas = place(tmp_path)
    for number, how in enumerate([None, reordered, reordered, reordered]):
        for name in ("impression", "outcome"):
            if how:
                schemas.change(name, how)
        schemas.job.produce("impressions", [{**IMPRESSION, "impression_id": f"i{number}"}])
        schemas.job.call("run", "--until-end")
    schemas.job.produce("engagements", [{**LIKE, "impression_id": f"i{number}"} for number in range(4)])
    schemas.job.call("run", "--until-end")
    rows = {row["impression_id"]: row for row in schemas.job.rows("outcomes", "--from", "beginning")}
    assert len(rows) == 4
    for row in rows.values():
        assert (row["revision"], row["item_cluster"], row["creator_id"]) == (2, "cluster", "creator")


def live_until_processed(job):
    """A live run up to the row of an impression that comes last, on the partition of i1."""
    key = next(f"last{n}" for n in range(100)
               if join_reference.partition_of(f"last{n}", 4) == join_reference.partition_of("i1", 4))
    job.produce("impressions", [{**IMPRESSION, "impression_id": key, "shown_at": START + 12 * 60_000}])
    process = job.start("run", "--set", "operators.join.emit=both")
    try:
        job.call("consume", "outcomes", "--max", 1)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors


def test_engagements_and_scores_that_wait_are_read_with_the_schema_they_were_written_with(tmp_path):
    schemas = place(tmp_path)
    outside = {**LIKE, "engagement_id": "e2", "occurred_at": START + 11 * 60_000, "action": "share"}
    score = {"impression_id": "i1", "model_version": "m", "predicted_watch_seconds": 1.5, "predicted_engage_prob": 0.5,
             "scored_at": START + 60_000}
    schemas.job.produce("engagements", [LIKE, outside])
    schemas.job.produce("ranker_scores", [score])
    live_until_processed(schemas.job)
    assert "waiting_engagements\": 2" in schemas.job.call("state", "join", "i1").stdout

    def swapped(fields):
        i, j = at(fields, "user_id_token"), at(fields, "item_id")
        fields[i], fields[j] = fields[j], fields[i]

    def other_order(fields):
        i, j = at(fields, "predicted_watch_seconds"), at(fields, "predicted_engage_prob")
        fields[i], fields[j] = fields[j], fields[i]

    schemas.change("engagement", swapped)
    schemas.change("ranker_score", other_order)
    schemas.job.produce("impressions", [IMPRESSION])
    schemas.job.call("run", "--until-end")
    assert [row["liked"] for row in schemas.job.rows("outcomes") if row["impression_id"] == "i1"] == [True]
    late, = schemas.job.rows("late_engagements")
    assert {name: late[name] for name in outside} == outside
    hindsight, = schemas.job.rows("hindsight_scores")
    assert {name: hindsight[name] for name in score} == score


def test_a_schema_may_change_freely_while_nothing_is_kept(tmp_path):
    schemas = place(tmp_path)
    schemas.job.produce("impressions", [])
    schemas.job.call("run", "--until-end")
    for name in ("impression", "outcome"):
        schemas.change(name, without_default, keep_old=False)
    schemas.job.produce("impressions", [{**IMPRESSION, "campaign": "c"}])
    schemas.job.call("run", "--until-end")
    assert schemas.job.rows("outcomes")[-1]["campaign"] == "c"
