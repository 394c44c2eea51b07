"""The peak of a process's memory, by its `memory`: README.md, "Where a process's memory goes"."""

import pytest

from tests.flow.job import assert_restored_within, memory_of, under_a_sanitizer
from tests.kafka import feed

MIB = 2**20
BESIDE = 64 * MIB  # what is outside of `memory` here: code, transactions, librdkafka's threads and answers
ROW_BYTES = 9_000
ROWS = 6_000


@pytest.fixture(autouse=True)
def not_under_a_sanitizer():
    if under_a_sanitizer():
        pytest.skip("a sanitizer takes memory of its own")


def test_a_restore_of_more_than_memory_keeps_within_it(make_job):
    """What librdkafka fetches ahead is `memory` too: by default it would hold all of the journals."""
    job = make_job(scores=False)
    feed.produce(job, 0, ROWS, impression=feed.impressions("x" * ROW_BYTES))
    assert_restored_within(job, 16 * MIB, BESIDE)
    feed.assert_once(job, ROWS)


def test_queues_that_memory_is_short_for_are_named(make_job):
    job = make_job(partitions=32)
    text = job.call("run", "--until-end", "--set", "memory=16MiB").stderr
    assert " memory_short what=queues partitions=96 bytes_each=262144 bytes_together=25165824 " in text, text
    assert memory_of(text)[1] < 16 * MIB + BESIDE, text
