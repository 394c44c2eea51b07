"""The peak of a process's memory, by its `memory`: README.md, "Where a process's memory goes"."""

import base64

import pytest

from tests.flow.job import Job, assert_restored_within, memory_of, under_a_sanitizer
from tests.kafka import feed

MIB = 2**20
BESIDE = 48 * MIB  # what is outside of `memory` here: code, readers, transactions, threads
ROW_BYTES = 9_000
ROWS = 6_000


@pytest.fixture(autouse=True)
def not_under_a_sanitizer():
    if under_a_sanitizer():
        pytest.skip("a sanitizer takes memory of its own")


def test_a_restore_of_more_than_memory_keeps_within_it(tmp_path):
    job = Job(tmp_path / "data")
    wide = feed.impressions("x" * ROW_BYTES)
    lines = (base64.b64encode(value).decode() for topic, _, value in feed.records(0, ROWS, wide)
             if topic == "impressions")
    job.call("produce", "impressions", "--raw", given="\n".join(lines))
    assert_restored_within(job, 16 * MIB, BESIDE)


def test_a_memory_that_is_short_for_its_tasks_is_named(tmp_path):
    job = Job(tmp_path / "data")
    sets = [word for topic in ("impressions", "engagements", "ranker_scores")
            for word in ("--set", f"topics.{topic}.partitions=64")]
    text = job.call("run", "--until-end", "--set", "memory=16MiB", *sets).stderr
    assert " memory_short what=caches tasks=64 bytes_each=262144 bytes_together=16777216 " in text, text
    assert memory_of(text)[1] < 16 * MIB + BESIDE, text
