"""rescale on a broker: 4 to 8 partitions, killed on the way, with rows that go on as if there had always been 8."""

import re

import confluent_kafka.admin
import pytest

from tests.kafka import cluster, feed

INPUTS = ("impressions", "engagements")
IMPRESSIONS = 2_000


@pytest.fixture
def job(make_job):
    return make_job(scores=False, partitions=4)


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


def engage_once_more(job):
    producer = job.broker.producer(**feed.SETTINGS)
    for number in range(IMPRESSIONS):
        key = feed.impression_id(number)
        value = feed.ENGAGEMENT.encode(b"e%09d-9" % number, key, feed.varint(feed.shown_at(number) + 1_000))
        producer.produce(job.topic("engagements"), value, key)
    producer.flush()


def rescale(job, status=0):
    return job.call("rescale", job.operator, "--partitions", 8, status=status)


def check(job):
    """Each impression has its first row and one correction, which counts what was known before the rescale."""
    seen = feed.Check(IMPRESSIONS)
    cluster.read(job.broker.bootstrap, job.topic("outcomes"), seen.add)
    assert seen.repeated() == 0 and seen.missing() == []
    wrong = [number for number, (revision, engagements) in seen.last.items()
             if (revision, engagements) != (2, feed.engagements_of(number) + 1)]
    assert wrong == []


def before(job):
    feed.produce(job, 0, IMPRESSIONS)
    job.call("run", "--until-end")
    raise_partitions(job, 8)
    set_partitions(job, 8)


def test_state_goes_from_4_tasks_to_8(job):
    before(job)
    assert f"rescale {job.topology} {job.operator} --partitions 8" in job.call("run", "--until-end", status=1).stderr
    done = rescale(job)
    assert f"read by nobody: {job.journal} (to be deleted" in done.stderr
    counts = done.stdout.splitlines()[1].split()
    assert counts == ["impressions", str(IMPRESSIONS), str(IMPRESSIONS), str(IMPRESSIONS), str(IMPRESSIONS)]
    admin = job.broker.admin()  # held: an answer never comes to a client that is gone
    admin.delete_topics([job.journal])[job.journal].result(cluster.TIMEOUT_S)
    engage_once_more(job)
    job.call("run", "--until-end")
    check(job)


@pytest.mark.parametrize("point", ("split:1", "counted:1", "split:2", "switched:1"))
def test_killed_anywhere_the_next_call_finishes_it(job, point):
    before(job)
    killed = job.start("rescale", job.operator, "--partitions", 8, env=cluster.crash_at(point))
    _, errors = killed.communicate(timeout=cluster.TIMEOUT_S)
    assert killed.returncode == -9, errors
    rescale(job)
    engage_once_more(job)
    job.call("run", "--until-end")
    check(job)


def test_a_transaction_that_is_open_in_the_journal_is_waited_for_and_what_decides_it_is_no_rival(job):
    """As the last commit of a run that ended a moment ago may be, on a busy broker."""
    before(job)
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
    engage_once_more(job)
    job.call("run", "--until-end")
    check(job)


def test_records_that_were_not_read_under_the_old_count_are_refused(job):
    feed.produce(job, 0, IMPRESSIONS)
    job.call("run", "--until-end")
    feed.produce(job, IMPRESSIONS, 2 * IMPRESSIONS)
    raise_partitions(job, 8)
    set_partitions(job, 8)
    assert "belong to another of 8 partitions" in rescale(job, status=1).stderr


def test_topics_that_were_not_raised_are_refused_with_the_command(job):
    feed.produce(job, 0, 100)
    job.call("run", "--until-end")
    set_partitions(job, 8)
    assert f"kafka-topics --alter --topic {job.topic('impressions')} --partitions 8" in rescale(job, status=1).stderr


def test_an_operator_that_runs_is_not_rescaled(job, tmp_path):
    before(job)
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
