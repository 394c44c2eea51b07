"""kill -9, of the program at every step of the commit and of the broker: an independent reader sees each revision once,
and the last ones are those of the reference."""

import json
import signal
import subprocess

import pytest

from tests.flow.job import restored_bytes
from tests.flow.test_join import produced, random_feed
from tests.flow.test_join_random import expected, without_revision
from tests.kafka import cluster, feed
from tests.kafka.cluster import crash_at
from tests.reference import join_reference

COUNTS = {"restoring": (1, 2, 3), "started": (1, 2, 4)}  # of the four tasks
COUNTS_OF_OTHERS = (1, 2, 3)
CRASH_S_MAX = 60
MORE, MORE_S = 80, 5  # records that are kept back at first; how long one is waited for before it is given some of them
SHORT_SESSION = {"session.timeout.ms": 2_000}
QUICK = {"linger.ms": 0}
MANY_COMMITS = ("--set", "commit_interval=10ms", "--set", "commit_bytes=64KiB")
SMALL_MEMORY = ("--set", "commit_interval=10ms", "--set", "commit_bytes=1MiB", "--set", "memory=32MiB")
POINTS = ("restoring", "started", "processed", "block", "sent", "positions", "committed", "written")
SHORT = {"window": "5s", "before": "2s", "grace": "1s", "correction_horizon": "10s", "remember": "10s",
         "orphan_wait": "5s"}


def exactly_once(job, records):
    rows = job.outcomes()
    revisions = [(row["impression_id"], row["revision"]) for row in rows]
    assert len(revisions) == len(set(revisions)), "a revision came out twice"
    wanted = expected(records, 4, {})
    same_last_revisions(rows, wanted)
    for topic, schema in (("late_engagements", "engagement"), ("orphan_engagements", "engagement"),
                          ("hindsight_scores", "ranker_score")):
        found = [text(cluster.decoded(schema, message.value())) for message in job.messages(topic)]
        assert sorted(found) == sorted(text(row) for rows in wanted[topic] for row in rows), topic


def text(row):
    return json.dumps(row, sort_keys=True)


def same_last_revisions(rows, wanted):
    last = join_reference.last_revisions([row for rows in wanted["outcomes"] for row in rows])
    assert without_revision(join_reference.last_revisions(rows)) == without_revision(last)


def killed(job, *arguments, point, more=()):
    """Runs until it kills itself. One that has read everything and still lives is given more, part by part."""
    process = job.start("run", *arguments, env=crash_at(point))
    more = list(more)
    while more:
        try:
            process.wait(MORE_S)
            produced(job, [record for part in more for record in part])
            break
        except subprocess.TimeoutExpired:
            produced(job, more.pop(0))
    try:
        _, errors = process.communicate(timeout=CRASH_S_MAX)
    except subprocess.TimeoutExpired:
        process.terminate()
        _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == -signal.SIGKILL, f"{point} was not reached: {errors}"
    return errors


@pytest.mark.parametrize("point", POINTS)
def test_a_bounded_run_killed_at_a_step_of_the_commit_goes_on_as_if_it_had_not_been(make_job, point):
    job, records = make_job(log=QUICK), random_feed(5, 2_500)
    produced(job, records)
    if point == "restoring":  # there is something to restore
        killed(job, "--until-end", *MANY_COMMITS, point="written:9")
    for count in COUNTS.get(point, COUNTS_OF_OTHERS):
        killed(job, "--until-end", *MANY_COMMITS, point=f"{point}:{count}")
    job.call("run", "--until-end", *MANY_COMMITS)
    exactly_once(job, records)


@pytest.mark.parametrize("point", POINTS)
def test_a_live_run_killed_at_a_step_of_the_commit_is_restarted_at_once(make_job, point):
    """As a member of its group, under an instance name: it has its tasks back without waiting. Before each run there is
    more to read, so that it has something to commit."""
    job = make_job(instance="one", log={**QUICK, **SHORT_SESSION}, topic={"idle_after": "1h"})
    records = random_feed(6, 2_500)
    points = [f"{point}:{count}" for count in COUNTS.get(point, COUNTS_OF_OTHERS)]
    if point == "restoring":
        points.insert(0, "written:5")
    for number, at in enumerate(points):
        part = records[len(records) * number // len(points):len(records) * (number + 1) // len(points)]
        produced(job, part[:-MORE])
        killed(job, *MANY_COMMITS, point=at, more=[part[i:][:MORE // 4] for i in range(-MORE, 0, MORE // 4)])
    job.broker.wait_until_left(job.group)
    job.call("run", "--until-end")
    exactly_once(job, records)


@pytest.mark.parametrize("point", ("revoked", "released"))
def test_a_member_killed_while_it_gives_tasks_up_leaves_them_whole(make_job, tmp_path, point):
    job = make_job(log={**QUICK, **SHORT_SESSION}, topic={"idle_after": "1h"})
    records = random_feed(7, 2_000)
    produced(job, records)
    first = job.start("run", *MANY_COMMITS, env=crash_at(f"{point}:1"))
    cluster.wait_until(lambda: job.messages("outcomes"), "the first rows")
    second = job.beside(tmp_path / "second").start("run", *MANY_COMMITS)
    assert first.wait(cluster.TIMEOUT_S) == -signal.SIGKILL, first.communicate()
    third = job.start("run", *MANY_COMMITS)
    next(line for line in third.stderr if " running " in line)  # before that it does not hear a stop
    cluster.wait_until(lambda: job.broker.group_members(job.group) == 2, "the one that was killed to be forgotten")
    for process in (second, third):
        process.terminate()
        _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
        assert process.returncode == 0, errors
    first.communicate()
    job.broker.wait_until_left(job.group)
    job.call("run", "--until-end")
    exactly_once(job, records)


def test_a_run_killed_when_it_has_trimmed_its_journal_goes_on_as_if_it_had_not_been(make_job):
    job, impressions = make_job(partitions=1, join=SHORT, scores=False), 60_000
    feed.produce(job, 0, impressions)
    for count in COUNTS_OF_OTHERS:
        killed(job, "--until-end", *MANY_COMMITS, point=f"trimmed:{count}")
    job.call("run", "--until-end", *MANY_COMMITS)
    feed.assert_once(job, impressions)


def test_at_least_once_loses_nothing(make_job):
    job, records = make_job(guarantee="at_least_once", log=QUICK), random_feed(8, 2_000)
    produced(job, records)
    for point in ("processed:1", "sent:2", "positions:2", "committed:2"):
        killed(job, "--until-end", *MANY_COMMITS, point=point)
    job.call("run", "--until-end")
    same_last_revisions(job.outcomes(), expected(records, 4, {}))


# ---- the broker ----


@pytest.mark.parametrize("bounded", (True, False))
def test_a_broker_that_is_killed_in_the_middle_changes_nothing(private_broker, make_job, bounded):
    job = make_job(on=private_broker, join=SHORT, scores=False, topic={"idle_after": "1h"})
    impressions = 60_000
    feed.produce(job, 0, impressions)
    process = job.start("run", *(["--until-end"] if bounded else []), *MANY_COMMITS)
    cluster.wait_until(lambda: job.messages("outcomes"), "the first rows")
    private_broker.kill()
    assert process.poll() is None, f"it had ended before the broker was killed: {process.communicate()}"
    private_broker.restart()
    if not bounded:
        cluster.wait_until(lambda: feed.check(job, impressions).rows > impressions * 0.9, "it goes on")
        process.terminate()
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == 0, errors
    if not bounded:
        job.call("run", "--until-end")
    feed.assert_once(job, impressions)


# ---- what a restart costs ----


def test_a_restart_reads_only_the_tail_of_the_journal(make_job, tmp_path):
    """Of more state than fits into memory the rest is in the local stores; another machine has to read it all."""
    job = make_job(partitions=1, scores=False, topic={"idle_after": "1h"})
    impressions, small = 70_000, ("--until-end", *SMALL_MEMORY, "--set", "commit_interval=2s")  # commits by size
    feed.produce(job, 0, impressions, impression=feed.WIDE_IMPRESSION)
    killed(job, *small, point="committed:35")
    journal = sum(len(message.value()) for message in job.messages(job.journal))
    own = restored_bytes(killed(job, *small, point="processed:1"))
    elsewhere = job.beside(tmp_path / "elsewhere").call("run", *small)
    assert restored_bytes(elsewhere.stderr) == journal
    assert 0 < own < journal * 0.7
    feed.assert_once(job, impressions)
