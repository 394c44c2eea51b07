"""The join on a real broker: its rows, read by programs that are not ours, are those of the reference; what others
wrote is joined with what we wrote."""

import base64
import collections
import os
import re
import subprocess
import time

import pytest

from tests.flow.test_join import produced, random_feed
from tests.flow.test_join_random import START, by_partition, expected, of_topic
from tests.kafka import cluster
from tests.reference import join_reference

SEPARATOR = "|-Isotope-|"
OUTPUTS = ("outcomes", "exploration_events", "late_engagements", "orphan_engagements", "hindsight_scores",
           "late_impressions")
SCHEMAS = dict(zip(OUTPUTS, ("outcome", "outcome", "engagement", "engagement", "ranker_score", "impression")))


@pytest.fixture
def job(make_job):
    return make_job()


@pytest.mark.parametrize("workers", (1, 2))
def test_a_bounded_run_gives_the_rows_of_the_reference(job, workers):
    records = random_feed(workers, 2_000)
    produced(job, records)
    job.call("run", "--until-end", "--set", f"workers={workers}")
    wanted = expected(records, 4, {})
    assert job.dead_letters() == []
    for topic in OUTPUTS:
        found = [[] for _ in range(4)]
        for message in job.messages(topic):
            row = cluster.decoded(SCHEMAS[topic], message.value())
            assert message.key().decode() == row["impression_id"]
            found[message.partition()].append(row)
        assert found == wanted[topic], topic
        assert by_partition(job.rows(topic), 4) == wanted[topic], topic


def test_rows_that_become_visible_while_it_runs_are_those_of_a_bounded_run(job):
    """Live: whole windows only, and nothing that the watermark has not passed."""
    records = random_feed(11, 4_000)
    produced(job, records)
    process = job.start("run", "--set", f"topics.{job.topic('impressions')}.idle_after=1h")
    cluster.wait_until(lambda: job.messages("outcomes"), "the first rows")
    process.terminate()
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == 0, errors
    live = len(job.outcomes())
    job.call("run", "--until-end")
    wanted = expected(records, 4, {})
    assert by_partition(job.outcomes(), 4) == wanted["outcomes"]
    assert 0 < live < 4_000


def kcat_values(job, topic):
    command = ["kcat", "-C", "-q", "-b", job.broker.bootstrap, "-t", job.topic(topic), "-o", "beginning", "-e",
               "-X", "isolation.level=read_committed", "-f", "%R%s"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=cluster.TIMEOUT_S)
    values, rest = [], done.stdout
    while rest:
        size = 4 + int.from_bytes(rest[:4], "big")
        values.append(rest[4:size])
        rest = rest[size:]
    return values


def java_values(job, topic, count):
    """Where a record comes twice, or one of an aborted transaction, another one is missing among the first `count`."""
    option = "--formatter-property" if os.environ.get("KAFKA_VERSION", "3") >= "4" else "--property"
    out = job.broker.tool("ConsoleConsumer", "--topic", job.topic(topic), "--from-beginning", "--isolation-level",
                          "read_committed", "--max-messages", count, option, f"line.separator={SEPARATOR}")
    return out.split(SEPARATOR.encode())[:-1]


def test_kcat_and_javas_console_consumer_read_the_same_bytes(job):
    """After a run that was killed in the middle of a transaction: what it left is hidden from them."""
    produced(job, random_feed(3, 4_000))
    crashed = job.start("run", "--until-end", "--set", "commit_bytes=64KiB", env=cluster.crash_at("sent:3"))
    assert crashed.wait(cluster.TIMEOUT_S) == -9, crashed.communicate()
    job.call("run", "--until-end")
    values = sorted(message.value() for message in job.messages("outcomes"))
    assert len(values) >= 4_000
    assert len(job.messages("outcomes", "read_uncommitted")) > len(values), "nothing was aborted"
    assert sorted(kcat_values(job, "outcomes")) == values
    assert sorted(java_values(job, "outcomes", len(values))) == values


def impression(key, number):
    return cluster.encoded("impression", {**join_reference.IMPRESSION_DEFAULTS, "impression_id": key,
                                          "user_id_token": "u", "item_id": "x", "position": 0,
                                          "shown_at": START + number, "source": "ranked"})


def clicks(keys):
    return [{"engagement_id": f"e{i}", "impression_id": key, "user_id_token": "u", "item_id": "x", "action": "click",
             "occurred_at": START + i + 10} for i, key in enumerate(keys)]


def test_what_javas_producer_wrote_is_joined_with_what_we_wrote(job):
    keys, topic = [f"clé-{i}" for i in range(2_000)], job.topic("impressions")
    lines = [f"{topic} {key} {base64.b64encode(impression(key, i)).decode()}" for i, key in enumerate(keys)]
    out = job.broker.java(cluster.ROOT / "tests" / "kafka" / "JavaProducer.java", given="\n".join(lines).encode())
    job.produce("engagements", clicks(keys))
    done = job.call("run", "--until-end")
    rows = job.outcomes()
    assert len(rows) == 2_000 and all(row["n_engagements"] == 1 for row in rows)
    assert "misplaced_key" not in done.stderr
    places = dict(line.rsplit(" ", 1) for line in out.decode().splitlines())
    assert places == {message.key().decode(): str(message.partition()) for message in job.messages("outcomes")}


def test_records_of_another_partitioner_are_reported_once_a_topic(job):
    """librdkafka's own default is CRC32 of the key: most of its records are not where a join looks for them."""
    producer = job.broker.producer()
    keys = [f"i{i}" for i in range(500)]
    for i, key in enumerate(keys):
        producer.produce(job.topic("impressions"), impression(key, i), key)
    producer.flush()
    job.produce("engagements", clicks(keys))
    done = job.call("run", "--until-end")
    said = collections.Counter(re.findall(r"warn misplaced_key .*?\btopic=(\S+)", done.stderr))
    assert said == {job.topic("impressions"): 1}


def send_impressions(job, rows):
    """Rows with the timestamp of their message."""
    producer = job.broker.producer(partitioner="murmur2_random")
    for number, shown_at, timestamp in rows:
        row = {"impression_id": f"i{number}", "user_id_token": "u", "item_id": "x", "position": 0,
               "shown_at": shown_at, "source": "ranked"}
        producer.produce(job.topic("impressions"), key=row["impression_id"], value=cluster.encoded("impression", row),
                         timestamp=timestamp)
    producer.flush()


def test_a_timestamp_from_the_producers_own_clock_opens_no_door(make_job):
    """Kafka Streams, Flink and Connect set it to the event time: one of 2099 says nothing about the other."""
    job, far = make_job(partitions=1), 4_070_908_800_000
    now = int(time.time() * 1000)
    send_impressions(job, [(0, far, far), *((i, now + i, now + i) for i in range(1, 90))])
    job.call("run", "--until-end")
    [letter] = job.dead_letters()
    assert "shown_at 2099-01-01T00:00:00.000Z is more than max_ahead" in letter["reason"]
    assert "ahead of this machine's clock" in letter["reason"]
    send_impressions(job, [(i, now + i, now + i) for i in range(100, 200)])
    job.call("run", "--until-end")
    assert len(job.outcomes()) == 189
    assert len(job.dead_letters()) == 1


def test_a_record_without_a_timestamp_is_a_record_like_others(make_job):
    job, now = make_job(partitions=1), int(time.time() * 1000)
    send_impressions(job, [(0, now - 3_600_000, -1), (1, now - 3_600_000, now)])
    job.call("run", "--until-end")
    assert job.dead_letters() == [] and len(job.outcomes()) == 2
    assert [row["timestamp"] for row in job.rows("impressions", "--with-metadata")] == [None, now]


def test_records_without_a_value_are_counted_and_stop_nobody(make_job):
    """Deletions in an input, as an erasure writes them: three hundred of them are no bad deployment."""
    job, now = make_job(partitions=1), int(time.time() * 1000)
    send_impressions(job, [(0, now, now)])
    producer = job.broker.producer(partitioner="murmur2_random")
    for number in range(300):
        producer.produce(job.topic("impressions"), key=f"i{number}", value=None)
    producer.flush()
    send_impressions(job, [(1, now, now)])
    done = job.call("run", "--until-end")
    assert "deletions=300" in done.stderr
    assert job.dead_letters() == [] and len(job.outcomes()) == 2
