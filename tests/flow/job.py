"""A topology with a data directory of its own, and the program called on it as a user calls it."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ISOTOPE = pathlib.Path(os.environ.get("ISOTOPE_BUILD", ROOT / "build" / "release")) / "isotope"
TOPOLOGY = ROOT / "topologies" / "engagement.yaml"
TIMEOUT_S = 240


def under_the_thread_sanitizer():
    return b"__tsan_init" in ISOTOPE.read_bytes()


def under_a_sanitizer():
    return under_the_thread_sanitizer() or b"__asan_init" in ISOTOPE.read_bytes()


class Job:
    def __init__(self, directory, topology=TOPOLOGY):
        self.directory = directory
        self.topology = topology

    def command(self, name, *arguments):
        return [ISOTOPE, name, self.topology, *map(str, arguments), "--data-dir", self.directory]

    def call(self, name, *arguments, given="", status=0):
        done = subprocess.run(self.command(name, *arguments), input=given, capture_output=True, text=True,
                              timeout=TIMEOUT_S)
        assert status in (None, done.returncode), \
            f"{name} {arguments}: status {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start(self, name, *arguments, **rest):
        return subprocess.Popen(self.command(name, *arguments), text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **rest)

    def run_killed(self, *arguments, point=None, after_s=None, live=False):
        """A bounded (or live) run that kills itself at a crash point (src/base/crash_point.h), or is killed after so
        long; False: it had ended by then."""
        process = self.start("run", *([] if live else ["--until-end"]), *arguments,
                             env={**os.environ, "ISOTOPE_CRASH": point} if point else None)
        try:
            _, errors = process.communicate(timeout=after_s or TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            assert after_s, errors
        assert process.returncode in (0, -signal.SIGKILL), errors
        return process.returncode != 0

    @staticmethod
    def topic(name):
        """What a topic that the tests call so is called on the log: there, jobs of several tests may meet."""
        return name

    def produce(self, topic, rows, *arguments, status=0):
        return self.call("produce", topic, *arguments, given=lines_of(rows), status=status)

    def rows(self, topic, *arguments):
        return [json.loads(line) for line in self.call("consume", topic, "--until-end", *arguments).stdout.splitlines()]

    def dead_letters(self):
        return self.rows("dead_letters")


def memory_of(text):
    """(budget, peak, resident) bytes of a run that has ended, from its log."""
    found = re.search(r" memory budget_bytes=(\d+) peak_bytes=(\d+) resident_bytes=(\d+)", text)
    return tuple(map(int, found.groups()))


def restored_bytes(text):
    return sum(map(int, re.findall(r" restored .* bytes=(\d+)", text)))


def assert_restored_within(job, memory_bytes, beside_bytes):
    """Two runs to the end, the second of which restores its state, far larger than memory, from the journal."""
    words = ("run", "--until-end", "--set", f"memory={memory_bytes}B")
    first = job.call(*words).stderr
    shutil.rmtree(job.directory / "state")
    second = job.call(*words).stderr
    assert restored_bytes(second) > 3 * memory_bytes
    for text in (first, second):
        budget, peak, _ = memory_of(text)
        assert budget == memory_bytes
        assert peak < budget + beside_bytes, text


def lines_of(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)
