"""rescale of reconcile and integrity_rollup, whose entries belong in part to tasks and not to keys: windows that are
open, responses that are held since a log is silent, counts that have not gone out, alerts that fire. Windows and
mismatches go on to be what a plain count of all log entries gives."""

import collections
import json
import os
import re

import pytest

from tests.flow.faults import LOGS, START_MS, WINDOW_MS
from tests.flow.job import Job
from tests.flow.test_integrity import (SILENT, SILENT_FROM, SILENT_UNTIL, WORK, alerts, between, check_windows,
                                       recorded, states, stop, topology, wait)
from tests.flow.test_reconcile import Feed, check_mismatches

CUT = START_MS + 2 * WINDOW_MS + 7_000  # in the middle of a window


def set_partitions(job, pattern, count):
    job.topology.write_text(re.sub(rf"^(  (?:{pattern}):.*partitions: )\d+", rf"\g<1>{count}", job.topology.read_text(),
                                   flags=re.M))


def rescale(job, operator, count, point=None):
    """Killed at a point on the way, and called again. Entries before and after, by store."""
    if point:
        process = job.start("rescale", operator, "--partitions", count, env={**os.environ, "ISOTOPE_CRASH": point})
        _, errors = process.communicate(timeout=240)
        assert process.returncode == -9, errors
    done = job.call("rescale", operator, "--partitions", count)
    return {row.split()[0]: tuple(map(int, row.split()[1:3])) for row in done.stdout.splitlines()[1:]}


def entries(job, operator):
    return [json.loads(line) for line in job.call("state", operator).stdout.splitlines()]


def rescale_both(job, logs, counts, point=None):
    set_partitions(job, "engine_log|server_log|client_log", logs)
    set_partitions(job, "integrity_counts", counts)
    return rescale(job, "reconcile", logs, point), rescale(job, "rollup", counts, point)


@pytest.mark.parametrize("logs, counts", [(5, 4), (8, 2)])
def test_while_a_log_is_silent_what_is_held_waits_in_its_new_task_and_the_alert_goes_on(tmp_path, logs, counts):
    entries_of = recorded(tmp_path / "source")
    job = Job(tmp_path / "data", topology(tmp_path, 0))
    for name in LOGS:
        job.produce(f"{name}_log", between(entries_of[name], 0, SILENT_FROM if name == "server" else SILENT_UNTIL))
    process = job.start("run", *WORK)
    wait(process, lambda: SILENT in alerts(job))
    process.kill()
    process.communicate()
    held = sum(row["value"].get("held", 0) for row in entries(job, "reconcile") if "held" in row["value"])
    assert held > 0
    reconcile, rollup = rescale_both(job, logs, counts)
    assert reconcile["responses"][0] == reconcile["responses"][1] > 0
    assert reconcile["windows"][1] >= reconcile["windows"][0] > 0
    assert all(before == after for store, (before, after) in rollup.items() if store != "alerts")
    assert held == sum(row["value"].get("held", 0) for row in entries(job, "reconcile") if "held" in row["value"])
    job.produce("server_log", between(entries_of["server"], SILENT_FROM, SILENT_UNTIL))
    for name in LOGS:
        job.produce(f"{name}_log", between(entries_of[name], SILENT_UNTIL, 1 << 60))
    process = job.start("run", *WORK)
    wait(process, lambda: len(alerts(job)[SILENT]) > 1)
    stop(process)
    job.call("run", "--until-end", *WORK)
    assert states(job) == {SILENT: ["firing", "resolved"]}
    windows = check_windows(job)
    assert all(row["lost_engine_server"] == 0 for row in windows.values())
    assert not any(row["value"].get("held") for row in entries(job, "reconcile"))


def next_offsets(job, operator):
    """By input and partition, by the last blocks."""
    offsets, task = {}, None
    for line in job.call("state", operator, "--summary").stdout.splitlines():
        if line.startswith("task "):
            task = int(line.split()[1].rstrip(":"))
        elif " <- " in line:
            offsets[line.split()[0], task] = int(line.split("next offset ")[1].split(",")[0])
    return offsets


def all_was_read(job, counts):
    """Of each log as many entries as there are."""
    read = collections.Counter()
    for (port, _), offset in next_offsets(job, "reconcile").items():
        read[port] += offset
    return read == counts


def counts_were_read(job):
    offsets = next_offsets(job, "rollup")
    return all(row["offset"] < offsets["counts", row["partition"]]
               for row in job.rows("integrity_counts", "--with-metadata"))


def run_until_and_kill(job, condition, operators):
    process = job.start("run", "--operators", operators)
    wait(process, condition)
    process.kill()
    process.communicate()


def run_until_read_and_kill(job, counts):
    """reconcile has read the logs; and rollup what reconcile has made of them by then."""
    run_until_and_kill(job, lambda: all_was_read(job, counts), "reconcile,rollup")
    run_until_and_kill(job, lambda: counts_were_read(job), "rollup")


def to_other_topics(job, count):
    """The logs are other topics from now on: a topic cannot have fewer partitions than it has."""
    text = job.topology.read_text()
    for name in LOGS:
        line, = re.findall(rf"^  {name}_log: .*\n", text, re.M)
        new = re.sub(r"partitions: \d+", f"partitions: {count}", line.replace(f"{name}_log", f"{name}_log_new"))
        text = text.replace(line, line + new).replace(f"      {name}: {name}_log\n", f"      {name}: {name}_log_new\n")
    job.topology.write_text(text)


@pytest.mark.parametrize("point", ["split:1", "switched:1"])
def test_windows_that_are_open_and_counts_that_wait_go_to_fewer_tasks_and_to_more(tmp_path, point):
    """With faults, kill -9 of each run, and of each rescale."""
    (tmp_path / "source").mkdir()
    path = topology(tmp_path / "source", 0.05)
    path.write_text(path.read_text().replace("    late: 0.05\n", "    late: 0\n"))
    source = Job(tmp_path / "source" / "data", path)
    source.call("run", "--until-end", "--operators", "feed")
    feed = Feed(source)
    parts = [[between(source.rows(f"{name}_log"), start, end) for name in LOGS]
             for start, end in ((0, CUT), (CUT, CUT + WINDOW_MS), (CUT + WINDOW_MS, 1 << 60))]
    job, counts = Job(tmp_path / "data", topology(tmp_path, 0.05)), collections.Counter()

    def produce(number, suffix=""):
        for name, part in zip(LOGS, parts[number]):
            job.produce(f"{name}_log{suffix}", sorted(part, key=lambda entry: entry["logged_at"]))
            counts[name] += len(part)

    produce(0)
    run_until_read_and_kill(job, counts)
    assert any("closed" in row["value"] and not row["value"]["closed"] for row in entries(job, "reconcile"))
    to_other_topics(job, 2)
    reconcile = rescale(job, "reconcile", 2, point)
    if point in ("split:1", "counted:1"):  # else the call that was killed has made the switch, and the table
        assert reconcile["responses"][0] == reconcile["responses"][1] > 0
        assert reconcile["series"][0] > reconcile["series"][1] > 0
    counts.clear()
    produce(1, "_new")
    run_until_read_and_kill(job, counts)
    set_partitions(job, "engine_log_new|server_log_new|client_log_new", 5)
    set_partitions(job, "integrity_counts", 4)
    rescale(job, "reconcile", 5, point)
    rescale(job, "rollup", 4, point)
    produce(2, "_new")
    assert job.run_killed(*WORK, "--set", "commit_bytes=64KiB", point="block:3")
    job.call("run", "--until-end", *WORK)
    feed.read(job)
    check_mismatches(feed)
    check_windows(job, feed.logs)
