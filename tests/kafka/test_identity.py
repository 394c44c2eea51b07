"""A topic that is another one than before, or has another shape, is noticed: names and numbers alone do not tell."""

import re

import confluent_kafka.admin
import pytest

from tests.flow.stops import Stops
from tests.kafka import cluster, feed


@pytest.fixture
def job(make_job):
    return make_job(scores=False, partitions=2)


def delete_topics(job, *names):
    admin = job.broker.admin()
    for future in admin.delete_topics(list(names)).values():
        future.result(cluster.TIMEOUT_S)
    cluster.wait_until(lambda: not set(names) & set(admin.list_topics(timeout=10).topics), "the topics to be gone")


def make_anew(job, name, number):
    """With `number` impressions from then on, and the same names as before."""
    delete_topics(job, job.topic(name))
    job.create_topics()
    feed.produce(job, 10_000, 10_000 + number)


@pytest.mark.parametrize("elsewhere", (False, True))
def test_an_input_that_was_made_anew_and_has_grown_is_refused_or_read_on_demand(job, tmp_path, elsewhere):
    feed.produce(job, 0, 1_000)
    job.call("run", "--until-end")
    make_anew(job, "impressions", 2_000)
    again = job.beside(tmp_path / "other") if elsewhere else job
    errors = again.call("run", "--until-end", status=1).stderr
    assert f"topic {job.topic('impressions')} partition" in errors, errors
    assert "is not the one that was read before" in errors and "--new-topics" in errors, errors
    assert len(job.outcomes()) == 1_000
    assert "input_begun_anew" in again.call("run", "--until-end", "--new-topics").stderr
    assert len(job.outcomes()) == 3_000
    again.call("run", "--until-end")
    assert len(job.outcomes()) == 3_000


def test_an_input_that_was_made_anew_and_is_shorter_is_refused(job):
    feed.produce(job, 0, 1_000)
    job.call("run", "--until-end")
    make_anew(job, "impressions", 100)
    errors = job.call("run", "--until-end", status=1).stderr
    assert "is not the one that was read before" in errors and "--new-topics" in errors, errors




# ---- while it runs ----

WATCHING = {"topic.metadata.refresh.interval.ms": 500}


def gain_partition(job, name, count):
    new = confluent_kafka.admin.NewPartitions(name, count)
    admin = job.broker.admin()  # held: an answer never comes to a client that is gone
    for future in admin.create_partitions([new]).values():
        future.result(cluster.TIMEOUT_S)


def ended(process):
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    return process.returncode, errors


@pytest.mark.parametrize("which", ("impressions", "journal"))
def test_a_topic_that_gains_partitions_ends_the_run_and_is_refused_at_the_next(make_job, which):
    job = make_job(scores=False, partitions=2, log=WATCHING)
    feed.produce(job, 0, 1_000)
    process = job.start("run")
    cluster.wait_until(lambda: job.positions(job.operator, "impressions", 2) >= 1_000, "the first records")
    name = job.journal if which == "journal" else job.topic(which)
    gain_partition(job, name, 3)
    status, errors = ended(process)
    assert status == 1 and "isotope rescale" in errors, errors
    assert f"topic '{name}' has 3 partitions now, and had 2" in errors or "has gained partitions" in errors, errors
    refused = job.call("run", "--until-end", status=1).stderr
    assert f"'{name}' has 3 partitions, not 2" in refused or (which == "journal" and "is that of 3 tasks" in refused)


def test_a_topic_that_is_deleted_is_said_and_waited_for_until_the_outage_or_a_stop(make_job, tmp_path):
    job = make_job(scores=False, partitions=2, log=WATCHING)
    feed.produce(job, 0, 1_000)
    with Stops(tmp_path, "deleted") as stops:
        waits, gives_up = stops.start(job), stops.start(job.beside(tmp_path / "other"), "--set", "outage=2s")
        cluster.wait_until(lambda: job.positions(job.operator, "impressions", 2) >= 1_000, "the first records")
        job.broker.wait_until_shared(job.group_of(job.operator), 2)
        delete_topics(job, job.topic("impressions"))
        assert gives_up.process.wait(cluster.TIMEOUT_S) == 1
        assert "is not there any more: was it deleted?" in gives_up.text().splitlines()[-1]
        cluster.wait_until(lambda: "is not there any more: was it deleted?" in waits.text(), "a word about it")
        stops.stop("an input is deleted", [waits], 0.5)


def test_a_topic_that_is_made_anew_while_it_is_read_ends_the_run(make_job):
    job = make_job(scores=False, partitions=2, log=WATCHING)
    feed.produce(job, 0, 1_000)
    with open(job.directory.parent / "said", "w", encoding="utf-8") as said:
        process = job.launch("run", stderr=said)
        cluster.wait_until(lambda: job.positions(job.operator, "impressions", 2) >= 1_000, "the first records")
        delete_topics(job, job.topic("impressions"))
        text = job.directory.parent / "said"
        cluster.wait_until(lambda: "is not there any more" in text.read_text(encoding="utf-8"), "a word about it")
        job.create_topics()
        feed.produce(job, 10_000, 12_000)
        assert process.wait(cluster.TIMEOUT_S) == 1
        # By its id, where librdkafka knows it, or by what was read of it.
        assert re.search("was deleted and made anew while it was used|is not the one that was read before",
                         text.read_text(encoding="utf-8"))


# ---- settings of journals ----


@pytest.mark.parametrize("setting, value", (("retention.ms", "604800000"), ("retention.bytes", "1000000"),
                                            ("cleanup.policy", "compact,delete")))
def test_a_journal_that_would_lose_records_is_refused_with_the_command_that_mends_it(job, setting, value):
    settings = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    resource = confluent_kafka.admin.ConfigResource("topic", job.journal, set_config={**settings, setting: value})
    admin = job.broker.admin()
    for future in admin.alter_configs([resource]).values():
        future.result(cluster.TIMEOUT_S)
    errors = job.call("run", "--until-end", status=1).stderr
    assert f"topic '{job.journal}' is a journal and has {setting}={value}" in errors, errors
    command = errors[errors.index("kafka-configs.sh ") + len("kafka-configs.sh "):].split()
    assert f"has {setting}={value}" in job.call("topics").stderr
    job.broker.tool("ConfigCommand", *command)
    job.call("run", "--until-end")
    assert setting not in job.call("topics").stderr
