"""Operators in two processes on a broker, killed on the way: what comes out is what a plain computation gives."""

import itertools

import pytest

from tests.flow import feature_feed, redis_server
from tests.flow.test_feature_sink import check_rows
from tests.kafka import operators
from tests.kafka.crew import Crew
from tests.kafka.test_kill import text
from tests.reference import history_reference

FAULT_IMPRESSIONS = 5_000


def test_what_is_told_is_what_was_injected_though_processes_and_source_are_killed(broker, tmp_path):
    comparison, people = operators.find_faults(broker, tmp_path, FAULT_IMPRESSIONS, kills=6, ratio=0.01, rate=40,
                                               points=("committed:2",))
    comparison.check()
    assert people.counts["killed"] >= 6
    assert {name for name, _ in comparison.classes()} >= {"lost", "duplicated", "altered", "phantom", "late"}


@pytest.fixture
def histories(broker, tmp_path):
    job = operators.histories_job(broker, tmp_path)
    yield job
    job.end()


def killed_on_the_way(job, directory, names, rows, kills, seed):
    """The rows come in parts; when one has been read, somebody is killed."""
    people = Crew(job, directory, static=True, seed=seed, count=2,
                  arguments=["--operators", names, "--set", "commit_interval=20ms"])
    people.start_all()
    before = job.positions("by_user", "engagements", operators.PARTITIONS)
    operators.produce_engagements(job, rows)
    operators.kill_while_working(
        people, kills, lambda: job.positions("by_user", "engagements", operators.PARTITIONS) - before, len(rows))
    people.finish()


def test_histories_behind_a_rekey_are_those_of_the_batch_though_processes_are_killed(histories, tmp_path):
    """First by_user alone, so that all it writes is still there to be looked at; then both, for the rest."""
    job, engagements = histories, feature_feed.feed(11, 6_000)
    half = len(engagements) // 2
    killed_on_the_way(job, tmp_path, "by_user", engagements[:half], 3, seed=1)
    rows, watermarks = operators.rows_and_markers(job, "engagements_by_user")
    assert sorted(map(text, rows)) == sorted(text({"duration_seconds": None, **row}) for row in engagements[:half])
    assert watermarks.keys() == set(itertools.product(range(4), range(4))), "each task tells each partition"
    assert all(times == sorted(times) for times in watermarks.values()), "watermarks never fall"
    killed_on_the_way(job, tmp_path, "by_user,history", engagements[half:], 4, seed=2)
    rows = job.decoded("user_histories", "user_history")
    assert history_reference.last_rows(rows) == history_reference.histories(engagements)
    revisions = [(row["user_id_token"], row["revision"]) for row in rows]
    assert len(revisions) == len(set(revisions)), "a revision came out twice"
    kept, _ = operators.rows_and_markers(job, "engagements_by_user")
    assert len(kept) < len(engagements), "what was read is trimmed"
    assert job.dead_letters() == []


def test_redis_and_processes_are_killed_and_each_users_row_is_that_of_the_batch(broker, tmp_path):
    with redis_server.Server() as redis:
        engagements, people = operators.fill_store(broker, tmp_path, redis, kills=2, per_s=500, users=300)
        check_rows(redis, engagements)
    assert people.counts["killed"] >= 2
