"""The join as a job of each engine: how it is started, and what it is called on the broker."""

import dataclasses
import pathlib
import subprocess

import bench_broker

# Flink reaches into the JDK.
OPENS = ["java.base/java.lang", "java.base/java.util", "java.base/java.nio", "java.base/java.net",
         "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic", "java.base/sun.net.util"]
HEAP = ["-Xms2g", "-Xmx2g"]
HEAP_LARGE = ["-Xms6g", "-Xmx6g"]

TOPOLOGY = """\
name: {application}
schemas: {schemas}
log: {{type: kafka, bootstrap.servers: "{bootstrap}"}}
guarantee: exactly_once
commit_interval: {commit_ms}ms
memory: {memory}
topics:
  {impressions}: {{schema: impression.avsc, key: impression_id, time: shown_at, partitions: 4, {order}}}
  {engagements}: {{schema: engagement.avsc, key: impression_id, time: occurred_at, partitions: 4, {order}}}
  {output}: {{schema: outcome.avsc, key: impression_id, time: shown_at, partitions: 4}}
operators:
  join:
    type: engagement_join
    workers: {workers}
    inputs: {{impressions: {impressions}, engagements: {engagements}}}
    outputs: {{outcomes: {output}}}
    window: {window_ms}ms
    grace: {grace_ms}ms
    correction_horizon: {horizon_ms}ms
    remember: {horizon_ms}ms
    emit: {emit}
"""


@dataclasses.dataclass
class Run:
    """One run of a job."""

    bootstrap: str
    impressions: str
    engagements: str
    output: str
    directory: pathlib.Path  # its own
    commit_ms: int = 1000
    window_ms: int = 600_000
    hold_ms: int = 5_000  # after the window, for what comes late
    live: bool = False
    emit: str = "final"
    resume: bool = False
    large: bool = False  # ten million keys

    @property
    def application(self):
        return f"job-{self.output}"


class Isotope:
    engine = "isotope"

    def __init__(self, build, workers):
        self.build, self.workers = build, workers
        self.variant = f"{workers} worker{'s' if workers > 1 else ''}"

    def prepare(self, run):
        # What the peers wait in one go, by their watermark, is split: live into two halves; else there is the default
        # out_of_orderness as well.
        order_ms, grace_ms = (run.hold_ms // 2, run.hold_ms - run.hold_ms // 2) if run.live else (5_000, run.hold_ms)
        topology = run.directory / "topology.yaml"
        topology.write_text(TOPOLOGY.format(
            application=run.application, schemas=bench_broker.ROOT / "schemas", bootstrap=run.bootstrap,
            commit_ms=run.commit_ms, memory="8GiB" if run.large else "2GiB", impressions=run.impressions,
            engagements=run.engagements, order=f"out_of_orderness: {order_ms}ms", output=run.output,
            workers=self.workers, window_ms=run.window_ms, grace_ms=grace_ms, emit=run.emit,
            horizon_ms=run.window_ms + grace_ms), encoding="utf-8")  # no corrections: the peers have none
        subprocess.run([self.build / "isotope", "topics", topology, "--create", "--data-dir", self.local(run)],
                       stdout=subprocess.DEVNULL, check=True)

    def command(self, run):
        return [self.build / "isotope", "run", run.directory / "topology.yaml", "--data-dir", self.local(run),
                *(["--instance", "bench"] if run.live else ["--until-end"])]

    def local(self, run):
        return run.directory / "data"

    def group(self, run):
        return f"{run.application}.join"

    def durable_bytes(self, broker, run):
        return int(broker.tool("bytes", f"{run.application}.join.journal"))


class Peer:
    module = None

    def __init__(self, java, variant):
        self.java, self.variant, self.engine = java, variant, self.module

    def prepare(self, run):
        pass

    def java_command(self, name, run, arguments, flags=()):
        grace = ["--window-ms", run.window_ms, "--grace-ms", run.hold_ms]
        topics = ["--bootstrap", run.bootstrap, "--impressions", run.impressions, "--engagements", run.engagements,
                  "--output", run.output, "--dir", self.local(run)]
        heap = HEAP_LARGE if run.large else HEAP
        return self.java.command(self.module, name, [*topics, *grace, *arguments], [
            *heap, "-XX:+UseParallelGC", *flags, self.java.logging(run.directory, "job")])

    def local(self, run):
        path = run.directory / "local"
        path.mkdir(exist_ok=True)
        return path


class Streams(Peer):
    module = "streams"

    def command(self, run):
        arguments = ["--store", self.variant, "--commit-ms", run.commit_ms]
        if run.live:
            arguments += ["--close-ms", 10, "--conf.main.consumer.group.instance.id", "bench"]
        return self.java_command("StreamsJoin", run, arguments)

    def group(self, run):
        return run.application

    def durable_bytes(self, broker, run):
        return int(broker.tool("bytes", f"{run.application}-open-changelog"))


class Flink(Peer):
    module = "flink"

    def command(self, run):
        checkpoints = run.directory / "checkpoints"
        arguments = ["--backend", {"heap": "hashmap"}.get(self.variant, self.variant), "--checkpoints", checkpoints,
                     "--checkpoint-ms", run.commit_ms]
        if run.live:
            arguments += ["--live", "true", "--watermark-ms", 10]
        if run.resume:
            arguments += ["--restore", checkpoints]
        return self.java_command("FlinkJoin", run, arguments, [
            word for package in OPENS for word in ("--add-opens", f"{package}=ALL-UNNAMED")])

    def group(self, run):
        return f"{run.application}-impressions"

    def durable_bytes(self, _broker, run):
        return sum(path.stat().st_size for path in (run.directory / "checkpoints").rglob("*") if path.is_file())


def all_jobs(build, java):
    return [Isotope(build, 1), Isotope(build, 2), Streams(java, "rocksdb"), Streams(java, "memory"),
            Flink(java, "rocksdb"), Flink(java, "heap")]
