"""A journal that has lost its beginning, its end, or everything, is noticed before a row is written."""

import re

import pytest

from tests.kafka import cluster, feed

IMPRESSIONS = 2_000
SMALL_COMMITS = ("--set", "commit_bytes=64KiB", "--set", "commit_interval=50ms")


@pytest.fixture
def job(make_job, tmp_path):
    """Its task stands in many blocks, and the next run of it is on another machine."""
    job = make_job(scores=False, partitions=1)
    feed.produce(job, 0, IMPRESSIONS)
    job.call("run", "--until-end", *SMALL_COMMITS)
    return job.beside(tmp_path / "elsewhere")


def journal_end(job):
    return max(message.offset() for message in job.messages(job.journal)) + 2


def test_a_journal_without_its_beginning_is_refused(job):
    before = len(job.outcomes())
    job.delete_records(job.journal, 0, journal_end(job) - 2)
    for arguments in ([], ["--new-journal"]):
        errors = job.call("run", "--until-end", *arguments, status=1).stderr
        assert f"its journal {job.journal} partition 0 begins at block " in errors, errors
        assert re.search(r"and is needed from block \d+ on", errors), errors
    assert len(job.outcomes()) == before


def test_a_journal_that_was_emptied_is_refused_or_begun_anew_on_demand(job):
    before = len(job.outcomes())
    job.delete_records(job.journal, 0, journal_end(job))
    errors = job.call("run", "--until-end", status=1).stderr
    assert "has no block, and begins at offset " in errors and "--new-journal" in errors, errors
    assert len(job.outcomes()) == before
    assert "journal_begun_anew" in job.call("run", "--until-end", "--new-journal").stderr
    assert len(job.outcomes()) == 2 * before
    job.call("run", "--until-end")
    assert len(job.outcomes()) == 2 * before


def test_a_journal_that_was_made_anew_is_refused_or_begun_anew_on_demand(job):
    before = len(job.outcomes())
    admin = job.broker.admin()
    for future in admin.delete_topics([job.journal]).values():
        future.result(cluster.TIMEOUT_S)
    cluster.wait_until(lambda: job.journal not in admin.list_topics(timeout=10).topics, "the journal to be gone")
    job.create_topics()
    errors = job.call("run", "--until-end", status=1).stderr
    assert f"is empty, and its group {job.group} has committed up to offset " in errors, errors
    assert len(job.outcomes()) == before
    job.call("run", "--until-end", "--new-journal")
    assert len(job.outcomes()) == 2 * before
    job.call("run", "--until-end")
    assert len(job.outcomes()) == 2 * before


def test_a_journal_without_its_last_blocks_is_refused_or_gone_on_with_on_demand(job):
    """The first offset that the last commit and its marker do not account for is one too many."""
    before, end = len(job.outcomes()), journal_end(job)
    assert job.committed(job.operator, job.journal, 1) == [end]
    job.commit(job.journal, 0, end + 1)  # as if the journal had lost what was there
    errors = job.call("run", "--until-end", status=1).stderr
    assert f"its journal {job.journal} partition 0 ends at offset {end} with the block at offset {end - 2}" in errors
    assert f"its group {job.group} has committed up to offset {end + 1} of it" in errors, errors
    assert "retry operator=" in errors and "run --short-journal once" in errors, errors
    assert len(job.outcomes()) == before
    assert "journal_short" in job.call("run", "--until-end", "--short-journal").stderr
    assert job.committed(job.operator, job.journal, 1) == [journal_end(job)]
    job.call("run", "--until-end")
    assert len(job.outcomes()) == before
