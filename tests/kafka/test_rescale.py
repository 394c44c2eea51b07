"""rescale on a broker: killed on the way, as the runs before and after it, and the rows go on as if there had always
been as many partitions. Whole rows are held against a batch computation."""

import re

import confluent_kafka.admin
import pytest

from tests.flow.two_halves import INPUTS, check, halves, parameters, produce
from tests.kafka import cluster



def set_partitions(job, count):
    text = job.topology.read_text(encoding="utf-8")
    for topic in INPUTS:
        text = re.sub(rf"^(  {job.topic(topic)}:.*partitions: )\d+", rf"\g<1>{count}", text, flags=re.M)
    job.topology.write_text(text, encoding="utf-8")


def raise_partitions(job, count):
    admin = job.broker.admin()
    new = [confluent_kafka.admin.NewPartitions(job.topic(topic), count) for topic in INPUTS]
    for future in admin.create_partitions(new).values():
        future.result(cluster.TIMEOUT_S)
    cluster.wait_until(lambda: all(len(admin.list_topics(job.topic(topic), 10).topics[job.topic(topic)].partitions) ==
                                   count for topic in INPUTS), "the partitions")


def run(job):
    return job.call("run", "--until-end", *parameters(job.operator))


def rescale(job, count=8, status=0):
    return job.call("rescale", job.operator, "--partitions", count, status=status)


def raise_to(job, count):
    raise_partitions(job, count)
    set_partitions(job, count)


def before(make_job, count=4, after=8, seed=1):
    """A job with state, whose topics have been raised; and the two halves of its feed."""
    job, (first, second) = make_job(partitions=count), halves(seed)
    produce(job, first)
    assert job.run_killed(*parameters(job.operator), point="committed:1")
    run(job)
    raise_to(job, after)
    return job, first, second


def after(job, first, second):
    """The other half of the feed."""
    produce(job, second)
    assert job.run_killed(*parameters(job.operator), point="positions:1")
    run(job)
    check(job, first, second)


def test_state_goes_from_4_tasks_to_8_and_the_old_journal_may_be_deleted(make_job):
    job, first, second = before(make_job)
    assert f"rescale {job.topology} {job.operator} --partitions 8" in job.call("run", "--until-end", status=1).stderr
    done = rescale(job)
    assert f"read by nobody: {job.journal} (to be deleted" in done.stderr
    assert done.stdout.splitlines()[1].split() == ["impressions", "540", "540", "540", "540"]
    admin = job.broker.admin()  # held: an answer never comes to a client that is gone
    admin.delete_topics([job.journal])[job.journal].result(cluster.TIMEOUT_S)
    after(job, first, second)


@pytest.mark.parametrize("count, to, point", [(4, 8, "split:1"), (3, 5, "counted:1"), (4, 8, "split:2"),
                                              (3, 5, "switched:1")])
def test_killed_anywhere_the_next_call_finishes_it(make_job, count, to, point):
    job, first, second = before(make_job, count, to)
    killed = job.start("rescale", job.operator, "--partitions", to, env=cluster.crash_at(point))
    _, errors = killed.communicate(timeout=cluster.TIMEOUT_S)
    assert killed.returncode == -9, errors
    rescale(job, to)
    after(job, first, second)


def test_a_transaction_that_is_open_in_the_journal_is_waited_for_and_what_decides_it_is_no_rival(make_job):
    """As the last commit of a run that ended a moment ago may be, on a busy broker."""
    job, first, second = before(make_job)
    other = job.broker.producer(**{"transactional.id": f"{job.name}-other"})
    other.init_transactions(cluster.TIMEOUT_S)
    other.begin_transaction()
    other.produce(job.journal, b"never to be seen", partition=0)
    other.flush()
    process = job.start("rescale", job.operator, "--partitions", 8)
    admin = job.broker.admin()
    cluster.wait_until(lambda: f"{job.journal}.2" in admin.list_topics(timeout=10).topics, "the new journal")
    other.abort_transaction(cluster.TIMEOUT_S)
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == 0, errors
    after(job, first, second)


def test_a_journal_that_has_lost_its_last_blocks_is_refused_and_nothing_is_changed(make_job):
    job, first, second = before(make_job)
    position = job.committed(job.operator, job.journal, 4)[1]
    job.commit(job.journal, 1, position + 1)
    refused = rescale(job, status=1).stderr
    assert "task 1: its last block is at offset" in refused and "its last blocks are lost" in refused, refused
    job.commit(job.journal, 1, position)
    rescale(job)
    after(job, first, second)


def test_a_journal_that_has_lost_its_first_blocks_is_refused(make_job):
    job, _, _ = before(make_job)
    for partition, end in enumerate(job.committed(job.operator, job.journal, 4)):
        job.delete_records(job.journal, partition, end - 2)
    assert "something has removed records of it; restore the topic from a copy" in rescale(job, status=1).stderr


def test_records_that_were_not_read_under_the_old_count_are_refused(make_job):
    job, (first, second) = make_job(partitions=4), halves(1)
    produce(job, first)
    run(job)
    produce(job, second)
    raise_to(job, 8)
    assert "belong to another of 8 partitions" in rescale(job, status=1).stderr
    set_partitions(job, 4)
    assert "has 8 partitions, not 4" in job.call("run", "--until-end", status=1).stderr
    job.call("run", "--until-end", "--old-partitions", *parameters(job.operator))
    set_partitions(job, 8)
    rescale(job)
    run(job)
    check(job, first, second)


def test_records_that_were_written_after_the_topics_were_raised_are_not_read_with_the_old_number(make_job):
    job, (first, second) = make_job(partitions=3), halves(1)
    produce(job, first)
    run(job)
    raise_to(job, 5)
    produce(job, second)
    set_partitions(job, 3)
    done = job.call("run", "--until-end", "--old-partitions", status=1)
    assert "was written after the topic was raised" in done.stderr


def test_topics_that_were_not_raised_are_refused_with_the_command(make_job):
    job = make_job(partitions=4)
    produce(job, halves(1)[0])
    run(job)
    set_partitions(job, 8)
    assert f"kafka-topics --alter --topic {job.topic('impressions')} --partitions 8" in rescale(job, status=1).stderr


def test_an_operator_that_runs_is_not_rescaled(make_job, tmp_path):
    job, _, _ = before(make_job)
    set_partitions(job, 4)
    running = job.beside(tmp_path / "running")
    consumer = confluent_kafka.Consumer({"bootstrap.servers": job.broker.bootstrap, "group.id": job.group,
                                         **cluster.QUIET})
    consumer.subscribe([job.journal])
    cluster.wait_until(lambda: consumer.poll(0.1) is None and job.broker.group_members(job.group) == 1, "a member")
    set_partitions(job, 8)
    assert "member" in running.call("rescale", job.operator, "--partitions", 8, status=1).stderr
    consumer.close()
    rescale(job)
