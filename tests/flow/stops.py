"""Runs that are asked to end at moments drawn from a seed, several side by side. Whatever they are at, and whatever is
away, they end soon, and in one of the ways that are documented."""

import contextlib
import os
import random
import re
import signal
import subprocess
import time

SEED = int(os.environ.get("TEST_SEED", "20"))
STOP_S_MAX = 20  # promised are 6, and 2 more for handles of librdkafka that hang; the rest is for a busy machine
SEEN_MS_MAX = 10_000  # promised is a second
SIGNALS = (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
UNDECIDED = "the next run decides it"


class Run:
    def __init__(self, job, log, *arguments):
        self.log = log
        with open(log, "w", encoding="utf-8") as file:
            self.process = subprocess.Popen(job.command("run", "--log-level", "info", *arguments), stderr=file,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def text(self):
        return self.log.read_text(encoding="utf-8")


class Stops:
    """`count`: moments so far."""

    def __init__(self, directory, salt):
        self.directory, self.count = directory, 0
        self.random = random.Random(f"{SEED} {salt}")
        self.runs = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for run in self.runs:
            run.process.kill()
            run.process.wait()

    def start(self, job, *arguments):
        self.runs.append(Run(job, self.directory / f"run-{len(self.runs)}.log", *arguments))
        return self.runs[-1]

    def stop(self, what, runs, within_s):
        """Each at a moment of its own, up to `within_s` from now."""
        began, ended = time.monotonic(), []
        for at, number in sorted((self.random.uniform(0, within_s), number) for number in range(len(runs))):
            moment = f"seed {SEED}, moment {self.count}: {what}, {at:.3f} s, run {number}"
            self.count += 1
            with contextlib.suppress(subprocess.TimeoutExpired):
                runs[number].process.wait(max(0.001, began + at - time.monotonic()))
            assert runs[number].process.poll() is None, f"{moment}: it ended by itself\n{runs[number].text()}"
            chosen = self.random.choice(SIGNALS)
            runs[number].process.send_signal(chosen)
            ended.append((runs[number], chosen, moment))
        for run, chosen, moment in ended:
            self.check(run, chosen, moment)

    @staticmethod
    def check(run, chosen, moment):
        try:
            status = run.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{moment}: it has not ended {STOP_S_MAX} s later\n{run.text()}") from None
        text = run.text()
        # One that has only just been started does not hear it yet: nothing has begun.
        unheard = status == -chosen and " running " not in text
        assert status == 0 or unheard or (status == 1 and UNDECIDED in text), f"{moment}: status {status}\n{text}"
        late = [int(ms) for ms in re.findall(r" slow_stop .*after_ms=(\d+)", text)]
        assert max(late, default=0) < SEEN_MS_MAX, f"{moment}: seen late\n{text}"
