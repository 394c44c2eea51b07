"""Processes that a benchmark starts: what they cost, what they say; none outlives it."""

import atexit
import os
import pathlib
import select
import signal
import subprocess
import sys
import time

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
running = set()


def say(text):
    print(text, file=sys.stderr, flush=True)


class Process:
    """In a session of its own. With `log` its output goes to that file, without it can be read line by line."""

    def __init__(self, command, log=None):
        self.log = log
        self.command = [str(word) for word in command]
        with open(log or os.devnull, "ab") as out:
            self.began = time.monotonic()
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=out if log else None,
                                          stdout=out if log else subprocess.PIPE, bufsize=0, start_new_session=True)
        self.pid, self.text = self.child.pid, b""
        self.code = self.cpu_s = self.peak_bytes = self.wall_s = None
        running.add(self)

    def ended(self, wait=False):
        """The exit code, or None while it runs. From then on cpu_s, wall_s and peak_bytes are there."""
        if self.code is None:
            pid, status, usage = os.wait4(self.pid, 0 if wait else os.WNOHANG)
            if pid != 0:
                self.wall_s = time.monotonic() - self.began
                self.code = self.child.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_s = usage.ru_utime + usage.ru_stime
                self.peak_bytes = usage.ru_maxrss * 1024
                running.discard(self)
        return self.code

    def wait(self, timeout_s):
        """Until it has ended; one that has not by then is killed."""
        deadline = time.monotonic() + timeout_s
        while self.ended() is None:
            if time.monotonic() > deadline:
                say(f"{self.command[0]} was killed after {timeout_s} s")
                self.kill()
            time.sleep(0.02)
        return self.code

    def kill(self, number=signal.SIGKILL):
        """The whole session: what it started ends with it."""
        if self.ended() is None:
            os.killpg(self.pid, number)
        if number == signal.SIGKILL:
            self.ended(wait=True)

    def line(self, timeout_s, beside=None):
        """Its next line, or "" where none came: it has ended, time is over, or the process `beside` has failed."""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self.text:
            ready, _, _ = select.select([self.child.stdout], [], [], 0.1)
            got = os.read(self.child.stdout.fileno(), 65536) if ready else b""
            self.text += got
            if (ready and not got) or time.monotonic() > deadline or (beside and beside.ended() not in (None, 0)):
                break
        line, _, self.text = self.text.partition(b"\n")
        return line.decode()


def cpu_s(pid):
    """User and system time of a process that runs, all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


@atexit.register
def end_all():
    for process in list(running):
        process.kill()
