"""A topic that is another one than before, or has another shape, is noticed: names and numbers alone do not tell."""

import pytest

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
    assert "it was read up to offset" in errors and "--new-topics" in errors, errors


