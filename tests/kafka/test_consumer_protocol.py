"""A newer librdkafka in the place of Debian's, and Kafka 4.x with its own group protocol (KIP-848): the brokers share
the partitions out and time the sessions. The library is the one inside the wheel of confluent-kafka."""

import pathlib

import confluent_kafka
import pytest

from tests.kafka import cluster, feed
from tests.kafka.crew import JOIN, TOPIC, Crew

KAFKA = "4.4.0"
LIBRARY_SINCE = (2, 12)  # from here on librdkafka calls the protocol fit for use
SECONDS = 20
PER_S = 1_000
# What a real cluster has in minutes, in seconds; the transaction's timeout has to be less than the session's.
GROUPS = {"group.consumer.session.timeout.ms": 6_000, "group.consumer.min.session.timeout.ms": 1_000,
          "group.consumer.heartbeat.interval.ms": 500, "group.consumer.min.heartbeat.interval.ms": 100}
LOG = {"session.timeout.ms": None, "group.protocol": "consumer", "transaction.timeout.ms": 4_000}


@pytest.fixture
def newer_library(tmp_path, monkeypatch):
    """Programs that are started find it under the name that they were linked with."""
    found = list(pathlib.Path(confluent_kafka.__file__).parent.parent.glob("confluent_kafka.libs/librdkafka*.so*"))
    version = tuple(map(int, confluent_kafka.libversion()[0].split(".")[:2]))
    if len(found) != 1 or version < LIBRARY_SINCE:
        pytest.skip(f"no librdkafka of {LIBRARY_SINCE} or later in the wheel of confluent-kafka")
    directory = tmp_path / "lib"
    directory.mkdir()
    (directory / "librdkafka.so.1").symlink_to(found[0])
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{directory}:{found[0].parent}")


@pytest.fixture
def kafka_4(tmp_path, monkeypatch):
    monkeypatch.setenv("KAFKA_VERSION", KAFKA)
    with cluster.private_broker(tmp_path / "broker", **GROUPS) as broker:
        yield broker


@pytest.mark.parametrize("static", (False, True), ids=("dynamic", "static"))
def test_members_that_come_and_go_lose_nothing_by_the_protocol_of_kafka_4(kafka_4, newer_library, tmp_path, static):
    job = cluster.KafkaJob(kafka_4, tmp_path, log=LOG, join=JOIN, topic=TOPIC, scores=False)
    job.create_topics()
    crew = Crew(job, tmp_path, static=static, seed=static)
    try:
        impressions = crew.churn(SECONDS, PER_S)
        group = kafka_4.group(job.group)
        crew.finish()
    finally:
        crew.abandon()
        job.end()
    assert group.type == confluent_kafka.ConsumerGroupType.CONSUMER, group
    feed.assert_once(job, impressions)
    assert min(crew.counts.values()) > 0, crew.told()
