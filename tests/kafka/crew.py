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
QUIETLY = ("--log-level", "warn")
UNDECIDED = "the next run decides it"
PART = 2_000  # impressions that are produced at a time
BROKER_IS_AWAY_S = (0, 4)
SAID_EVERY_S = 15
FOLLOWED_S = 1
FINISH_S_MAX = 1_800  # for what all have left
STOPPED_RATIO = 0.1  # of those that go under fire
# Where one that is to be killed may kill itself, and how often it passes there before that: at random, up to so often.
POINTS = {"started": 3, "processed": 60, "block": 20, "sent": 20, "positions": 20, "committed": 20, "written": 20}


class Crew:
    def __init__(self, job, directory, *, static=False, seed=1, say=lambda text: None, count=MEMBERS, arguments=()):
        """`arguments`: of all runs."""
        self.job = job
        self.arguments = [*QUIETLY, *arguments]
        self.random = random.Random(seed)
        self.say = say
        self.members = [job.beside(directory / f"member-{number}", f"member-{number}" if static else None)
                        for number in range(count)]
        self.running = {}
        self.doomed = set()  # those that have a point at which they kill themselves
        self.counts = {"started": 0, "stopped": 0, "killed": 0}
        self.brokers_die = False
        self.failures = []  # of processes that ended by themselves: such a start needs a person
        self.logs = directory
        self.log_files = {}

    # ---- one step

    def start(self, number, point=None):
        self.log_files[number] = open(self.logs / f"member-{number}.log", "ab")
        member = self.members[number]
        self.running[number] = member.launch("run", *self.arguments, stderr=self.log_files[number],
                                             env=cluster.crash_at(point) if point else None)
        (self.doomed.add if point else self.doomed.discard)(number)
        self.counts["started"] += 1

    def point(self):
        name = self.random.choice(list(POINTS))
        return f"{name}:{self.random.randint(1, POINTS[name])}"

    def start_all(self):
        for number in range(len(self.members)):
            self.start(number)

    def check_alive(self):
        for number, process in self.running.items():
            assert process.poll() is None, f"member {number} ended by itself: {self.log_tail(number)}"

    def restart_ended(self):
        """Under fire the count of them is wanted, and what they come to."""
        for number, process in list(self.running.items()):
            status = process.poll()
            if status is None or status == -signal.SIGKILL and number in self.doomed:
                continue
            del self.running[number]
            self.log_files.pop(number).close()
            self.counts["ended by themselves"] += 1
            self.failures.append(f"member {number} ended by itself with status {status}: {self.log_tail(number)}")
            self.say(self.failures[-1])
            self.start(number)

    def log_tail(self, number):
        return (self.logs / f"member-{number}.log").read_text(encoding="utf-8")[-3000:]

    def end(self, number, kill):
        process = self.running.pop(number)
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        status = process.wait(cluster.TIMEOUT_S)
        self.log_files.pop(number).close()
        killed = status == -signal.SIGKILL
        # One that has only just been started does not hear SIGTERM yet, and has done nothing. And where the brokers are
        # away a stop does not wait for ever for what they have decided.
        undecided = self.brokers_die and status == 1 and UNDECIDED in self.log_tail(number)
        assert killed or not kill and (status in (0, -signal.SIGTERM) or undecided), \
            f"member {number} ended with status {status}: {self.log_tail(number)}"
        assert not killed or kill or number in self.doomed, f"somebody has killed member {number}"
        self.counts["killed" if killed else "stopped"] += 1

    def kill_and_restart(self, stopped_ratio=0):
        """One is killed: at whatever moment this is, unless it has killed itself by now. Half of those that are started
        will do that, the others are left to us. Some are stopped as one should."""
        number = self.random.choice(list(self.running))
        self.end(number, kill=self.random.random() >= stopped_ratio)
        self.start(number, self.point() if self.random.random() < 0.5 else None)

    def restart_dead(self):
        for number in [number for number in self.doomed & self.running.keys()
                       if self.running[number].poll() is not None]:
            self.end(number, kill=True)
            self.start(number)

    def step(self):
        self.check_alive()
        number = self.random.randrange(len(self.members))
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
            self.start_all()
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

    def under_fire(self, pair, kills, broker_kills, impressions_per_s, pause_s=PAUSE_S):
        """Processes are killed and restarted at once, so often, and so are the two brokers, one at a time, spread over
        the kills. Gives the count of impressions."""
        done, failed, fed, never = threading.Event(), [], [0], threading.Event()
        self.brokers_die = True
        self.counts |= {"brokers killed": 0, "ended by themselves": 0}

        def guarded(work):
            try:
                work()
            except BaseException as error:
                failed.append(error)
                done.set()

        def produce():
            while not done.is_set():
                feed.produce(self.job, fed[0], fed[0] + PART, per_s=impressions_per_s * 1.5, stop=done)
                fed[0] += PART

        def kill_brokers():
            r = random.Random(self.random.random())
            for count in range(broker_kills):
                due = (count + r.random()) * kills / broker_kills
                while not done.is_set() and self.counts["killed"] < min(due, kills):
                    done.wait(cluster.POLL_S)
                if done.is_set():
                    return
                victim = r.choice((pair.first, pair.second))
                victim.kill()
                self.counts["brokers killed"] += 1
                done.wait(r.uniform(*BROKER_IS_AWAY_S))
                victim.restart()

        threads = [threading.Thread(target=guarded, args=(work,)) for work in (produce, kill_brokers)]
        follower = feed.Follower(self.job)
        self.start_all()
        for thread in threads:
            thread.start()
        try:
            said = time.monotonic()
            while not done.is_set() and (self.counts["killed"] < kills or threads[1].is_alive()):
                done.wait(self.random.uniform(*pause_s))
                self.restart_ended()
                self.restart_dead()
                self.kill_and_restart(STOPPED_RATIO)
                if time.monotonic() - said > SAID_EVERY_S:
                    said = time.monotonic()
                    check = follower.follow(FOLLOWED_S)
                    self.say(f"{self.told()}; {fed[0]:,} impressions; so far {check.rows:,} rows of "
                             f"{len(check.last):,} impressions, {check.repeated():,} twice")
        finally:
            done.set()
            for thread in threads:
                thread.join()
            follower.close()
        assert not failed, failed
        return fed[0]

    def told(self):
        return ", ".join(f"{count:,} {what}" for what, count in self.counts.items())

    def finish(self):
        for number in list(self.running):
            self.end(number, kill=False)
        self.job.wait_until_left()
        with open(self.logs / "last.log", "wb") as log:
            process = self.members[0].launch("run", "--until-end", *self.arguments, stderr=log)
            status = process.wait(FINISH_S_MAX)
        assert status == 0, (self.logs / "last.log").read_text(encoding="utf-8")[-3000:]

    def abandon(self):
        for process in self.running.values():
            process.kill()
            process.wait()
        for file in self.log_files.values():
            file.close()
