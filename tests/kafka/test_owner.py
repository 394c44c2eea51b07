"""Of several processes that take a journal for their own, one at most commits; the other says which one that was."""

import os
import re
import shutil
import signal

import confluent_kafka
import pytest

from tests.kafka import cluster, feed

IMPRESSIONS = 40_000
SMALL_COMMITS = ("--set", "commit_bytes=64KiB", "--set", "commit_interval=50ms")
SHORT = {"window": "5s", "before": "2s", "grace": "1s", "correction_horizon": "10min", "orphan_wait": "5s"}
NOT_ALONE = "another process has written to its journal since this run began: host="


@pytest.fixture
def job(make_job):
    return make_job(scores=False, partitions=2, join=SHORT)


def ended(process):
    """Its status and what it said."""
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    return process.returncode, errors


def wait_for_rows(job):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": job.broker.bootstrap, "group.id": "nobody",
                                         **cluster.QUIET})
    place = confluent_kafka.TopicPartition(job.topic("outcomes"), 0)
    cluster.wait_until(lambda: consumer.get_watermark_offsets(place)[1] > 0, "the first rows", every_s=0.01)
    consumer.close()


def stopped_halfway(job):
    """A bounded run that stands still after some of its commits."""
    process = job.start("run", "--until-end", *SMALL_COMMITS)
    wait_for_rows(job)
    os.kill(process.pid, signal.SIGSTOP)
    assert process.poll() is None
    return process


def test_a_bounded_run_that_stood_still_while_another_one_ran_gives_up(job, tmp_path):
    feed.produce(job, 0, IMPRESSIONS)
    first = stopped_halfway(job)
    job.beside(tmp_path / "other").call("run", "--until-end")
    os.kill(first.pid, signal.SIGCONT)
    status, errors = ended(first)
    assert status == 1 and NOT_ALONE in errors and "a bounded run needs the operator for itself" in errors, errors
    feed.assert_once(job, IMPRESSIONS)
    job.beside(tmp_path / "third").call("run", "--until-end")
    feed.assert_once(job, IMPRESSIONS)


def test_two_bounded_runs_at_the_same_time_write_every_row_once(job, tmp_path):
    """One of them goes on, or both give up: two workers each may each win a journal."""
    feed.produce(job, 0, IMPRESSIONS)
    other = job.beside(tmp_path / "other")
    processes = [one.start("run", "--until-end", *SMALL_COMMITS) for one in (job, other)]
    for process in processes:
        status, errors = ended(process)
        assert status == 0 or status == 1 and NOT_ALONE in errors, errors
    job.call("run", "--until-end")
    feed.assert_once(job, IMPRESSIONS)


def test_a_live_run_started_beside_a_bounded_one_takes_over(job, tmp_path):
    feed.produce(job, 0, IMPRESSIONS)
    bounded, other = stopped_halfway(job), job.beside(tmp_path / "other")
    live = other.start("run")
    cluster.wait_until(lambda: job.positions(job.operator, "impressions", 2) >= IMPRESSIONS, "the live run")
    os.kill(bounded.pid, signal.SIGCONT)
    status, errors = ended(bounded)
    assert status == 1 and NOT_ALONE in errors and f"pid={live.pid} " in errors, errors
    live.terminate()
    status, errors = ended(live)
    assert status == 0, errors
    job.call("run", "--until-end")
    feed.assert_once(job, IMPRESSIONS)


def test_a_live_run_that_stood_still_while_a_bounded_one_ran_goes_on_behind_it(job, tmp_path):
    feed.produce(job, 0, IMPRESSIONS)
    live = job.start("run", *SMALL_COMMITS)
    wait_for_rows(job)
    os.kill(live.pid, signal.SIGSTOP)
    job.wait_until_left()  # its session has run out
    job.beside(tmp_path / "other").call("run", "--until-end")
    os.kill(live.pid, signal.SIGCONT)
    feed.produce(job, IMPRESSIONS, IMPRESSIONS + 1_000)
    cluster.wait_until(lambda: job.positions(job.operator, "impressions", 2) >= IMPRESSIONS + 1_000, "the live run")
    live.terminate()
    status, errors = ended(live)
    assert status == 0, errors
    job.call("run", "--until-end")
    feed.assert_once(job, IMPRESSIONS + 1_000)


def test_one_data_directory_is_for_one_process(job):
    first = job.start("run")
    cluster.wait_until(lambda: job.broker.group_members(job.group) == 1, "the first member")
    assert re.search(rf"is held by process {first.pid}:", job.call("run", status=1).stderr)
    job.produce("impressions", [])  # commands that write go on beside it
    first.terminate()
    assert ended(first)[0] == 0


def test_a_copied_data_directory_gets_a_name_of_its_own(job, tmp_path):
    feed.produce(job, 0, 1_000)
    job.call("run", "--until-end")
    other = job.beside(tmp_path / "copy")
    shutil.copytree(job.directory, other.directory)
    processes = [one.start("run") for one in (job, other)]
    cluster.wait_until(lambda: job.broker.group_members(job.group) == 2, "both members")
    feed.produce(job, 1_000, 20_000)
    cluster.wait_until(lambda: job.positions(job.operator, "impressions", 2) >= 20_000, "all that was produced")
    for process, drawn in zip(processes, (False, True)):
        process.terminate()
        status, errors = ended(process)
        assert status == 0 and ("identity_drawn_anew" in errors) == drawn, errors
        assert "fenced" not in errors, errors
    job.wait_until_left()
    job.call("run", "--until-end")
    feed.assert_once(job, 20_000)


def test_an_instance_that_is_given_twice_is_named(job, tmp_path):
    feed.produce(job, 0, 1_000)
    pair = [job.beside(tmp_path / name, "blue") for name in ("a", "b")]
    processes = [one.start("run", *SMALL_COMMITS) for one in pair]

    def one_ended():
        return [process for process in processes if process.poll() is not None]

    feed.produce(job, 1_000, 20_000)
    ended_first = cluster.wait_until(one_ended, "one of them to end")[0]
    status, errors = ended(ended_first)
    assert status == 1 and re.search("under the same instance name|same --instance given twice", errors), errors
    for process in processes:
        if process.poll() is None:
            process.terminate()
            ended(process)
    job.wait_until_left()
    job.beside(tmp_path / "last").call("run", "--until-end")
    feed.assert_once(job, 20_000)
