"""The operators on a real broker, in two processes that are killed and started again while records flow in: what the
tests do for some seconds, and tools/kafka/soak for as long as you like."""

import concurrent.futures
import contextlib
import itertools
import math
import random
import signal
import struct
import threading
import time

from tests.flow import faults
from tests.flow.feature_feed import engagement
from tests.flow.test_feature_sink import arguments_of as store_arguments
from tests.kafka import cluster, feed
from tests.kafka.crew import Crew
from tests.reference import history_reference

PROCESSES, PARTITIONS = 2, 4
POLL_S = 0.2
LOGGED_PER_IMPRESSION = 1.86  # what the engine returns, and little of which is shown
WORK_S_MAX = 1200
MARKER, MARKER_BEGIN = struct.Struct("<3sBIIq"), b"\xc3\x4d\x01"  # src/dataflow/marker.h
MANY_COMMITS = ("--set", "commit_interval=20ms", "--set", "commit_bytes=256KiB")

FEATURES = f"""\
name: features
log: {{type: embedded}}
commit_interval: 50ms
topics:
  engagements:
    {{schema: engagement.avsc, key: impression_id, time: occurred_at, partitions: {PARTITIONS}, idle_after: 1h}}
  engagements_by_user:
    {{schema: engagement.avsc, key: user_id_token, time: occurred_at, partitions: {PARTITIONS}, internal: true}}
  user_histories:
    {{schema: user_history.avsc, key: user_id_token, time: updated_at, partitions: {PARTITIONS}, cleanup: compact}}
operators:
  by_user:
    type: rekey
    inputs:
      records: engagements
    outputs:
      records: engagements_by_user
  history:
    type: user_history
    inputs:
      engagements: engagements_by_user
    outputs:
      histories: user_histories
    actions_kept: {history_reference.KEPT}
    ttl: 30d
    actions: {", ".join(history_reference.COUNTED)}
  sink:
    type: feature_sink
    inputs:
      histories: user_histories
    project: reco
"""


def kill_while_working(people, kills, progress, total):
    """So that the kills are spread over the work: the next is due when its part of it is done. Progress says how much
    is, of `total`."""
    def due():
        people.restart_dead()
        killed = people.counts["killed"]
        return killed >= kills or progress() >= total * (killed + 1) / (kills + 1)

    while people.counts["killed"] < kills:
        cluster.wait_until(due, "the work to go on", WORK_S_MAX, POLL_S)
        if people.counts["killed"] < kills:
            people.kill_and_restart()
            people.say(f"{people.told()}, {progress():,} of about {total:,}")


# ---- faults: traffic -> three logs -> reconcile ----


def make_faults(job, points, say):
    """The source, killed at each of these points and once more started, until all is made."""
    kills = 0
    for point in [*points, None]:
        process = job.start("run", "--until-end", "--operators", "feed", "--log-level", "warn",
                            env=cluster.crash_at(point) if point else None)
        _, errors = process.communicate(timeout=WORK_S_MAX)
        assert process.returncode in (0, -signal.SIGKILL if point else 0), errors
        kills += process.returncode != 0
    say(f"all is made; the source was killed {kills} times on the way")


def find_faults(broker, directory, impressions, *, kills, ratio, rate, static=True, points=(), seed=1,
                say=lambda text: None):
    """Gives the comparison and who was killed."""
    text = faults.topology_text(impressions, ratio=ratio, rate=rate, tasks=1, partitions=PARTITIONS, idle_after="1h")
    job = cluster.BrokerJob.of(text, broker, directory)
    job.create_topics()
    people = Crew(job, directory, static=static, seed=seed, say=say, count=PROCESSES,
                  arguments=["--operators", "reconcile", *MANY_COMMITS])
    with concurrent.futures.ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as stack:
        stack.callback(job.end)
        made = pool.submit(make_faults, job.beside(directory / "feed"), points, say)

        def progress():
            if made.done():
                made.result()
            return job.positions("reconcile", "engine_log", PARTITIONS)

        people.start_all()
        kill_while_working(people, kills, progress, int(impressions * LOGGED_PER_IMPRESSION))
        made.result()
        say("the rest is worked off")
        people.finish()
    injected, told = job.decoded("injected_faults", "injected_fault"), job.decoded("mismatches", "mismatch")
    return faults.Comparison(injected, told, live=True), people


# ---- features: engagements -> by user -> histories -> feature store ----


def produce_engagements(job, rows):
    with Engagements(job, rows, per_s=math.inf) as fed:
        fed.future.result()


def rows_and_markers(job, topic):
    """Of an internal topic: the decoded records, and by (partition, upstream task) the watermarks in their order."""
    rows, watermarks = [], {}
    for message in job.messages(topic):
        if message.key() is not None:
            rows.append(cluster.decoded("engagement", message.value()))
        else:
            mark, _flags, task, tasks, watermark = MARKER.unpack(message.value())
            assert (mark, tasks) == (MARKER_BEGIN, PARTITIONS), message.value()
            watermarks.setdefault((message.partition(), task), []).append(watermark)
    return rows, watermarks


class Engagements:
    """Produces rows in a thread, so many a second, until it is told that it is enough."""

    def __init__(self, job, rows, per_s):
        self.job = job
        self.rows = rows
        self.per_s = per_s
        self.written = []
        self.enough = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(1)

    def __enter__(self):
        self.future = self.pool.submit(self.produce)
        return self

    def __exit__(self, *_):
        self.enough.set()
        self.pool.shutdown()
        self.future.result()

    def produce(self):
        producer = self.job.broker.producer(**feed.SETTINGS)
        failures, began = [], time.monotonic()
        for row in self.rows:
            producer.produce(self.job.topic("engagements"), cluster.encoded("engagement", row), row["impression_id"],
                             on_delivery=lambda error, _: failures.append(error) if error else None)
            self.written.append(row)
            producer.poll(0)
            if self.enough.wait(max(0, began + len(self.written) / self.per_s - time.monotonic())):
                break
        producer.flush()
        assert not failures, failures[:3]


def histories_job(broker, directory):
    job = cluster.BrokerJob.of(FEATURES, broker, directory)
    job.create_topics()
    return job


def endless_engagements(seed, users):
    r = random.Random(seed)
    return (engagement(r, number, users) for number in itertools.count())


def fill_store(broker, directory, redis, *, kills, per_s, users, static=True, seed=1, say=lambda text: None):
    """Redis is killed so often while rows arrive, and each time a process as well: by turns while Redis is away, and
    when it is back. Gives all engagements."""
    job = histories_job(broker, directory)
    people = Crew(job, directory, static=static, seed=seed, say=say, count=PROCESSES,
                  arguments=["--set", "commit_interval=50ms", *store_arguments(redis)])

    def settled():
        return job.positions("sink", "user_histories", PARTITIONS)

    def wait_for_more(what):
        before = settled()

        def more():
            people.restart_dead()
            return settled() > before

        cluster.wait_until(more, what, every_s=POLL_S)

    with contextlib.ExitStack() as stack:
        stack.callback(job.end)
        people.start_all()
        with Engagements(job, endless_engagements(seed, users), per_s) as fed:
            for number in range(kills):
                wait_for_more("rows to reach Redis")
                redis.kill()
                if number % 2 == 0:
                    people.kill_and_restart()
                redis.start()
                wait_for_more("rows to reach Redis again")
                if number % 2 == 1:
                    people.kill_and_restart()
                say(f"Redis was killed {number + 1} times; {people.told()}; {len(fed.written):,} engagements")
        people.finish()
    return fed.written, people
