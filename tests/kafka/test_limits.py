"""What the broker takes, and how long it waits: a topic's max.message.bytes, a transaction's timeout."""

import re

import pytest

from tests.kafka import cluster, feed

ROWS = 2_000


def limit(job, topic, size):
    job.broker.tool("ConfigCommand", "--alter", "--entity-type", "topics", "--entity-name", topic,
                    "--add-config", f"max.message.bytes={size}")


def produce_wide(job, number, size):
    """One impression whose row has about `size` bytes."""
    producer = job.broker.producer(partitioner="murmur2_random")
    key = feed.impression_id(number)
    producer.produce(job.topic("impressions"),
                     feed.impressions("x" * size).encode(key, feed.varint(feed.shown_at(number))), key)
    assert producer.flush(cluster.TIMEOUT_S) == 0


def test_batches_are_as_large_as_the_topic_takes(make_job):
    job = make_job(partitions=1, scores=False)
    limit(job, job.topic("outcomes"), 20_000)
    feed.produce(job, 0, ROWS)
    job.call("run", "--until-end")
    feed.assert_once(job, ROWS)
    assert job.dead_letters() == []


def test_a_row_that_its_topic_does_not_take_is_one_dead_letter_and_all_others_are_there(make_job):
    """A window's row: there is no record to blame, so the letter is the row."""
    job = make_job(partitions=1, scores=False)
    limit(job, job.topic("outcomes"), 20_000)
    feed.produce(job, 0, ROWS)
    produce_wide(job, ROWS, 30_000)
    job.call("run", "--until-end")
    feed.assert_once(job, ROWS)
    letters = job.dead_letters()
    assert [(letter["topic"], letter["offset"]) for letter in letters] == [(job.topic("outcomes"), -1)]
    assert re.match(rf"a record of 30\d\d\d bytes for topic '{job.topic('outcomes')}': expected at most 19872",
                    letters[0]["reason"]), letters[0]["reason"]


def test_message_max_bytes_that_is_less_than_a_journal_needs_is_refused(make_job):
    job = make_job(partitions=1, scores=False, log={"message.max.bytes": 20_000}, create=False)
    errors = job.call("topics", status=1).stderr
    assert 'log: message.max.bytes is "20000"; expected a number from 1000000 to ' in errors, errors


def test_a_letter_is_cut_to_what_its_own_topic_takes(private_broker, make_job):
    job = make_job(on=private_broker, partitions=1, scores=False)
    limit(job, job.topic("outcomes"), 20_000)
    limit(job, job.letters, 8_000)
    produce_wide(job, 0, 30_000)
    job.call("run", "--until-end")
    letter, = job.dead_letters()
    assert letter["reason"].endswith("bytes of its value are kept)"), letter["reason"]
    assert 4_000 < len(letter["value"]) < 8_000


@pytest.mark.parametrize("guarantee", ("exactly_once", "at_least_once"))
def test_a_limit_that_is_lowered_while_it_runs_costs_one_transaction(make_job, guarantee):
    job = make_job(partitions=1, scores=False, guarantee=guarantee, join={"window": "2s", "grace": "0s"},
                   topic={"idle_after": "1h"})
    feed.produce(job, 0, ROWS)
    process = job.start("run")
    cluster.wait_until(lambda: job.messages("outcomes"), "the first rows")
    limit(job, job.topic("outcomes"), 3_000)
    feed.produce(job, ROWS, 4 * ROWS)
    cluster.wait_until(lambda: len(job.messages("outcomes")) >= 3 * ROWS, "the rows behind them")
    process.terminate()
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == 0, errors
    assert len(re.findall(r"warn batch_refused .*lowered=true", errors)) == 1, errors
    assert len(re.findall(r"warn abort ", errors)) == 1, errors
    assert job.dead_letters() == []


def test_a_journal_whose_topic_takes_too_little_is_refused_with_what_to_do(make_job):
    job = make_job(partitions=1, scores=False)
    limit(job, job.journal, 500_000)
    feed.produce(job, 0, 10)
    errors = job.call("run", "--until-end", status=1).stderr
    assert f"topic {job.journal} takes records of 499872 bytes; a journal needs 950000: " \
           "raise its max.message.bytes to 1048588" in errors, errors
