"""features.yaml from end to end through the commands: the last row of each user is what a plain batch computation over
all engagements gives, whatever happened on the way."""

import json
import re
import time

import pytest

from tests.flow.feature_feed import feed
from tests.flow.job import ROOT, Job
from tests.reference import history_reference

TOPOLOGY = ROOT / "topologies" / "features.yaml"
CRASHES = ("block:2", "sent:3", "positions:2", "committed:1", "written:2", "processed:4")


def check(job, engagements):
    rows = job.rows("user_histories")
    assert history_reference.last_rows(rows) == history_reference.histories(engagements)
    assert job.rows("dead_letters") == []
    return rows


def new_job(directory):
    return Job(directory / "data", TOPOLOGY)


def test_the_last_row_of_each_user_is_that_of_the_batch(tmp_path):
    job, engagements = new_job(tmp_path), feed(1)
    job.produce("engagements", engagements)
    job.call("run", "--until-end")
    rows = check(job, engagements)
    assert len({row["user_id_token"] for row in rows}) > 250


def test_one_run_after_another_and_several_threads(tmp_path):
    job, engagements = new_job(tmp_path), feed(2)
    for i in range(4):
        part = engagements[i * len(engagements) // 4:(i + 1) * len(engagements) // 4]
        job.produce("engagements", part)
        job.call("run", "--until-end", "--set", f"workers={1 + i % 3}")
    rows = check(job, engagements)
    for user in {row["user_id_token"] for row in rows}:
        revisions = [row["revision"] for row in rows if row["user_id_token"] == user]
        assert revisions == sorted(set(revisions)), user


def test_what_stands_in_the_internal_topic_is_the_engagements(tmp_path):
    """The markers between them are not records."""
    job, engagements = new_job(tmp_path), feed(3, 500)
    job.produce("engagements", engagements)
    job.call("run", "--until-end", "--operators", "by_user")
    rows = job.rows("engagements_by_user", "--with-metadata")
    assert all(row["key"] == row["value"]["user_id_token"] for row in rows)
    assert len(rows) == len(engagements)
    raw = job.call("consume", "engagements_by_user", "--until-end", "--raw").stdout.splitlines()
    assert len(raw) == len(engagements)


def first_offsets(job):
    rows = map(json.loads, job.call("topics", "--json").stdout.splitlines())
    return [row["first_offset"] for row in rows if row["topic"] == "engagements_by_user"]


def test_what_all_readers_have_committed_leaves_the_internal_topic(tmp_path):
    job, engagements = new_job(tmp_path), feed(4, 2_000)
    job.produce("engagements", engagements[:1_000])
    job.call("run", "--until-end", "--operators", "by_user,history")
    job.produce("engagements", engagements[1_000:1_500])
    job.call("run", "--until-end", "--operators", "by_user,history")
    assert first_offsets(job) == [0, 0, 0, 0], "embedding has not read it"
    job.call("run", "--until-end")
    job.produce("engagements", engagements[1_500:])
    job.call("run", "--until-end")
    assert min(first_offsets(job)) > 0
    check(job, engagements)


@pytest.mark.parametrize("seed", range(2))
def test_kill_9_changes_nothing(tmp_path, seed):
    job, engagements = new_job(tmp_path), feed(seed + 10)
    arguments = ["--set", "commit_interval=5ms", "--set", "commit_bytes=64KiB"]
    kills = 0
    for i, crash in enumerate(CRASHES):
        part = engagements[i * len(engagements) // len(CRASHES):(i + 1) * len(engagements) // len(CRASHES)]
        job.produce("engagements", part)
        kills += job.run_killed(*arguments, point=crash)
    job.call("run", "--until-end", *arguments)
    check(job, engagements)
    assert kills >= 3, "it was hardly ever killed"


def engagements_of(users, ago_ms):
    now = int(time.time() * 1000)
    return [{"engagement_id": f"e{user}", "impression_id": "i", "user_id_token": user, "item_id": "x", "action": "like",
             "occurred_at": now - ago_ms} for user in users]


def test_freshness_has_only_rows_that_an_event_caused(tmp_path):
    job = new_job(tmp_path)
    settings = ["--operators", "by_user,history,sink", "--set", "operators.history.ttl=60s"]
    job.produce("engagements", engagements_of([f"old{n}" for n in range(50)], 100_000))
    job.call("run", "--until-end", *settings)
    job.produce("engagements", engagements_of([f"new{n}" for n in range(50)], 200))
    said = job.call("run", "--until-end", *settings).stderr
    sink = re.search(r"^sink: .*written=(\d+) aged=(\d+) .*freshness_p95=([0-9.]+)s", said, re.MULTILINE)
    assert sink, said
    assert sink.group(1, 2) == ("100", "50")
    assert float(sink.group(3)) < 60


def test_state_shows_the_actions_of_a_user(tmp_path):
    job = new_job(tmp_path)
    job.produce("engagements", engagements_of(['u "1"'], 1000))
    job.call("run", "--until-end", "--operators", "by_user,history")
    entries = [json.loads(line) for line in job.call("state", "history").stdout.splitlines()]
    actions = entries[0]["value"]["actions"]
    assert [(action["engagement_id"], action["item_id"], action["action"]) for action in actions] == \
        [('eu "1"', "x", "like")]
