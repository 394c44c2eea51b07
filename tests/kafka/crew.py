"""Processes of one job that come and go while records flow in, as on a cluster under repair: started, stopped as one
should, and killed, at random."""

import random
import signal
import threading
import time

from tests.kafka import cluster, feed

JOIN = {"window": "5s", "before": "2s", "grace": "1s", "correction_horizon": "10min", "orphan_wait": "5s"}
TOPIC = {"idle_after": "1h"}  # which rows come when depends on the records alone
MEMBERS = 3
PAUSE_S = (0.3, 1.5)
RESTORE = ("--log-level", "warn")


class Crew:
    def __init__(self, job, directory, *, static=False, seed=1, say=lambda text: None):
        self.job = job
        self.random = random.Random(seed)
        self.say = say
        self.members = [job.beside(directory / f"member-{number}", f"member-{number}" if static else None)
                        for number in range(MEMBERS)]
        self.running = {}
        self.counts = {"started": 0, "stopped": 0, "killed": 0}
        self.logs = directory
        self.log_files = {}

    # ---- one step

    def start(self, number):
        self.log_files[number] = open(self.logs / f"member-{number}.log", "ab")
        member = self.members[number]
        self.running[number] = member.launch("run", *RESTORE, stderr=self.log_files[number])
        self.counts["started"] += 1

    def check_alive(self):
        for number, process in self.running.items():
            assert process.poll() is None, f"member {number} ended by itself: {self.log_tail(number)}"

    def log_tail(self, number):
        return (self.logs / f"member-{number}.log").read_text(encoding="utf-8")[-3000:]

    def end(self, number, kill):
        process = self.running.pop(number)
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        status = process.wait(cluster.TIMEOUT_S)
        self.log_files.pop(number).close()
        assert kill or status == 0, f"member {number} did not stop well: {self.log_tail(number)}"
        self.counts["killed" if kill else "stopped"] += 1

    def step(self):
        self.check_alive()
        number = self.random.randrange(MEMBERS)
        if number not in self.running:
            self.start(number)
        elif self.random.random() < 0.85 or len(self.running) > 1:
            self.end(number, self.random.random() < 0.5)

    # ---- all of it

    def churn(self, seconds, impressions_per_s):
        """Gives the count of impressions."""
        impressions, stop, never = int(seconds * impressions_per_s), threading.Event(), threading.Event()
        failed = []

        def produce():
            try:
                feed.produce(self.job, 0, impressions, per_s=impressions_per_s * 1.5, stop=stop)
            except BaseException as error:
                failed.append(error)

        producer = threading.Thread(target=produce)
        began, said = time.monotonic(), time.monotonic()
        producer.start()
        try:
            for number in range(MEMBERS):
                self.start(number)
            while time.monotonic() - began < seconds:
                never.wait(self.random.uniform(*PAUSE_S))
                self.step()
                if time.monotonic() - said > 5:
                    said = time.monotonic()
                    self.say(f"{said - began:5.0f} s  {self.told()}, {len(self.running)} running")
        finally:
            stop.set()  # what is left is produced at once
            producer.join()
        assert not failed, failed
        return impressions

    def told(self):
        return ", ".join(f"{count} {what}" for what, count in self.counts.items())

    def finish(self):
        for number in list(self.running):
            self.end(number, kill=False)
        self.job.broker.wait_until_left(self.job.group)
        self.members[0].call("run", "--until-end")

    def abandon(self):
        for process in self.running.values():
            process.kill()
            process.wait()
        for file in self.log_files.values():
            file.close()
