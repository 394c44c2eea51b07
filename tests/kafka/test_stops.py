"""Stops at random moments: at a start, in a restore, while tasks are shared out anew, at work, idle; with a broker that
is well, silent (its connections stay), or gone. tests/flow/test_stops.py has those with Redis and receivers of alerts
away. Nothing is lost, nothing comes twice."""

import concurrent.futures
import contextlib
import shutil
import threading

import pytest

from tests.flow.stops import Stops
from tests.kafka import cluster, feed
from tests.kafka.crew import JOIN, TOPIC

JOBS = 3
OFTEN = ("--set", "commit_interval=20ms")
PART, PER_S = 500, 400


class Feed:
    """Of one job, from a thread: goes on while the broker is away, and through all stops."""

    def __init__(self, job):
        self.job, self.count, self.done = job, 0, threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.future = None

    def begin(self):
        self.done.clear()
        self.future = self.pool.submit(self.run)

    def run(self):
        while not self.done.is_set():
            feed.produce(self.job, self.count, self.count + PART, per_s=PER_S, stop=self.done)
            self.count += PART

    def end(self):
        self.done.set()
        if self.future:
            self.future.result(cluster.TIMEOUT_S)

    def once(self):
        feed.produce(self.job, self.count, self.count + PART)
        self.count += PART


class Place:
    """Jobs side by side on one broker, with a feed each."""

    def __init__(self, make_job, tmp_path, broker, salt, stack):
        self.broker = broker
        self.jobs = []
        for number in range(JOBS):
            directory = tmp_path / f"job-{number}"
            job = make_job(on=broker, create=False, partitions=2, scores=False, join=JOIN, topic=TOPIC,
                           directory=directory)
            self.jobs.append(job)
        self.each(lambda job: job.create_topics())
        self.feeds = [Feed(job) for job in self.jobs]
        self.stops = stack.enter_context(Stops(tmp_path, salt))
        for fed in self.feeds:
            stack.callback(fed.pool.shutdown)
            stack.callback(fed.done.set)

    def each(self, function):
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            return list(pool.map(function, self.jobs))

    def start(self, jobs=None):
        return [self.stops.start(job, *OFTEN) for job in jobs or self.jobs]

    def wait_until_at_work(self):
        for job in self.jobs:
            before = job.positions(job.operator, "impressions", 2)
            cluster.wait_until(lambda: job.positions(job.operator, "impressions", 2) > before, "it works", every_s=0.2)

    def wait_until_idle(self):
        for job, fed in zip(self.jobs, self.feeds):
            cluster.wait_until(lambda: job.positions(job.operator, "impressions", 2) >= fed.count, "all is read",
                               every_s=0.2)

    def begin_to_feed(self):
        for fed in self.feeds:
            fed.begin()

    def finish(self):
        for fed in self.feeds:
            fed.end()
        self.each(lambda job: (job.wait_until_left(), job.call("run", "--until-end")))
        for job, fed in zip(self.jobs, self.feeds):
            feed.assert_once(job, fed.count)


@pytest.fixture
def make_place(make_job, tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda broker, salt: Place(make_job, tmp_path, broker, salt, stack)


@pytest.mark.parametrize("how", ("silent", "gone"))
def test_a_stop_while_the_broker_is_away(private_broker, make_place, how):
    go, come_back = {"silent": (private_broker.freeze, private_broker.thaw),
                     "gone": (private_broker.kill, private_broker.restart)}[how]
    place = make_place(private_broker, how)
    for fed in place.feeds:
        fed.once()
    runs = place.start()
    place.wait_until_idle()
    go()
    place.stops.stop(f"the broker is {how}, idle", runs, 2)
    place.stops.stop(f"the broker is {how}, at the start", place.start(), 2)
    come_back()
    place.begin_to_feed()
    runs = place.start()
    place.wait_until_at_work()
    go()
    place.stops.stop(f"the broker is {how}, at work", runs, 3)
    come_back()
    assert place.stops.count == 3 * JOBS
    place.finish()


def test_a_stop_while_the_broker_is_well(broker, make_place, tmp_path):
    place = make_place(broker, "well")
    place.begin_to_feed()
    runs = place.start()
    place.wait_until_at_work()
    place.stops.stop("at work", runs, 1)
    place.stops.stop("at the start", place.start(), 1)
    runs = place.start()
    place.wait_until_at_work()
    others = [job.beside(tmp_path / f"other-{number}") for number, job in enumerate(place.jobs)]
    place.stops.stop("while tasks are shared out anew", runs + place.start(others), 2)
    assert place.stops.count == 4 * JOBS
    place.finish()


def test_a_stop_in_a_restore(private_broker, make_place):
    """Everything is read from the journals; a transaction that somebody has left open in each of them holds that up for
    as long as the test wants. Then the broker is silent, too."""
    place = make_place(private_broker, "restore")
    for fed in place.feeds:
        fed.once()
    place.each(lambda job: job.call("run", "--until-end"))
    writers = [place.broker.producer(**{"transactional.id": job.name, "transaction.timeout.ms": 600_000})
               for job in place.jobs]
    for job, writer in zip(place.jobs, writers):
        shutil.rmtree(job.directory)
        writer.init_transactions()
        writer.begin_transaction()
        for partition in range(2):
            writer.produce(job.journal, b"not a block", None, partition)
        writer.flush()
    runs = place.start()
    for run in runs:
        cluster.wait_until(lambda: " restore_waits " in run.text(), "the restore to wait")
    place.stops.stop("in a restore that waits", runs, 1)
    place.each(lambda job: job.wait_until_left())
    runs = place.start()
    for run in runs:
        cluster.wait_until(lambda: " restore_waits " in run.text(), "the restore to wait")
    private_broker.freeze()
    place.stops.stop("in a restore, the broker is silent", runs, 2)
    private_broker.thaw()
    for writer in writers:
        writer.abort_transaction()
    assert place.stops.count == 2 * JOBS
    place.finish()


def test_a_stop_where_nobody_listens(make_job, tmp_path):
    job = make_job(create=False)
    with Stops(tmp_path, "nobody") as stops:
        runs = [stops.start(job.beside(tmp_path / f"{number}"), "--set", "log.bootstrap.servers=127.0.0.1:1")
                for number in range(6)]
        stops.stop("nobody listens", runs, 2)
        run = stops.start(job, "--set", "log.bootstrap.servers=127.0.0.1:1")
        cluster.wait_until(lambda: " log_wait " in run.text(), "it to say what it waits for")
        assert "127.0.0.1:1" in run.text()
        stops.stop("nobody listens, which has been said", [run], 0.5)
