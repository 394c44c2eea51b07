"""File calls in the data directory that fail: of the embedded log's own files, its database's and the stores'.
Whatever fails, a command ends with a text of ours and status 1, or goes on; and what it leaves is completed by the next
one, each row once. A start waits for what may come (descriptors, room) as a running job does.

A few calls of each kind are chosen; with ISOTOPE_FAULTS=all in the environment it is every one of them.
"""

import os
import random
import shutil
import subprocess

import pytest

from tests.flow.job import ISOTOPE, ROOT, TIMEOUT_S, Job, lines_of
from tests.flow.test_log_damage import TEXT, impression

ROWS = 1_000
ITEMS = 300
CHOSEN = 5  # of the calls that may fail
MANY = ["--set", "commit_bytes=64KiB"]  # many commits

pytestmark = pytest.mark.skipif(ISOTOPE.parent.name != "release", reason="sanitizers must be loaded first")


def vector(number, revision):
    return {"item_id": f"v{number}", "vector": [revision, 1.0], "updated_at": 1_767_225_600_000 + revision}


@pytest.fixture(scope="session")
def preload(tmp_path_factory):
    library = tmp_path_factory.mktemp("preload") / "fault_preload.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-U_FORTIFY_SOURCE", "-o", library,
                    ROOT / "tests" / "flow" / "fault_preload.c", "-ldl"], check=True)
    return library


def job_in(directory):
    topology = directory.parent / "faults.yaml"
    topology.write_text(TEXT.replace("operators:", "  item_vectors: {schema: item_vector.avsc, key: item_id, "
                                     "time: updated_at, cleanup: compact}\noperators:"))
    return Job(directory, topology)


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """Fed, and killed in the middle of the work: what is opened has something to recover, to compact and to do."""
    job = job_in(tmp_path_factory.mktemp("template") / "data")
    job.produce("impressions", map(impression, range(ROWS)))
    for revision in range(2):
        job.produce("item_vectors", [vector(number, revision) for number in range(ITEMS)])
    assert job.run_killed(*MANY, point="committed:2")
    return job.directory


def environment(job, preload, **faults):
    return {**os.environ, "LD_PRELOAD": str(preload), "FAULT_DIRECTORY": str(job.directory),
            **{f"FAULT_{name.upper()}": str(value) for name, value in faults.items()}}


def call_with_faults(job, preload, arguments, given="", **faults):
    """The status, what it said, and how many calls there were that might have failed."""
    counted = job.directory.parent / "count"
    counted.unlink(missing_ok=True)
    done = subprocess.run(job.command(*arguments), input=given, capture_output=True, text=True, timeout=TIMEOUT_S,
                          env=environment(job, preload, count=counted, **faults))
    ours = f"isotope {arguments[0]}: ", "isotope: a file of the log's or the stores' database could not be written"
    assert done.returncode == 0 or (done.returncode == 1 and any(text in done.stderr for text in ours)), \
        f"{arguments} {faults}: status {done.returncode}\n{done.stderr}"
    return done, int(counted.read_text()) if counted.exists() else 0


def check_whole(job, what):
    job.call("run", "--until-end", *MANY)
    assert sorted(row["impression_id"] for row in job.rows("outcomes")) == \
        sorted(f"i{number}" for number in range(ROWS)), what
    last = {row["item_id"]: row["vector"][0] for row in job.rows("item_vectors")}
    assert last == {f"v{number}": 1.0 for number in range(ITEMS)}, what


def numbers(calls, seed):
    """Which calls fail; as threads run beside each other, their order differs a little from run to run."""
    if os.environ.get("ISOTOPE_FAULTS") == "all":
        return range(1, calls + 1)
    return sorted(random.Random(seed).sample(range(1, calls + 1), min(CHOSEN, calls)))


@pytest.mark.parametrize("kind,length", [("EMFILE", 1), ("EMFILE", 20), ("EIO", 1), ("ENOSPC", 1), ("ENOSPC", 20)])
def test_a_run_whose_file_calls_fail_leaves_each_row_once(tmp_path, preload, template, kind, length):
    command = ["run", "--until-end", *MANY, "--set", "outage=2s"]
    job = job_in(tmp_path / "data")
    shutil.copytree(template, job.directory)
    _, calls = call_with_faults(job, preload, command, errno=kind)
    assert calls > 20
    failed = 0
    for number in numbers(calls, length):
        shutil.rmtree(job.directory)
        shutil.copytree(template, job.directory)
        done, _ = call_with_faults(job, preload, command, errno=kind, at=number, **{"for": length})
        failed += done.returncode
        check_whole(job, f"{kind} at {number}\n{done.stderr}")
    print(f"{kind} x {length}: {calls} calls, {failed} runs failed")


@pytest.mark.parametrize("kind", ["EMFILE", "EIO", "ENOSPC"])
def test_what_is_fed_while_file_calls_fail_is_there_whole_or_not_at_all(tmp_path, preload, kind):
    rows = lines_of(map(impression, range(ROWS)))
    job = job_in(tmp_path / "data")
    _, calls = call_with_faults(job, preload, ["produce", "impressions"], rows, errno=kind)
    assert calls > 10
    failed = 0
    for number in numbers(calls, 1):
        shutil.rmtree(job.directory)
        done, _ = call_with_faults(job, preload, ["produce", "impressions"], rows, errno=kind, at=number)
        failed += done.returncode
        job.produce("item_vectors", [vector(0, 0)])
        assert len(job.rows("impressions")) in ((0, ROWS) if done.returncode else (ROWS,)), \
            f"{kind} at {number}\n{done.stderr}"
    print(f"{kind}: {calls} calls, {failed} calls of produce failed")


# ---- a start ----

FIRST = {"at": 1, "for": 40}  # tried anew every 50 ms, a start meets one of them at each try


def copy_of(template, directory):
    job = job_in(directory / "data")
    shutil.copytree(template, job.directory)
    return job


@pytest.mark.parametrize("kind,reason", [("EMFILE", "raise the limit"), ("ENOSPC", "free some space")])
def test_a_start_waits_for_descriptors_and_for_room(tmp_path, preload, template, kind, reason):
    job = copy_of(template, tmp_path)
    done, _ = call_with_faults(job, preload, ["run", "--until-end"], errno=kind, **FIRST)
    assert done.returncode == 0 and " warn retry operator=(start) " in done.stderr, done.stderr
    assert reason in done.stderr and "resumed operator=(start)" in done.stderr, done.stderr
    check_whole(job, kind)


@pytest.mark.parametrize("kind", ["EMFILE", "ENOSPC"])
def test_a_start_that_waits_ends_with_the_outage_or_with_sigterm(tmp_path, preload, template, kind):
    job = copy_of(template, tmp_path)
    for_ever = {"errno": kind, "at": 1, "for": 10**9}
    done, _ = call_with_faults(job, preload, ["run", "--until-end", "--set", "outage=1s"], **for_ever)
    assert done.returncode == 1 and "(outage)" in done.stderr and job.directory.name in done.stderr, done.stderr
    process = job.start("run", env=environment(job, preload, **for_ever))
    errors = []
    for line in process.stderr:
        errors.append(line)
        if "retry operator=(start)" in line:
            process.terminate()
    assert process.wait(TIMEOUT_S) == 0 and "stopped waited_for=" in errors[-1], "".join(errors)
    check_whole(job, kind)


def test_a_start_that_meets_an_error_of_the_disk_ends_at_once(tmp_path, preload, template):
    job = copy_of(template, tmp_path)
    done, _ = call_with_faults(job, preload, ["run", "--until-end"], errno="EIO", at=1, **{"for": 10**9})
    assert done.returncode == 1 and "Input/output error" in done.stderr and "retry" not in done.stderr, done.stderr
    check_whole(job, "EIO")
