"""Runs the tests: build/venv/bin/python tests/run.py [--build DIR] [pytest's own arguments].

The last line it prints is `N passed, N failed, N skipped`. `make test` builds what is tested first.
"""

import os
import pathlib
import signal
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUPPRESSIONS = ROOT / "tests" / "suppressions"

# An exit status that no command of ours has, so that a report in a command that is expected to fail is seen.
SANITIZER_EXIT = 86
SANITIZERS = {
    "ASAN_OPTIONS": f"suppressions={SUPPRESSIONS}/asan.supp:exitcode={SANITIZER_EXIT}:detect_stack_use_after_return=1",
    "LSAN_OPTIONS": f"suppressions={SUPPRESSIONS}/lsan.supp:exitcode={SANITIZER_EXIT}:print_suppressions=0",
    "UBSAN_OPTIONS": f"suppressions={SUPPRESSIONS}/ubsan.supp:exitcode={SANITIZER_EXIT}:print_stacktrace=1",
    "TSAN_OPTIONS": f"suppressions={SUPPRESSIONS}/tsan.supp:exitcode={SANITIZER_EXIT}",
}


class Counter:
    """A test that passes but whose set-up or clean-up fails has failed; a file that can't be collected has too."""

    def __init__(self):
        self.outcomes = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.note(report.nodeid, report.outcome)

    def pytest_collectreport(self, report):
        if report.outcome != "passed":
            self.note(report.nodeid, report.outcome)

    def note(self, name, outcome):
        if self.outcomes.get(name) != "failed":
            self.outcomes[name] = outcome

    def line(self):
        counts = [sum(outcome == wanted for outcome in self.outcomes.values())
                  for wanted in ("passed", "failed", "skipped")]
        return "{} passed, {} failed, {} skipped".format(*counts)


def set_environment(build, temporary):
    os.chdir(ROOT)
    os.environ["ISOTOPE_SOURCE_ROOT"] = str(ROOT)
    os.environ["ISOTOPE_BUILD"] = str(build)
    os.environ["TMPDIR"] = temporary
    os.environ["TZ"] = "UTC"
    os.environ["LC_ALL"] = "C.UTF-8"
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    for name, value in SANITIZERS.items():
        given = os.environ.get(name)
        os.environ[name] = f"{value}:{given}" if given else value


def main(arguments):
    # Where nohup, or a shell in the background, has them ignored, the programs that are tested would ignore them, too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    build = ROOT / "build" / "release"
    if arguments[:1] == ["--build"]:
        build = pathlib.Path(arguments[1]).resolve()
        arguments = arguments[2:]
    counter = Counter()
    with tempfile.TemporaryDirectory(prefix="isotope-tests-") as temporary:
        set_environment(build, temporary)
        status = pytest.main(["-c", "tests/pytest.ini", "--rootdir", str(ROOT), "--basetemp", f"{temporary}/pytest",
                              *(arguments or ["tests"])], plugins=[counter])
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        print("no test was found by this pattern")
    print(counter.line(), flush=True)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
