import pytest

from tests.flow.job import under_the_thread_sanitizer
from tests.kafka import cluster


@pytest.fixture(autouse=True, scope="session")
def not_under_the_thread_sanitizer():
    """librdkafka starts its threads with C11's thrd_create, which the thread sanitizer of gcc 12 does not see: in such
    a thread the sanitizer itself crashes."""
    if under_the_thread_sanitizer():
        pytest.skip("the thread sanitizer does not know librdkafka's threads")


@pytest.fixture(scope="session")
def broker():
    """One for all tests of this run: topics and applications have names of their own (cluster.KafkaJob)."""
    with cluster.shared_broker() as broker:
        yield broker


@pytest.fixture
def private_broker(tmp_path):
    """One that may be killed."""
    with cluster.private_broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def pair(tmp_path):
    """Two brokers of one cluster, of which either may be killed."""
    with cluster.pair_of_brokers(tmp_path / "pair") as pair:
        yield pair


@pytest.fixture
def make_job(broker, tmp_path):
    """A job with topics of its own on the shared broker; keywords are those of cluster.KafkaJob."""
    jobs = []

    def make(on=broker, create=True, directory=tmp_path, **rest):
        jobs.append(cluster.KafkaJob(on, directory, **rest))
        if create:
            jobs[-1].create_topics()
        return jobs[-1]

    yield make
    for job in jobs:
        job.end()
