"""rescale: state goes to another number of tasks, whole, whatever kills it, and rows go on as if there had always been
so many."""

import json
import os
import shutil

import pytest

from tests.flow.feature_feed import feed
from tests.flow.job import ROOT, Job
from tests.flow.test_join_random import START
from tests.flow.two_halves import INPUTS, check, halves, parameters, produce
from tests.reference import history_reference


class Place:
    """A topology whose counts of partitions can be changed."""

    def __init__(self, directory, partitions, name="engagement"):
        self.source = ROOT / "topologies" / f"{name}.yaml"
        self.topology = directory / self.source.name
        for file in (ROOT / "schemas").glob("*.avsc"):
            shutil.copy(file, directory)
        self.job = Job(directory / "data", self.topology)
        self.partitions(partitions)

    def partitions(self, count, topics=INPUTS):
        lines = self.source.read_text().splitlines(keepends=True)
        for i, line in enumerate(lines):
            if line.strip().split(":")[0] in topics and "partitions: 4" in line:
                lines[i] = line.replace("partitions: 4", f"partitions: {count}")
        self.topology.write_text("".join(lines))

    def rescale(self, count, operator="join", **rest):
        return self.job.call("rescale", operator, "--partitions", count, **rest)


def run(job):
    return job.call("run", "--until-end", *parameters("join"))


def table(done):
    header, *rows = done.stdout.splitlines()
    return [row.split() for row in rows]


@pytest.mark.parametrize("before, after", [(4, 8), (3, 5), (1, 4)])
def test_state_is_with_the_task_that_its_keys_belong_to(tmp_path, before, after):
    place, (first, second) = Place(tmp_path, before), halves(before)
    produce(place.job, first)
    run(place.job)
    place.partitions(after)
    refused = place.job.call("run", "--until-end", status=1)
    assert f"isotope rescale {place.topology} join --partitions {after}" in refused.stderr
    done = place.rescale(after)
    assert "read by nobody: engagement.join.journal (the embedded log keeps" in done.stderr
    (store, entries, after_entries, timers, after_timers), *others = table(done)
    assert all(counts == ["0"] * 4 for _, *counts in others)  # nothing is hot, and no horizon has passed
    assert (store, entries, timers) == ("impressions", after_entries, after_timers) and int(entries) == 540
    produce(place.job, second)
    run(place.job)
    check(place.job, first, second)


@pytest.mark.parametrize("point", ["split:1", "counted:1", "split:2", "switched:1"])
@pytest.mark.parametrize("before, after", [(3, 5), (4, 8)])
def test_killed_anywhere_the_next_call_finishes_it(tmp_path, before, after, point):
    place, (first, second) = Place(tmp_path, before), halves(11)
    produce(place.job, first)
    assert place.job.run_killed(*parameters("join"), point="committed:1")
    run(place.job)
    place.partitions(after)
    process = place.job.start("rescale", "join", "--partitions", after, env={**os.environ, "ISOTOPE_CRASH": point})
    _, errors = process.communicate(timeout=240)
    assert process.returncode == -9, errors
    if point in ("split:1", "counted:1"):  # the old ones count until the switch
        place.partitions(before)
        run(place.job)
        place.partitions(after)
    place.rescale(after)
    produce(place.job, second)
    assert place.job.run_killed(*parameters("join"), point="block:1")
    run(place.job)
    check(place.job, first, second)


def test_fewer_tasks_on_other_topics(tmp_path):
    place, (first, second) = Place(tmp_path, 8), halves(12)
    produce(place.job, first)
    run(place.job)
    text = place.topology.read_text()
    for topic in INPUTS:
        line = next(line for line in text.splitlines() if line.strip().startswith(f"{topic}:"))
        text = text.replace(line, line + "\n" + line.replace(topic, f"{topic}_3", 1).replace(
            "partitions: 8", "partitions: 3"))
    for port, topic in zip(("impressions", "engagements", "scores"), INPUTS):
        text = text.replace(f"      {port}: {topic}\n", f"      {port}: {topic}_3\n")
    place.topology.write_text(text)
    place.rescale(3)
    produce(place.job, second, "_3")
    run(place.job)
    check(place.job, first, second)


def test_records_that_were_not_read_are_refused_with_their_number(tmp_path):
    place, (first, second) = Place(tmp_path, 4), halves(13)
    produce(place.job, first)
    run(place.job)
    produce(place.job, second)
    place.partitions(8)
    refused = place.rescale(8, status=1)
    assert "has not read topic" in refused.stderr and "belong to another of 8 partitions" in refused.stderr
    place.partitions(4)
    run(place.job)
    check(place.job, first, second)
    place.partitions(8)
    place.rescale(8)
    run(place.job)
    check(place.job, first, second)


def test_again_and_back_to_the_first_journal_nothing_is_lost(tmp_path):
    place, (first, second) = Place(tmp_path, 2), halves(14)
    produce(place.job, first)
    run(place.job)
    for count in (4, 6):
        place.partitions(count)
        assert table(place.rescale(count))[0][1] == "540"
    assert "6 tasks already" in place.rescale(6).stderr
    produce(place.job, second)
    run(place.job)
    check(place.job, first, second)
    assert "task 5:" in place.job.call("state", "join", "--summary").stdout


def test_schemas_of_what_is_kept_go_along(tmp_path):
    """Written with one schema, rescaled, and read with another."""
    place = Place(tmp_path, 2)
    shown = [{"impression_id": f"i{n}", "user_id_token": "u", "item_id": "item", "position": 0, "shown_at": START,
              "source": "ranked", "item_cluster": "cluster", "creator_id": "creator"} for n in range(20)]
    place.job.produce("impressions", shown)
    run(place.job)
    place.partitions(5)
    place.rescale(5)
    for name in ("impression", "outcome"):
        file = tmp_path / f"{name}.avsc"
        shutil.copy(file, tmp_path / f"{name}.old.avsc")
        place.topology.write_text(place.topology.read_text().replace(
            f"schema: {name}.avsc,", f"schema: {name}.avsc, writers: [{name}.old.avsc],"))
        file.write_text(file.read_text().replace('"item_cluster"', '"x"').replace('"creator_id"', '"item_cluster"')
                        .replace('"x"', '"creator_id"'))
    likes = [{"engagement_id": f"e{n}", "impression_id": f"i{n}", "user_id_token": "u", "item_id": "item",
              "action": "like", "occurred_at": START + 1} for n in range(20)]
    place.job.produce("engagements", likes)
    run(place.job)
    rows = [row for row in place.job.rows("outcomes") if row["liked"]]
    assert {(row["revision"], row["item_cluster"], row["creator_id"]) for row in rows} == {(2, "cluster", "creator")}


def test_an_operator_without_any_state_yet(tmp_path):
    place, (first, second) = Place(tmp_path, 4), halves(15)
    place.job.call("run", "--until-end")
    place.partitions(8)
    assert all(counts == ["0"] * 4 for _, *counts in table(place.rescale(8)))
    produce(place.job, first + second)
    run(place.job)
    check(place.job, first, second)


@pytest.mark.parametrize("count", [0, 4097])
def test_counts_out_of_bounds_are_refused(tmp_path, count):
    place = Place(tmp_path, 4)
    assert "partitions" in place.job.call("rescale", "join", "--partitions", count, status=2).stderr


def test_the_topology_has_to_have_the_count(tmp_path):
    place = Place(tmp_path, 4)
    place.job.call("run", "--until-end")
    assert "set them to 8 there first" in place.rescale(8, status=1).stderr


def test_a_source_is_refused_since_its_tasks_share_no_keys_out(tmp_path):
    job = Job(tmp_path / "data", ROOT / "topologies" / "demo.yaml")
    assert "is a source" in job.call("rescale", "traffic", "--partitions", 2, status=1).stderr


def test_a_running_job_holds_its_directory(tmp_path):
    place = Place(tmp_path, 4)
    process = place.job.start("run")
    try:
        assert any(" running " in line for line in process.stderr)
        place.job.call("produce", "impressions", status=1)
        assert "is held by process" in place.rescale(4, status=1).stderr
    finally:
        process.kill()
        process.communicate()


def test_every_operator_of_a_stream_by_another_key(tmp_path):
    """user_history behind a rekey: the topic between them, its markers and its positions go along."""
    place, engagements = Place(tmp_path, 4, "features"), feed(5)
    cut = len(engagements) // 2
    place.job.produce("engagements", engagements[:cut])
    place.job.call("run", "--until-end")
    place.partitions(6, ("engagements", "engagements_by_user"))
    for operator in ("by_user", "history", "embedding"):
        place.rescale(6, operator)
    place.job.produce("engagements", engagements[cut:])
    place.job.call("run", "--until-end")
    assert history_reference.last_rows(place.job.rows("user_histories")) == history_reference.histories(engagements)


def test_ids_of_a_user_with_many_engagements_and_what_is_known_of_spaces_go_along(tmp_path):
    place = Place(tmp_path, 4, "features")
    vectors = [{"item_id": f"x{item}", "vector": [1.0] * 64, "updated_at": START - 1000 + item,
                "space": ("old", "new")[item % 2]} for item in range(4)]
    engagements = [{"engagement_id": f"e{number}", "impression_id": f"i{number}", "user_id_token": f"u{number % 3}",
                    "item_id": f"x{1 + 2 * (number % 2)}", "action": "like", "occurred_at": START + number}
                   for number in range(6_000)]
    place.job.produce("item_vectors", vectors)
    place.job.produce("engagements", engagements)
    place.job.call("run", "--until-end")
    place.partitions(6, ("engagements", "engagements_by_user"))
    for operator in ("by_user", "history", "embedding"):
        place.rescale(6, operator)
    place.job.produce("engagements", engagements)
    old = [engagement | {"engagement_id": f"o{number}", "item_id": "x0"}
           for number, engagement in enumerate(engagements[-3:])]
    place.job.produce("engagements", old)
    said = place.job.call("run", "--until-end").stderr
    counts = next(line for line in said.splitlines() if line.startswith("embedding: "))
    assert " counted=0 repeated=6,000 late=0 forgotten=0 old_space=3 " in counts
    shown = [json.loads(line) for line in place.job.call("state", "embedding").stdout.splitlines()]
    known = [entry["value"]["spaces"] for entry in shown if "spaces" in entry["value"]]
    assert known and all([space["space"] for space in spaces] == ["old", "new"] or
                         [space["space"] for space in spaces] == ["new", "old"] for spaces in known)
    users = {row["user_id_token"]: row for row in place.job.rows("user_embeddings")}
    assert {user: row["n_actions"] for user, row in users.items()} == {"u0": 2_000, "u1": 2_000, "u2": 2_000}
