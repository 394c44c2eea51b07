"""A long feed whose result is known without a reference: impression number i is engaged with engagements_of(i) times,
in its window. There are no scores. Quick to produce and to check, so that it can have millions of impressions."""

import collections
import threading
import time

from tests.kafka import cluster

START_MS = 1_767_225_600_000  # all times of a feed have varints of one length
STEP_MS = 10
AFTER_MS = 1_500  # an engagement comes so much later than its impression
SETTINGS = {"partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000}
SHOWN = 5  # impressions of each kind of fault
TOPICS = {"impressions": "impression", "engagements": "engagement", "outcomes": "outcome",
          "late_engagements": "engagement", "orphan_engagements": "engagement"}
PATTERN = (0, 1, 0, 2, 0, 0, 1, 0)


def engagements_of(number):
    return PATTERN[number % len(PATTERN)]


def shown_at(number):
    return START_MS + number * STEP_MS


def varint(value):
    out, value = bytearray(), value << 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


class Template:
    """Encodes by putting texts and a time of fixed lengths into the bytes of a first record."""

    def __init__(self, schema, record, texts, time_field):
        self.parts = [cluster.encoded(schema, record)]
        for value in [*(record[name].encode() for name in texts), varint(record[time_field])]:
            before, self.parts[-1:] = self.parts[-1], self.parts[-1].split(value, 1)
            assert len(before.split(value)) == 2, f"{value} is not there once"

    def encode(self, *values):
        out = self.parts[0]
        for value, part in zip(values, self.parts[1:], strict=True):
            out += value + part
        return out


def impression_id(number):
    return b"i%09d" % number


def impressions(surface, platform=""):
    return Template("impression", {
        "impression_id": "i000000000", "request_id": "", "user_id_token": "user", "item_id": "item", "surface": surface,
        "position": 3, "shown_at": START_MS, "source": "ranked", "explore_kind": "none", "model_version": "m",
        "experiment_group": "", "strategy_id": "", "item_cluster": "", "creator_id": "", "platform": platform,
        "duration_seconds": 30.0, "propensity": None, "sampled_pct": 1.0}, ["impression_id"], "shown_at")


IMPRESSION, WIDE_IMPRESSION = impressions("home"), impressions("home" * 100)
ENGAGEMENT = Template("engagement", {
    "engagement_id": "e000000000-0", "impression_id": "i000000000", "user_id_token": "user", "item_id": "item",
    "action": "click", "watched_seconds": None, "duration_seconds": None, "occurred_at": START_MS},
    ["engagement_id", "impression_id"], "occurred_at")


def records(first, last, impression=IMPRESSION):
    """(topic, key, value), engagements where their time is among the impressions."""
    behind = AFTER_MS // STEP_MS
    for at in range(first, last + behind):
        if at < last:
            yield "impressions", impression_id(at), impression.encode(impression_id(at), varint(shown_at(at)))
        number = at - behind
        for i in range(engagements_of(number) if number >= first else 0):
            key = impression_id(number)
            value = ENGAGEMENT.encode(b"e%09d-%d" % (number, i), key, varint(shown_at(number) + AFTER_MS + i))
            yield "engagements", key, value


def produce(job, first, last, *, impression=IMPRESSION, per_s=None, stop=None):
    """Gives the number of records. `per_s` impressions a second, where it is given, until `stop` is set."""
    producer = job.broker.producer(**SETTINGS)
    failures, count = [], 0
    stop, began = stop or threading.Event(), time.monotonic()

    def delivered(error, _message):
        if error:
            failures.append(error)

    for topic, key, value in records(first, last, impression):
        while True:
            try:
                producer.produce(job.topic(topic), value, key, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        count += 1
        if count % 100 == 0:
            producer.poll(0)
            if per_s:
                stop.wait(max(0, began + count / per_s - time.monotonic()))
    producer.flush()
    assert not failures, failures[:3]
    return count


class Check:
    """What an independent reader makes of the outcomes."""

    def __init__(self, impressions):
        self.impressions = impressions
        self.revisions = collections.Counter()
        self.last = {}
        self.rows = 0

    def add(self, message):
        row = cluster.decoded("outcome", message.value())
        number = int(row["impression_id"][1:])
        self.rows += 1
        self.revisions[number, row["revision"]] += 1
        if row["final"] and row["revision"] >= self.last.get(number, (0, 0))[0]:
            self.last[number] = row["revision"], row["n_engagements"]

    def repeated(self):
        return self.rows - len(self.revisions)

    def missing(self):
        return [number for number in range(self.impressions) if number not in self.last]

    def wrong(self):
        return [number for number, (_, engagements) in self.last.items() if engagements != engagements_of(number)]

    def details(self, job):
        """Where the rows of the first of each kind are."""
        twice = [number for (number, _), count in self.revisions.items() if count > 1]
        kinds = {"twice": twice, "missing": self.missing(), "wrong": self.wrong()}
        found = {number: [] for numbers in kinds.values() for number in numbers[:SHOWN]}
        for topic, schema in TOPICS.items():
            def add(message, topic=topic, schema=schema):
                row = cluster.decoded(schema, message.value())
                if (number := int(row["impression_id"][1:])) in found:
                    found[number].append(f"  {topic} {message.partition()}:{message.offset()} "
                                         f"at {message.timestamp()[1]}: {row}")
            cluster.read(job.broker.bootstrap, job.topic(topic), add)
        return "\n".join(line for kind, numbers in kinds.items() for number in numbers[:SHOWN]
                         for line in (f"{kind}: {number}", *found[number]))

    def __str__(self):
        return f"{self.impressions:,} impressions, {self.rows:,} rows, {self.repeated():,} twice, " \
               f"{len(self.missing()):,} missing, {len(self.wrong()):,} wrong"


class Follower:
    """A check that goes on while rows come: what has been committed so far, without reading it all again."""

    def __init__(self, job):
        self.check = Check(0)
        self.consumer = cluster.confluent_kafka.Consumer({
            "bootstrap.servers": job.broker.bootstrap, "group.id": "nobody", "isolation.level": "read_committed",
            "enable.auto.commit": False, "auto.offset.reset": "error", **cluster.QUIET})
        partitions = self.consumer.list_topics(job.topic("outcomes")).topics[job.topic("outcomes")].partitions
        self.consumer.assign([cluster.confluent_kafka.TopicPartition(job.topic("outcomes"), number, 0)
                              for number in partitions])

    def follow(self, seconds):
        """Takes what there is, and gives the check."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for message in self.consumer.consume(10_000, max(0, min(0.2, deadline - time.monotonic()))):
                if not message.error():
                    self.check.add(message)
                else:
                    assert message.error().retriable(), message.error()
        return self.check

    def close(self):
        self.consumer.close()


def check(job, impressions):
    result = Check(impressions)
    cluster.read(job.broker.bootstrap, job.topic("outcomes"), result.add, decided=True)
    return result


def assert_once(job, impressions, repeats=False):
    result = check(job, impressions)
    assert not result.missing() and not result.wrong() and (repeats or result.repeated() == 0), \
        f"{result}; missing {result.missing()[:5]}, wrong {result.wrong()[:5]}"
