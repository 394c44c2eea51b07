"""What each operator costs by itself: one worker, exactly once, on the embedded log, best of several runs. All rows go
into one table, with the budget that they are held against."""

import os
import pathlib
import shutil
import subprocess

ENGAGEMENT, FEATURES, INTEGRITY = (f"topologies/{name}.yaml" for name in ("engagement", "features", "integrity"))
# As the peers' benchmark of the join has it: a window of 10 min; no corrections and no ids after it.
NO_CORRECTIONS = ["operators.join.correction_horizon=605s", "operators.join.remember=605s"]
ITEMS_PER_RESPONSE = 10
ENTRIES_PER_RESPONSE = 34.94
REDIS_ROWS_PER_S = 150_000
# The sink's input is what it is in a live run: rows of users that are there already as well.
EVERY_ROW = ["topics.user_histories.cleanup=delete", "topics.user_embeddings.cleanup=delete"]
NAMES = ["join", "rekey", "history", "embedding", "reconcile", "sink"]
COLUMNS = ["operator", "events", "CPU us/event", "budget us", "events/s", "keys", "bytes/key", "RSS MiB", "load"]


class Redis:
    """A server on a socket of its own, which keeps everything in memory."""

    def __init__(self, directory):
        self.socket = directory / "redis.socket"
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", directory, "--save", ""],
            stdout=subprocess.PIPE, text=True)
        if not any("ready to accept connections" in line.lower() for line in self.process.stdout):
            raise RuntimeError("redis-server did not start")

    def cpu_us(self):
        """The one thread that serves commands."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1000

    def stop(self):
        self.process.kill()
        self.process.communicate()


class Operators:
    def __init__(self, bench, events, repeats):
        self.bench, self.events, self.repeats = bench, events, repeats
        self.rows, self.notes = [], []

    # ---- inputs, each made once

    def engagements(self, count):
        return self.bench.input(FEATURES, "engagements", count)

    def by_user(self, count):
        return self.after("by_user", self.engagements(count), f"by_user-{count}")

    def histories(self):
        """About as many rows as a quarter of the events."""
        return self.after("history", self.by_user(self.events // 2), "histories", *EVERY_ROW)

    def deliveries(self):
        return self.bench.input(INTEGRITY, "deliveries", int(self.events / ENTRIES_PER_RESPONSE))

    def after(self, operator, source, name, *overrides):
        """What is there once an operator has run."""
        path = self.bench.directory / name
        if not path.exists():
            self.bench.say(f"preparing {name}")
            shutil.copytree(source, path)
            self.bench.call("run", FEATURES, operator, path, *overrides)
        return path

    # ---- rows

    def best(self, label, once, repeats=None):
        """The run that took the least CPU."""
        runs = []
        for number in range(repeats or self.repeats):
            self.bench.say(f"{label}, run {number + 1}")
            load = os.getloadavg()[0]
            got = once()
            if got["dead_letters"]:
                raise RuntimeError(f"{label}: {got['dead_letters']} dead letters")
            runs.append(got | {"load": load})
        return min(runs, key=lambda got: got["cpu_us"])

    def row(self, label, got, budget):
        per_key = got["live_bytes_max"] / got["live_keys_max"] if got["live_keys_max"] else 0
        self.rows.append([label, f"{got['events']:,}", f"{got['cpu_us'] / got['events']:.2f}", budget,
                          f"{got['events'] / got['wall_us'] * 1e6:,.0f}", f"{got['live_keys_max']:,}",
                          f"{per_key:.0f}", f"{got['rss_bytes'] / 2**20:.0f}", f"{got['load']:.1f}"])

    def join(self):
        got = self.best("join", lambda: self.bench.join(self.events, *NO_CORRECTIONS))
        self.row("engagement_join", got, "2")

    def rekey(self):
        got = self.best("rekey", lambda: self.bench.bounded(FEATURES, "by_user", self.engagements(self.events)))
        self.row("rekey", got, "-")

    def history(self):
        got = self.best("history", lambda: self.bench.bounded(FEATURES, "history", self.by_user(self.events)))
        self.row("user_history", got, "2")

    def embedding(self):
        for dimensions, budget in [(64, "3"), (256, "-")]:
            label = f"embedding_update, {dimensions} dimensions"
            path = self.bench.directory / f"vectors-{dimensions}"
            if not path.exists():
                shutil.copytree(self.by_user(self.events), path)
                self.bench.call("generate", FEATURES, "vectors", path, dimensions)
            got = self.best(label, lambda path=path, dimensions=dimensions: self.bench.bounded(
                FEATURES, "embedding", path, f"operators.embedding.dimensions={dimensions}", "memory=2GiB"))
            self.row(label, got, budget)

    def reconcile(self):
        got = self.best("reconcile", lambda: self.bench.bounded(INTEGRITY, "reconcile", self.deliveries()))
        self.row("reconcile", got, "2")
        self.bench.say("reconcile, everything in flight")
        flying = self.bench.bounded(INTEGRITY, "reconcile", self.deliveries(), "operators.reconcile.window=2h",
                                    "operators.reconcile.correction_horizon=8h")
        self.notes.append(
            f"reconcile: a response of {ITEMS_PER_RESPONSE} items takes "
            f"{flying['live_bytes_max'] / flying['live_keys_max']:.0f} bytes of memory while in flight, and "
            f"{got['state_bytes'] / got['state_entries']:.0f} bytes once it was judged, until its correction_horizon.")

    def sink(self):
        got = self.best("feature_sink, embedded", lambda: self.bench.bounded(
            FEATURES, "sink", self.histories(), *EVERY_ROW), 1)
        self.row("feature_sink, embedded", got, "-")
        if not shutil.which("redis-server"):
            self.notes.append("(feature_sink into Redis: redis-server is not installed)")
            return
        for label, workers in [("feature_sink, Redis", 1), ("feature_sink, Redis, 2 workers", 2)]:
            got = self.best(label, lambda workers=workers: self.into_redis(workers))
            self.row(label, got, f"{1e6 / REDIS_ROWS_PER_S:.2f}")
            self.notes.append(f"{label}: Redis itself took {got['redis_us'] / got['events']:.2f} us of CPU a row: one "
                              f"server takes {got['events'] / got['redis_us'] * 1e6:,.0f} rows/s.")

    def into_redis(self, workers):
        source, redis = self.histories(), Redis(self.bench.directory)
        try:
            got = self.bench.bounded(FEATURES, "sink", source, *EVERY_ROW, "operators.sink.store=redis",
                                     f"operators.sink.address=unix:{redis.socket}", f"operators.sink.workers={workers}")
            return got | {"redis_us": redis.cpu_us()}
        finally:
            redis.stop()
