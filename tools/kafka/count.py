"""Counts what the demonstration on Kafka brought, with nothing of ours: count.py ADDRESS, with the tests' packages."""

import collections
import io
import json
import pathlib
import sys

import confluent_kafka
import fastavro

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent.parent / "schemas"
HEADER_BYTES = 10  # of the single-object framing


def messages(address, topic):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": address, "group.id": "count",
                                         "enable.partition.eof": True, "enable.auto.commit": False,
                                         "isolation.level": "read_committed"})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in partitions])
    ended = set()
    while len(ended) < len(partitions):
        for message in consumer.consume(10_000, 1):
            if not message.error():
                yield message
            elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                ended.add(message.partition())
    consumer.close()


def main(address):
    schema = fastavro.parse_schema(json.loads((SCHEMAS / "outcome.avsc").read_text(encoding="utf-8")))
    shown = {message.key().decode() for message in messages(address, "impressions")}
    revisions, engaged = collections.Counter(), set()
    for message in messages(address, "outcomes"):
        row = fastavro.schemaless_reader(io.BytesIO(message.value()[HEADER_BYTES:]), schema, None)
        revisions[row["impression_id"], row["revision"]] += 1
        engaged |= {row["impression_id"]} if row["engaged"] else set()
    out = {name for name, _ in revisions}
    refused = sum(1 for _ in messages(address, "dead_letters"))
    twice = sum(count - 1 for count in revisions.values())
    corrections = sum(1 for _, revision in revisions if revision > 1)
    for what, count in (("impressions shown", len(shown)), ("came out as an outcome", len(out)),
                        ("  somebody engaged", len(engaged)), ("  swiped away", len(out - engaged)),
                        ("corrected later, as a higher revision", corrections), ("dead letters", refused),
                        ("missing", len(shown - out)), ("came out twice", twice)):
        print(f"{what:<40}{count:>9,}")
    return 0 if shown == out and twice == 0 and shown else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
