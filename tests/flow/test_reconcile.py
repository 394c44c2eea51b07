"""reconcile, run by the program on made-up logs whose faults are known: what it names is what was done to them, id by
id, hop by hop and field by field, and what it counts is what a plain count of the same log entries gives.

ISOTOPE_RECONCILE_IMPRESSIONS says how large the feed is."""

import collections
import os
import random

import pytest

from tests.flow.faults import CLASSES, LOGS, MAX_HOLD_MS, START_MS, WINDOW_MS, Comparison, last_revisions, topology_text
from tests.flow.job import Job
from tests.reference import reconcile_reference

IMPRESSIONS = int(os.environ.get("ISOTOPE_RECONCILE_IMPRESSIONS", "10000"))
COUNTS = ("returned", "delivered", "received", "exposed", "matched", "not_reached", "lost_engine_server",
          "lost_server_client", "duplicated", "phantom", "altered", "late", "differing", "phantom_reached",
          "negative_latencies")
LATENCIES = ("latency_engine_server", "latency_server_client", "latency_exposed")
SKETCH_ERROR = 0.02


def topology(directory, ratio, impressions=IMPRESSIONS, rate=200):
    path = directory / "integrity.yaml"
    path.write_text(topology_text(impressions, ratio=ratio, rate=rate))
    return path


class Feed:
    """A feed, what was done to it, and what reconcile made of it."""

    def __init__(self, job):
        self.logs = [entry for name in LOGS for entry in job.rows(f"{name}_log")]
        self.faults = job.rows("injected_faults")
        self.read(job)

    def read(self, job):
        self.rows = job.rows("mismatches")
        self.counts = job.rows("integrity_counts")
        self.told = last_revisions(self.rows)


def check_mismatches(feed):
    comparison = Comparison(feed.faults, feed.rows)
    comparison.check()
    expected = reconcile_reference.mismatches(feed.logs)
    for key, row in feed.told.items():
        if row["kind"] == "late":
            assert key not in expected
        else:
            assert {name: row[name] for name in expected[key]} == expected[key], key


def summed(rows):
    counts, sketches = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    for row in rows:
        key = row["window_start"], row["dimension"], row["value"]
        assert row["window_end"] == row["window_start"] + WINDOW_MS
        assert row["unlisted"] == 0
        for name in COUNTS:
            counts[key][name] += row[name]
        for name in LATENCIES:
            for bucket in row[name]:
                sketches[*key, name][bucket["bucket"]] += bucket["count"]
    return counts, sketches


def bucket_ms(bucket):
    gamma = (1 + SKETCH_ERROR) / (1 - SKETCH_ERROR)
    return gamma ** (bucket - 1) * (1 - SKETCH_ERROR) if bucket else 0


def check_counts(feed):
    told = {key: row["kind"] for key, row in feed.told.items()}
    expected, latencies = reconcile_reference.counts(feed.logs, told, WINDOW_MS)
    counts, sketches = summed(feed.counts)
    assert counts.keys() == expected.keys()
    for key, count in counts.items():
        reconcile_reference.check_identity(count)
        assert {name: count[name] for name in COUNTS} == {name: expected[key][name] for name in COUNTS}, key
    for key, lengths in latencies.items():
        sketched = [bucket_ms(bucket) for bucket, count in sorted(sketches[key].items()) for _ in range(count)]
        assert len(sketched) == len(lengths), key
        for got, wanted in zip(sketched, sorted(lengths)):
            assert abs(got - wanted) <= SKETCH_ERROR * wanted * 1.000001, key


@pytest.mark.parametrize("ratio", [0.002, 0.05])
def test_mismatches_are_the_injected_faults_and_counts_are_exact(tmp_path, ratio):
    job = Job(tmp_path / "data", topology(tmp_path, ratio))
    job.call("run", "--until-end")
    feed = Feed(job)
    check_mismatches(feed)
    check_counts(feed)
    assert {(row["kind"], row["hop"]) for row in feed.told.values()} >= CLASSES


def test_without_faults_nothing_is_told(tmp_path):
    job = Job(tmp_path / "data", topology(tmp_path, 0))
    job.call("run", "--until-end")
    feed = Feed(job)
    assert feed.rows == []
    check_counts(feed)


def test_kills_change_neither_mismatches_nor_counts(tmp_path):
    seed = int(os.environ.get("TEST_SEED", "1"))
    chance, kills = random.Random(seed), 0
    job = Job(tmp_path / "data", topology(tmp_path, 0.02))
    job.call("run", "--until-end", "--operators", "feed")
    while kills < 12 and job.run_killed("--operators", "reconcile", after_s=0.06 + 0.1 * chance.random()):
        kills += 1
    job.call("run", "--until-end", "--operators", "reconcile")
    feed = Feed(job)
    print(f"{kills} kills, TEST_SEED={seed}")
    assert kills > 0
    check_mismatches(feed)
    check_counts(feed)


def test_a_live_run_that_is_killed_tells_the_same_in_the_end(tmp_path):
    seed = int(os.environ.get("TEST_SEED", "1"))
    chance = random.Random(seed)
    job = Job(tmp_path / "data", topology(tmp_path, 0.02))
    job.call("run", "--until-end", "--operators", "feed")
    for _ in range(4):
        assert job.run_killed("--operators", "reconcile", after_s=0.06 + 0.1 * chance.random(), live=True), seed
    job.call("run", "--until-end", "--operators", "reconcile")
    feed = Feed(job)
    check_mismatches(feed)
    check_counts(feed)


def test_a_log_that_falls_silent_is_held_and_listed_and_when_it_is_back_nothing_is_lost(tmp_path):
    source = Job(tmp_path / "source", topology(tmp_path, 0, impressions=6000, rate=60))
    source.call("run", "--until-end", "--operators", "feed")
    job, logs = Job(tmp_path / "data", source.topology), {name: source.rows(f"{name}_log") for name in LOGS}
    silent_from = START_MS + 20_000
    for name in LOGS:
        job.produce(f"{name}_log", [entry for entry in logs[name]
                                    if name != "server" or entry["logged_at"] < silent_from])
    job.call("run", "--until-end", "--operators", "reconcile")
    feed = Feed(job)
    lost = {key for key, row in feed.told.items() if row["kind"] == "lost"}
    returned = {entry["impression_id"]: entry["logged_at"] for entry in logs["engine"]}
    silenced = {(key, "engine_server", None) for key, at in returned.items() if at >= silent_from}
    assert silenced <= lost and all(returned[key] >= silent_from - 1000 for key, _, _ in lost)
    held = [row for row in feed.counts if row["held"]]
    assert held and all(row["silent"] == ["server"] and row["returned"] == 0 for row in held)
    # Held for max_hold: until then no verdict, and therefore no row that says so.
    assert min(row["detected_at"] for row in feed.rows if returned[row["impression_id"]] >= silent_from) >= \
        silent_from + WINDOW_MS + MAX_HOLD_MS
    job.produce("server_log", [entry for entry in logs["server"] if entry["logged_at"] >= silent_from])
    job.call("run", "--until-end", "--operators", "reconcile")
    feed = Feed(job)
    assert {key for key, row in feed.told.items() if row["kind"] == "late"} == feed.told.keys() >= lost
    check_counts(feed)
