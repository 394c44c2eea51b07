"""How often each impression came out: count.py BOOTSTRAP IMPRESSIONS OUTCOMES. A reader with confluent-kafka, which is
not ours; fails where an impression is missing, or a revision of one is there twice. Values are Avro in single-object
framing."""

import collections
import io
import json
import pathlib
import sys

import confluent_kafka
import fastavro

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent.parent / "schemas"
HEADER_SIZE = 10  # of the framing: two bytes and a fingerprint


def records(bootstrap, topic, schema):
    parsed = fastavro.parse_schema(json.loads((SCHEMAS / f"{schema}.avsc").read_text()))
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "count",
                                         "enable.auto.commit": False, "isolation.level": "read_committed",
                                         "enable.partition.eof": True})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([confluent_kafka.TopicPartition(topic, number, confluent_kafka.OFFSET_BEGINNING)
                     for number in partitions])
    ended = 0
    while ended < len(partitions):
        for message in consumer.consume(10_000, 1):
            if message.error():
                ended += message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF
            else:
                yield fastavro.schemaless_reader(io.BytesIO(message.value()[HEADER_SIZE:]), parsed)
    consumer.close()


def main(bootstrap, impressions, outcomes):
    shown = {record["impression_id"] for record in records(bootstrap, impressions, "impression")}
    revisions = collections.Counter((record["impression_id"], record["revision"])
                                    for record in records(bootstrap, outcomes, "outcome"))
    out = {impression for impression, _ in revisions}
    facts = {"impressions": len(shown), "of them with an outcome": len(shown & out), "without one": len(shown - out),
             "outcomes of nothing": len(out - shown), "revisions there twice": sum(n > 1 for n in revisions.values())}
    for name, count in facts.items():
        print(f"    {count:>9,}  {name}")
    good = shown == out and max(revisions.values(), default=0) == 1
    print("    every impression came out exactly once" if good else "    THAT IS WRONG")
    return 0 if good else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
