"""A made-up feed of all that recommender topologies read, and what their operators make of it, in bounded runs."""

import collections
import math

from tests.flow.job import ROOT, Job

TOPOLOGY = ROOT / "topologies" / "demo.yaml"  # windows of seconds, so that a feed of minutes has many
START_MS = 1_700_000_000_000
TIMES = {"impressions": "shown_at", "engagements": "occurred_at", "ranker_scores": "scored_at",
         "engine_log": "logged_at", "server_log": "logged_at", "client_log": "logged_at"}
KEYS = {  # what a row is a revision of; None: a topic without revisions
    "outcomes": ("impression_id",), "exploration_events": ("impression_id",), "late_engagements": None,
    "orphan_engagements": None, "hindsight_scores": None, "late_impressions": None,
    "user_histories": ("user_id_token",), "user_embeddings": ("user_id_token",),
    "mismatches": ("impression_id", "kind", "hop", "field"),
    "integrity_windows": ("window_start", "dimension", "value"),
}
OPERATORS = "join,by_user,history,embedding,features,reconcile,rollup"
PARTITIONS = 2
PATIENT = {"join.correction_horizon": "6h", "join.orphan_wait": "6h", "reconcile.correction_horizon": "6h",
           # nothing comes too late for what can still be corrected; no log entry after its verdict, but late ones
           "rollup.keep": "13h",
           "reconcile.window": "6s", "reconcile.settle": "6s", "rollup.settle": "6s"}
OUT_OF_ORDERNESS_MS = 5_000


class Pieces(Job):
    def __init__(self, directory, **parameters):
        super().__init__(directory, TOPOLOGY)
        self.parameters = {**{f"operators.{name}": value for name, value in PATIENT.items()},
                           **{f"topics.{topic}.out_of_orderness": f"{OUT_OF_ORDERNESS_MS}ms" for topic in TIMES},
                           **parameters}

    def command(self, name, *arguments):
        texts = [f"{path}={value}" for path, value in self.parameters.items()]
        texts += [f"topics.{topic}.partitions={PARTITIONS}" for topic in
                  (*TIMES, "item_vectors", "engagements_by_user", "integrity_counts", *KEYS)]
        return [*super().command(name, *arguments), *(word for text in texts for word in ("--set", text))]

    def fill(self, feed, vectors):
        self.produce("item_vectors", vectors)
        for topic, rows in feed.items():
            self.produce(topic, rows)

    def finish(self, *arguments):
        return self.call("run", "--until-end", "--operators", OPERATORS, *arguments).stderr

    def results(self):
        """By topic: the last revision of each key without its number; of topics without revisions how often a row is
        there."""
        rows = {topic: self.rows(topic) for topic in KEYS}
        return {topic: last_revisions(rows[topic], key) if key else collections.Counter(map(repr, rows[topic]))
                for topic, key in KEYS.items()}


def last_revisions(rows, key):
    last = {}
    for row in rows:
        name = tuple(row[field] for field in key)
        if name not in last or row["revision"] >= last[name]["revision"]:
            last[name] = row
    return {name: {field: value for field, value in row.items() if field != "revision"} for name, row in last.items()}


def make_feed(directory, seed, impressions):
    """By topic, in the order of event time; and the vectors of its items."""
    source = Pieces(directory, **{
        "operators.traffic.clock": "unpaced", "operators.traffic.start": START_MS, "operators.traffic.seed": seed,
        "operators.traffic.limit": impressions, "operators.traffic.rate": 20, "operators.traffic.users": 50,
        "operators.traffic.items": 50, "operators.traffic.late_by": "30s"})
    source.call("run", "--until-end", "--operators", "traffic")
    feed = {topic: sorted(source.rows(topic), key=lambda row, time=time: row[time]) for topic, time in TIMES.items()}
    return feed, source.rows("item_vectors")


def alike(one, other):
    """Sums of vectors depend on their order, in the last digits."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-5)
    return one == other


def differences(wanted, got, is_touched=lambda topic, key, row: False):
    """(topic, key, row, other row) of all that differs and is not touched."""
    return [(topic, key, rows.get(key), got[topic].get(key)) for topic, rows in wanted.items()
            for key in {*rows, *got[topic]}
            if not alike(rows.get(key), got[topic].get(key))
            and not is_touched(topic, key, rows.get(key) or got[topic].get(key))]
