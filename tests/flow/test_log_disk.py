"""The disk below the embedded log: what retention takes away is said, a full disk is waited for, a loss of power loses
nothing, few descriptors do."""

import json
import os
import resource
import shutil
import subprocess

import pytest

from tests.flow.job import ROOT, TIMEOUT_S, Job
from tests.flow.test_log_damage import ROWS, TEXT, check_whole, impression

DISK_MIB = 1200
FREE_BYTES = 52 << 20  # less than a commit leaves free on such a disk, and enough for a start
START_BYTES = 8 << 20  # less than that
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")
KEEP_LITTLE = ("--set", "topics.impressions.retention_bytes=1KiB")


def make_job(directory, text=TEXT):
    topology = directory / "disk.yaml"
    topology.write_text(text)
    return Job(directory / "data", topology)


def cut(job):
    """The first call takes the setting over, the sweep of the second one acts by it."""
    for _ in range(2):
        job.produce("engagements", [], *KEEP_LITTLE)


def first_offset(job, topic):
    [row] = [row for row in map(json.loads, job.call("topics", "--json").stdout.splitlines()) if row["topic"] == topic]
    return row["first_offset"]


# ---- retention ----


def test_consume_says_what_retention_took_away_before_it_was_read(tmp_path):
    job = make_job(tmp_path)
    for number in range(3):
        job.produce("impressions", map(impression, range(number * 100, number * 100 + 100)))
    cut(job)
    assert first_offset(job, "impressions") == 200
    done = job.call("consume", "impressions", "--from", "50", "--until-end")
    assert "records_lost topic=impressions partition=0 from=50 to=200 count=150" in done.stderr, done.stderr
    assert len(done.stdout.splitlines()) == 100
    assert "records_lost" not in job.call("consume", "impressions", "--until-end").stderr


@pytest.mark.parametrize("on_lost", ("continue", "stop"))
def test_a_run_says_what_retention_took_away_and_goes_on_or_stops(tmp_path, on_lost):
    job = make_job(tmp_path)
    job.produce("impressions", map(impression, range(10)))
    job.call("run", "--until-end")
    for number in range(1, 3):
        job.produce("impressions", map(impression, range(number * 100, number * 100 + 100)))
    cut(job)
    done = job.call("run", "--until-end", "--set", f"on_lost={on_lost}", status=int(on_lost == "stop"))
    assert "error records_lost topic=impressions partition=0 from=10 to=110 count=100" in done.stderr, done.stderr
    assert len(job.rows("outcomes")) == (10 if on_lost == "stop" else 110)


# ---- disks that are full, or lose power ----


class Disk:
    """A file system of its own, of so many MiB."""

    def __init__(self, directory, size_mib):
        self.image, self.mounted = directory / "image", []
        with open(self.image, "wb") as image:
            image.truncate(size_mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)

    def mount(self, image, where):
        where.mkdir()
        done = subprocess.run(["mount", "-o", "loop", image, where], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no loop device can be mounted here: {done.stderr.strip()}")
        self.mounted.append(where)
        return where

    def close(self):
        for where in self.mounted:
            subprocess.run(["umount", where], check=True)


@pytest.fixture
def disk(tmp_path):
    if not shutil.which("mkfs.ext4"):
        pytest.skip("there is no mkfs.ext4")
    disk = Disk(tmp_path, DISK_MIB)
    yield disk
    disk.close()


@ROOT_ONLY
def test_a_loss_of_power_after_a_compaction_loses_nothing(tmp_path, disk):
    text = TEXT.replace("operators:", "  item_vectors: {schema: item_vector.avsc, key: item_id, time: updated_at, "
                        "cleanup: compact}\noperators:")
    job = make_job(tmp_path, text)
    job.directory = disk.mount(disk.image, tmp_path / "before") / "data"
    items = 5_000
    job.produce("item_vectors", ({"item_id": f"v{number}", "vector": [revision, 1.0], "updated_at": revision}
                                 for number in range(items) for revision in range(2)))
    segments = job.directory / "log" / "segments"
    assert [path.name for path in segments.glob("5-*")] == ["5-0"]
    job.produce("engagements", [])  # the sweeper compacts; nothing is committed after it
    assert "5-0" not in [path.name for path in segments.glob("5-*")]
    # The directory's change is on the disk before anything else is; what was never synced is not in the image.
    descriptor = os.open(segments, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    subprocess.run(["cp", "--sparse=always", disk.image, tmp_path / "copy"], check=True)
    after = disk.mount(tmp_path / "copy", tmp_path / "after")
    rows = Job(after / "data", job.topology).rows("item_vectors")
    assert {row["item_id"]: row["vector"][0] for row in rows} == {f"v{number}": 1.0 for number in range(items)}


@ROOT_ONLY
def test_a_full_disk_is_waited_for(tmp_path, disk):
    job = make_job(disk.mount(disk.image, tmp_path / "disk"))
    job.produce("impressions", map(impression, range(ROWS)))
    filler = job.directory / "filler"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(job.directory).free - START_BYTES)
    process = job.start("run", "--until-end")

    def wait_for(owner):
        lines = []
        for line in process.stderr:
            lines.append(line)
            if f" warn retry operator={owner} " in line:
                break
        assert "the disk of the log in " in lines[-1] and " is full: " in lines[-1], "".join(lines)

    wait_for("(start)")
    os.truncate(filler, filler.stat().st_size - (FREE_BYTES - START_BYTES))
    wait_for("join")
    filler.unlink()
    _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0 and "resumed" in errors, errors
    check_whole(job)


# ---- descriptors ----


def test_64_descriptors_do_for_many_partitions(tmp_path):
    job = make_job(tmp_path, TEXT.replace("retention: forever", "retention: forever, partitions: 12"))
    job.produce("impressions", map(impression, range(ROWS)))
    done = subprocess.run(job.command("run", "--until-end"), capture_output=True, text=True, timeout=TIMEOUT_S,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert done.returncode == 0, done.stderr
    check_whole(job)
