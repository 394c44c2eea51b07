"""Lets pytest run the tests in C too: tests/<layer>/<file>_test.c stands for the binary that was built from it.

Each TEST of a file is an item of its own and runs in a process of its own, with a temporary directory of its own.
No test, in C or in Python, may take longer than TIMEOUT_S.
"""

import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIMEOUT_S = int(os.environ.get("ISOTOPE_TEST_TIMEOUT_S", "300"))
TIMEOUT_AGAIN_S = 5
LIST_TIMEOUT_S = 60
EXIT_SKIPPED = 77
OUTPUT_CHARACTERS_MAX = 20000


def build_directory():
    return pathlib.Path(os.environ.get("ISOTOPE_BUILD", ROOT / "build" / "release"))


class TestFailed(Exception):
    """Its text is all that is printed."""


class CFile(pytest.File):
    def collect(self):
        binary = build_directory() / self.path.relative_to(ROOT).with_suffix("")
        if not binary.exists():
            raise self.CollectError(f"{binary} is not there: build it with `make test-binaries`")
        listed = subprocess.run([binary, "--list"], capture_output=True, text=True, timeout=LIST_TIMEOUT_S)
        if listed.returncode != 0:
            raise self.CollectError(f"{binary} --list ended with status {listed.returncode}:\n{listed.stderr}")
        for name in listed.stdout.split():
            yield CTest.from_parent(self, name=name, binary=binary)


class CTest(pytest.Item):
    def __init__(self, *, binary, **rest):
        super().__init__(**rest)
        self.binary = binary

    def runtest(self):
        with tempfile.TemporaryDirectory(prefix="test-") as directory:
            status, output = run_bounded([self.binary, self.name], directory)
        if status == EXIT_SKIPPED:
            pytest.skip(output.strip().rpartition("skipped: ")[2])
        if status is None:
            raise TestFailed(f"took longer than {TIMEOUT_S} s and was killed\n{output}")
        if status < 0:
            raise TestFailed(f"was ended by signal {signal.Signals(-status).name}\n{output}")
        if status > 0:
            raise TestFailed(f"ended with status {status}\n{output}")

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, TestFailed):
            return f"{self.binary} {self.name} {excinfo.value}"
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, f"{self.path.relative_to(ROOT)}::{self.name}"


def run_bounded(command, directory):
    """The exit status (None: it took too long) and what it printed. Takes its children down with it."""
    environment = {**os.environ, "TMPDIR": directory, "ISOTOPE_SOURCE_ROOT": str(ROOT),
                   "ISOTOPE_BUILD": str(build_directory())}
    # A file, not a pipe: a child that outlives the test would hold a pipe open.
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        output.seek(0)
        text = output.read()
    return status, text[-OUTPUT_CHARACTERS_MAX:]


def pytest_collect_file(file_path, parent):
    if file_path.name.endswith("_test.c"):
        return CFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    def too_long(_signal, _frame):
        raise TimeoutError(f"the test took longer than {TIMEOUT_S} s")

    if isinstance(item, CTest):
        return (yield)
    before = signal.signal(signal.SIGALRM, too_long)
    # Again and again: the clean-up of the test may itself wait for the program that hangs.
    signal.setitimer(signal.ITIMER_REAL, TIMEOUT_S, TIMEOUT_AGAIN_S)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
