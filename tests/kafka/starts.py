"""Processes that start seconds apart while there is much to restore: each start brings a rebalance into the restores of
those before it. None may be thrown away, none may end a process, and every row comes once."""

import re
import threading
import time

from tests.kafka import cluster, crew, feed

# Nothing is over before the end: all that was ever shown is state.
JOIN = {"window": "12h", "before": "2s", "grace": "1s", "correction_horizon": "24h", "orphan_wait": "5s"}
BYTES_EACH = 560  # of an impression in the journal, about
COUNT = 4
LIVE_PER_S = 200
WORK_S_MAX = 600
FILL = ("--set", "commit_interval=50ms", "--set", "commit_bytes=256KiB")
FIRST_BLOCK_BYTES_MAX = 2**20  # a restore that has read more has something to go on from
LOUDLY = ("--log-level", "info")
RESTORED = re.compile(r" restored operator=\S+ task=(\d+) from=(\d+) end=(\d+) journal_start=(\d+) bytes=(\d+) "
                      r"ms=(\d+)")
RESTORING = re.compile(r" restoring operator=\S+ task=(\d+) percent=(\d+) bytes=(\d+)")


def make_job(broker, directory):
    return cluster.KafkaJob(broker, directory, join=JOIN, topic=crew.TOPIC, scores=False)


def fill(job, directory, state_bytes):
    """Makes a journal about so large, all of it live. Gives the count of impressions."""
    impressions = state_bytes // BYTES_EACH
    filler = job.beside(directory / "filler")
    with open(directory / "filler.log", "wb") as log:
        process = filler.launch("run", *crew.QUIETLY, *FILL, stderr=log)
        feed.produce(job, 0, impressions, impression=feed.WIDE_IMPRESSION)
        cluster.wait_until(lambda: job.positions(job.operator, "impressions", COUNT) >= impressions
                           or process.poll() is not None, "the state to be there", WORK_S_MAX)
        process.terminate()
        assert process.wait(cluster.TIMEOUT_S) == 0, (directory / "filler.log").read_text(encoding="utf-8")[-3000:]
    job.wait_until_left()
    return impressions


class Slowly:
    """The cluster gives the job's readers no more than so many bytes a second."""

    def __init__(self, job, bytes_per_s):
        self.job, self.bytes_per_s = job, bytes_per_s

    def set(self, *change):
        self.job.broker.tool("ConfigCommand", "--alter", *change, "--entity-type", "clients", "--entity-name",
                             self.job.name)

    def __enter__(self):
        self.set("--add-config", f"consumer_byte_rate={self.bytes_per_s}")

    def __exit__(self, *_):
        self.set("--delete-config", "consumer_byte_rate")


class Starts:
    def __init__(self, job, directory, impressions, say=lambda text: None):
        self.people = crew.Crew(job, directory, count=COUNT, arguments=LOUDLY)
        self.directory, self.job, self.impressions, self.say = directory, job, impressions, say
        self.began = time.monotonic()

    def log(self, number):
        return (self.directory / f"member-{number}.log").read_text(encoding="utf-8")

    def restored(self, number):
        """What it says of each restore that came to its end: (task, from, end, journal's start, bytes, ms)."""
        return [tuple(map(int, found)) for found in RESTORED.findall(self.log(number))]

    def restoring(self, number):
        """Tasks of which it has read more than the first block, and not all."""
        return {int(task) for task, _, size in RESTORING.findall(self.log(number))
                if int(size) > FIRST_BLOCK_BYTES_MAX}

    def is_reading(self, number):
        self.people.check_alive()
        wanted = COUNT if number == 0 else 1  # the first has all tasks, as long as it is alone
        return len(self.restoring(number)) >= wanted or self.restored(number)

    def all_run(self):
        """Each process has restored what it was given."""
        self.people.check_alive()
        return all(self.restored(number) for number in range(COUNT))

    def start_all(self, apart_s=None):
        """One after the other: `apart_s`, or as soon as the one before is in the middle of its restore."""
        for number in range(COUNT):
            self.people.start(number)
            self.say(f"process {number} is started")
            if apart_s is None:
                cluster.wait_until(lambda number=number: self.is_reading(number), f"process {number} to restore")
            elif number + 1 < COUNT:
                threading.Event().wait(apart_s)
                self.people.check_alive()

    def feed_live(self, stop):
        """Goes on until `stop` is set."""
        while not stop.is_set():
            feed.produce(self.job, self.impressions, self.impressions + LIVE_PER_S, per_s=LIVE_PER_S * 1.5, stop=stop)
            self.impressions += LIVE_PER_S

    def run(self, apart_s=None):
        """Starts all, while records come, and waits until all run."""
        stop, failed = threading.Event(), []

        def produce():
            try:
                self.feed_live(stop)
            except BaseException as error:
                failed.append(error)

        producer = threading.Thread(target=produce)
        producer.start()
        try:
            self.start_all(apart_s)
            cluster.wait_until(self.all_run, "all to have restored their task", WORK_S_MAX)
            self.say("all run")
        finally:
            stop.set()
            producer.join()
        assert not failed, failed

    def check_restores(self):
        """A process reads a journal from its start once; whatever it had read when a task left it, it has when the task
        is there again."""
        for number in range(COUNT):
            whole = [task for task, begin, _, start, _, _ in self.restored(number) if begin == start]
            partly = self.restoring(number)
            assert len(whole) == len(set(whole)), f"process {number} has read a journal twice: {self.log(number)}"
            if number == 0:
                assert not partly & set(whole), f"what process 0 had read was thrown away: {self.log(number)}"
            assert "max.poll" not in self.log(number) and " abort " not in self.log(number), self.log(number)

    def told(self):
        lines = []
        for number in range(COUNT):
            for task, begin, end, start, size, took_ms in self.restored(number):
                lines.append(f"process {number} task {task}: read {size:,} bytes in {took_ms:,} ms, from {begin} of "
                             f"{start} to {end}")
        return "\n".join(lines)

