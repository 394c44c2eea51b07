"""A cluster of two brokers, of which one is killed: who leads the inputs, who coordinates, both. What has another
leader goes on at once; what has none waits, alone; nothing is lost, and nothing comes twice."""

import pytest

from tests.kafka import cluster, crew, feed

JOIN = {"window": "5s", "before": "2s", "grace": "1s", "correction_horizon": "10s", "orphan_wait": "5s"}
OFTEN = ("--set", "commit_interval=50ms")
IMPRESSIONS = 8_000


@pytest.fixture
def make_pair_job(pair, make_job):
    def make(leaders, replicas=2, **rest):
        """`leaders`: by topic, of each partition; of the other topics the cluster chooses."""
        job = make_job(on=pair, create=False, join=JOIN, partitions=4, **rest)
        for topic, of in leaders.items():
            pair.place(job.topic(topic), of, replicas)
        job.create_topics()
        return job

    return make


def behind(job):
    """By partition of the impressions: how many the group has behind it."""
    return job.committed(job.operator, "impressions", 4)


def finish(job, process, impressions):
    process.terminate()
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == 0, errors
    job.wait_until_left()
    job.call("run", "--until-end")
    feed.assert_once(job, impressions)
    return errors


def test_where_a_leader_dies_the_next_one_is_used_at_once(pair, make_pair_job):
    """All inputs are led by the one that dies. One is quiet: where it ends is asked for again and again, while the
    others have records for longer than an answer is believed."""
    job = make_pair_job({"impressions": [2] * 4, "engagements": [2] * 4, "ranker_scores": [2] * 4},
                        topic={"idle_after": "1h"})
    feed.produce(job, 0, IMPRESSIONS // 2)
    process = job.start("run", *OFTEN)
    cluster.wait_until(lambda: sum(behind(job)) >= IMPRESSIONS // 2, "the first half")
    pair.second.kill()
    cluster.wait_until(lambda: pair.leaders(job.topic("impressions")) == [1] * 4, "another leader")
    feed.produce(job, IMPRESSIONS // 2, IMPRESSIONS, per_s=600)
    cluster.wait_until(lambda: sum(behind(job)) >= IMPRESSIONS, "the second half")
    finish(job, process, IMPRESSIONS)


def test_a_partition_without_a_leader_holds_up_its_own_task_only(pair, make_pair_job):
    """It has none when the run starts: that is no reason to end, and the others go on and commit."""
    job = make_pair_job({"impressions": [1, 2, 1, 1]}, replicas=1, topic={"idle_after": "1h"})
    feed.produce(job, 0, IMPRESSIONS)
    partitions = [message.partition() for message in job.messages("impressions")]
    counts = [partitions.count(number) for number in range(4)]
    pair.second.kill()
    cluster.wait_until(lambda: pair.leaders(job.topic("impressions")) == [1, -1, 1, 1], "no leader of partition 1")
    process = job.start("run", *OFTEN)
    cluster.wait_until(lambda: behind(job) == [counts[0], 0, counts[2], counts[3]], "all but partition 1")
    pair.second.restart()
    cluster.wait_until(lambda: behind(job) == counts, "partition 1")
    errors = finish(job, process, IMPRESSIONS)
    assert any(" retry " in line and " task=1 " in line for line in errors.splitlines()), errors


def test_processes_and_brokers_that_are_killed_change_nothing(pair, make_pair_job, tmp_path):
    """The short form of tools/kafka/soak brokers."""
    job = make_pair_job({}, topic=crew.TOPIC)
    people = crew.Crew(job, tmp_path, static=True, count=2)
    try:
        impressions = people.under_fire(pair, kills=4, broker_kills=2, impressions_per_s=500)
        people.finish()
    finally:
        people.abandon()
    assert not people.failures, people.failures
    feed.assert_once(job, impressions)
