"""A schema that changes over running state: what the join keeps of impressions and of engagements that wait is read
with the schema it was written with, and rows come out in today's."""

import json
import shutil
import signal

import pytest

from tests.flow.job import ROOT, Job
from tests.flow.test_join_random import START
from tests.reference import join_reference

TOPOLOGY = ROOT / "topologies" / "engagement.yaml"
IMPRESSION = {"impression_id": "i1", "request_id": "r", "user_id_token": "u", "item_id": "item", "position": 3,
              "shown_at": START, "source": "exploration", "item_cluster": "cluster", "creator_id": "creator",
              "platform": "ios", "sampled_pct": 0.5}
LIKE = {"engagement_id": "e1", "impression_id": "i1", "user_id_token": "u", "item_id": "item", "action": "like",
        "occurred_at": START + 1_000}


class Place:
    """A topology with schemas of its own, which can be changed."""

    def __init__(self, directory):
        self.directory = directory
        self.schemas_as_shipped()
        self.topology = directory / "engagement.yaml"
        shutil.copy(TOPOLOGY, self.topology)
        self.job = Job(directory / "data", self.topology)

    def schemas_as_shipped(self):
        for file in (ROOT / "schemas").glob("*.avsc"):
            shutil.copy(file, self.directory)

    def change(self, name, how, keep_old=True):
        """`how` changes the list of fields of a schema. The old one is a writer of the topics' records from now on."""
        file = self.directory / f"{name}.avsc"
        schema = json.loads(file.read_text())
        if keep_old:
            old = self.directory / f"{name}.old.avsc"
            if not old.exists():
                shutil.copy(file, old)
                self.topology.write_text(self.topology.read_text().replace(
                    f"schema: {name}.avsc,", f"schema: {name}.avsc, writers: [{name}.old.avsc],"))
        how(schema["fields"])
        file.write_text(json.dumps(schema))


def at(fields, name):
    return next(i for i, field in enumerate(fields) if field["name"] == name)


def added(fields):
    fields.insert(at(fields, "sampled_pct") + 1, {"name": "campaign", "type": "string", "default": "none"})


def removed(fields):
    del fields[at(fields, "creator_id")]


def reordered(fields):
    i, j = at(fields, "item_cluster"), at(fields, "creator_id")
    fields[i], fields[j] = fields[j], fields[i]


def renamed(fields):
    fields[at(fields, "platform")].update(name="client", aliases=["platform"])


def promoted(fields):
    fields[at(fields, "position")]["type"] = "long"


def more_symbols(fields):
    fields[at(fields, "source")]["type"]["symbols"] = ["cold_start", "house", "exploration", "ranked"]


def expected(how):
    row = {name: value for name, value in IMPRESSION.items()}
    if how is added:
        row["campaign"] = "none"
    if how is removed:
        del row["creator_id"]
    if how is renamed:
        row["client"] = row.pop("platform")
    return row


@pytest.mark.parametrize("how", [added, removed, reordered, renamed, promoted, more_symbols])
def test_what_was_kept_comes_out_in_the_schema_of_today(tmp_path, how):
    place = Place(tmp_path)
    place.job.produce("impressions", [IMPRESSION])
    place.job.call("run", "--until-end")
    for name in ("impression", "outcome"):
        place.change(name, how)
    place.job.produce("engagements", [LIKE])
    place.job.call("run", "--until-end")
    row = place.job.rows("outcomes", "--from", "beginning")[-1]
    assert row["revision"] == 2 and row["liked"]
    assert {name: row[name] for name in expected(how)} == expected(how)
    assert place.job.rows("exploration_events")[-1] == row


def test_a_schema_that_goes_back_and_forth_keeps_every_entry_readable(tmp_path):
    place = Place(tmp_path)
    for number, how in enumerate([None, reordered, reordered, reordered]):
        for name in ("impression", "outcome"):
            if how:
                place.change(name, how)
        place.job.produce("impressions", [{**IMPRESSION, "impression_id": f"i{number}"}])
        place.job.call("run", "--until-end")
    place.job.produce("engagements", [{**LIKE, "impression_id": f"i{number}"} for number in range(4)])
    place.job.call("run", "--until-end")
    rows = {row["impression_id"]: row for row in place.job.rows("outcomes", "--from", "beginning")}
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
    place = Place(tmp_path)
    outside = {**LIKE, "engagement_id": "e2", "occurred_at": START + 11 * 60_000, "action": "share"}
    score = {"impression_id": "i1", "model_version": "m", "predicted_watch_seconds": 1.5, "predicted_engage_prob": 0.5,
             "scored_at": START + 60_000}
    place.job.produce("engagements", [LIKE, outside])
    place.job.produce("ranker_scores", [score])
    live_until_processed(place.job)
    assert "waiting_engagements\": 2" in place.job.call("state", "join", "i1").stdout

    def swapped(fields):
        i, j = at(fields, "user_id_token"), at(fields, "item_id")
        fields[i], fields[j] = fields[j], fields[i]

    def other_order(fields):
        i, j = at(fields, "predicted_watch_seconds"), at(fields, "predicted_engage_prob")
        fields[i], fields[j] = fields[j], fields[i]

    place.change("engagement", swapped)
    place.change("ranker_score", other_order)
    place.job.produce("impressions", [IMPRESSION])
    place.job.call("run", "--until-end")
    assert [row["liked"] for row in place.job.rows("outcomes") if row["impression_id"] == "i1"] == [True]
    late, = place.job.rows("late_engagements")
    assert {name: late[name] for name in outside} == outside
    hindsight, = place.job.rows("hindsight_scores")
    assert {name: hindsight[name] for name in score} == score


def without_default(fields):
    fields.insert(at(fields, "sampled_pct"), {"name": "campaign", "type": "string"})


def other_type(fields):
    fields[at(fields, "position")]["type"] = "string"


@pytest.mark.parametrize("how, reason", [(without_default, "campaign"), (other_type, "position")])
def test_a_schema_that_does_not_resolve_is_refused_and_says_what_to_do(tmp_path, how, reason):
    place = Place(tmp_path)
    place.job.produce("impressions", [IMPRESSION])
    place.job.call("run", "--until-end")
    for name in ("impression", "outcome"):
        place.change(name, how, keep_old=False)
    place.job.produce("engagements", [LIKE])
    done = place.job.call("run", "--until-end", status=1)
    for part in ("operator join", "input impressions", "topic impressions", reason, "default or an alias",
                 "another name"):
        assert part in done.stderr, done.stderr
    place.schemas_as_shipped()
    place.job.call("run", "--until-end")
    row = place.job.rows("outcomes")[-1]
    assert row["revision"] == 2 and row["liked"]


def test_a_schema_may_change_freely_while_nothing_is_kept(tmp_path):
    place = Place(tmp_path)
    place.job.produce("impressions", [])
    place.job.call("run", "--until-end")
    for name in ("impression", "outcome"):
        place.change(name, without_default, keep_old=False)
    place.job.produce("impressions", [{**IMPRESSION, "campaign": "c"}])
    place.job.call("run", "--until-end")
    assert place.job.rows("outcomes")[-1]["campaign"] == "c"
