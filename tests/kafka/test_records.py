"""What may happen to records between a producer and us: bytes that change on the way, times that the broker sets."""

import json
import time

from tests.kafka import cluster, feed

FIRST, ALL = 500, 1_000
DAMAGED = feed.impression_id(FIRST + 7)
FLIPPED = DAMAGED.replace(b"i", b"h")


def flip(broker, topic, text, into):
    """Where the broker reads it from."""
    [segment] = (broker.directory / "data" / f"{topic}-0").glob("*.log")
    with open(segment, "r+b") as file:
        file.seek(file.read().index(text))
        file.write(into)


def produce_wide(job, number):
    """A batch of one record. Behind a damaged batch librdkafka goes on at a place in it: here it finds no batch that it
    knows the version of."""
    producer = job.broker.producer(partitioner="murmur2_random")
    key = feed.impression_id(number)
    producer.produce(job.topic("impressions"),
                     feed.impressions("home", platform="x" * 1000).encode(key, feed.varint(feed.shown_at(number))), key)
    assert producer.flush(cluster.TIMEOUT_S) == 0


def test_a_damaged_batch_is_named_and_read_again_until_it_is_whole_or_outage_has_passed(private_broker, make_job,
                                                                                         tmp_path):
    job = make_job(on=private_broker, partitions=1, scores=False)
    feed.produce(job, 0, FIRST + 7)
    job.call("run", "--until-end")
    produce_wide(job, FIRST + 7)
    flip(private_broker, job.topic("impressions"), DAMAGED, FLIPPED)
    text = f"reading topic '{job.topic('impressions')}' partition 0 from offset {FIRST + 7}: a batch is damaged"
    errors = job.call("run", "--until-end", "--set", "outage=2s", status=1).stderr
    assert text in errors and "CRC32C" in errors, errors
    with open(tmp_path / "said", "w", encoding="utf-8") as said:
        process = job.launch("run", "--until-end", stderr=said)
        cluster.wait_until(lambda: text in (tmp_path / "said").read_text(encoding="utf-8"), "the error")
        flip(private_broker, job.topic("impressions"), FLIPPED, DAMAGED)
        assert process.wait(cluster.TIMEOUT_S) == 0
    assert len(job.outcomes()) == FIRST + 8


def test_a_damaged_batch_among_others_ends_the_process_with_a_text_and_nothing_of_it_is_taken(private_broker, make_job):
    """librdkafka loses its place in the broker's answer."""
    job = make_job(on=private_broker, partitions=1, scores=False)
    for first in range(0, ALL, FIRST // 2):
        feed.produce(job, first, first + FIRST // 2)
    flip(private_broker, job.topic("impressions"), DAMAGED, FLIPPED)
    errors = job.call("run", "--until-end", "--set", "outage=2s", status=1).stderr
    assert "a batch is damaged" in errors, errors
    assert sum(job.committed(job.operator, "impressions", 1)) <= FIRST
    flip(private_broker, job.topic("impressions"), FLIPPED, DAMAGED)
    job.call("run", "--until-end")
    feed.assert_once(job, ALL)


def test_times_that_the_broker_sets_do_not_stand_in_for_those_of_the_events(broker, make_job):
    job = make_job(partitions=1, scores=False)
    for topic in ("impressions", "engagements"):
        broker.tool("ConfigCommand", "--alter", "--entity-type", "topics", "--entity-name", job.topic(topic),
                    "--add-config", "message.timestamp.type=LogAppendTime")
    before = time.time() * 1000
    feed.produce(job, 0, ALL)
    job.call("run", "--until-end")
    feed.assert_once(job, ALL)
    rows = [json.loads(line) for line in
            job.call("consume", job.topic("impressions"), "--until-end", "--with-metadata").stdout.splitlines()]
    assert len(rows) == ALL
    assert all(before - 1000 <= row["timestamp"] <= time.time() * 1000 + 1000 for row in rows)
