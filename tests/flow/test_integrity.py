"""reconcile and integrity_rollup, run by the program on made-up logs: the windows are what a plain count of the same
log entries gives, whatever was killed on the way, and alerts fire once, are resolved, and are not a flood."""

import collections
import os
import random
import signal
import time

import pytest

from tests.flow import faults
from tests.flow.faults import LOGS, START_MS, WINDOW_MS
from tests.flow.job import Job
from tests.reference import reconcile_reference

IMPRESSIONS = int(os.environ.get("ISOTOPE_RECONCILE_IMPRESSIONS", "10000"))
COUNTS = ("returned", "delivered", "received", "exposed", "matched", "not_reached", "lost_engine_server",
          "lost_server_client", "duplicated", "phantom", "altered", "late", "differing", "phantom_reached",
          "negative_latencies")
LATENCIES = ("latency_engine_server", "latency_server_client", "latency_exposed")
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
SKETCH_ERROR = 0.02
WAIT_S = 120
SILENT = 'log_silent{dimension="all",log="server",value="all"}'
LOST = 'lost{dimension="all",value="all"}'
WORK = ("--operators", "reconcile,rollup")


def topology(directory, ratio, impressions=IMPRESSIONS, rate=200):
    counts = "integrity_counts: {schema: integrity_count.avsc, key: value, time: window_start, partitions: 2"
    text = faults.topology_text(impressions, ratio=ratio, rate=rate)
    assert counts + "}" in text
    # When nothing comes any more, the silent log is the first that is idle, as it is where the others go on.
    engine, server = (line for line in text.splitlines() if line.startswith(("  engine_log:", "  server_log:")))
    text = text.replace(server, server.replace("idle_after: 1s", "idle_after: 100ms"))
    text = text.replace(engine, engine.replace("idle_after: 1s", "idle_after: 5s"))
    text = text.replace(counts + "}", f"""{counts}, internal: true}}
  integrity_windows: {{schema: integrity_window.avsc, key: value, time: window_start, partitions: 2}}
  alerts: {{schema: alert.avsc, key: alert_id, time: window_start, cleanup: compact}}""")
    path = directory / "integrity.yaml"
    path.write_text(text + """\
  rollup:
    type: integrity_rollup
    inputs: {counts: integrity_counts}
    outputs: {windows: integrity_windows, alerts: alerts}
    rules:
      log_silent: {metric: silent, for: 1, severity: page, runbook: "https://runbooks.example.com/log-silent"}
      lost: {metric: lost, per: returned, above: 0.03, for: 1, resolve_for: 1, min_count: 20}
      phantom: {metric: phantom, per: delivered, above: 0.5, for: 1, min_count: 20}
      mismatches: {metric: mismatches, per: returned, above: 0.5, for: 1, min_count: 20}
""")
    return path


def told_kinds(job):
    return {key: row["kind"] for key, row in faults.last_revisions(job.rows("mismatches")).items()}


def last_windows(job):
    """The last revision of each window; they grow by one, from one."""
    revisions, last = collections.defaultdict(list), {}
    for row in job.rows("integrity_windows"):
        key = row["window_start"], row["dimension"], row["value"]
        assert row["window_end"] == row["window_start"] + WINDOW_MS
        revisions[key].append(row["revision"])
        last[key] = row
    for key, of in revisions.items():
        assert of == list(range(1, len(of) + 1)), key
    return last


def check_windows(job, logs=None):
    """`logs`: all their entries, where they are not in the job's own topics."""
    logs = logs or [entry for name in LOGS for entry in job.rows(f"{name}_log")]
    expected, latencies = reconcile_reference.counts(logs, told_kinds(job), WINDOW_MS)
    windows = last_windows(job)
    assert windows.keys() == expected.keys()
    for key, row in windows.items():
        reconcile_reference.check_identity(row)
        assert {name: row[name] for name in COUNTS} == {name: expected[key][name] for name in COUNTS}, key
        for name in LATENCIES:
            check_quantiles(row, name, sorted(latencies.get((*key, name), [])))
    return windows


def check_quantiles(row, name, lengths):
    for quantile, share in QUANTILES.items():
        got = row[f"{name}_{quantile}_ms"]
        if not lengths:
            assert got is None
            continue
        # Which of two neighbours a quantile is between them is a matter of taste.
        at = share * (len(lengths) - 1)
        low, high = lengths[max(0, int(at) - 1)], lengths[min(len(lengths) - 1, int(at) + 2)]
        assert low * (1 - SKETCH_ERROR) - 1 <= got <= high * (1 + SKETCH_ERROR) + 1, (row, name, quantile)


def alerts(job):
    """What was told of each alert, in order: each fires, is resolved, fires again, with growing revisions."""
    told = collections.defaultdict(list)
    for row in job.rows("alerts"):
        told[row["alert_id"]].append(row)
    for key, rows in told.items():
        assert [row["revision"] for row in rows] == list(range(1, len(rows) + 1)), key
        assert [row["state"] for row in rows] == [("firing", "resolved")[i % 2] for i in range(len(rows))], key
        for row in rows:
            assert (row["ends_at"] is None) == (row["state"] == "firing")
            assert row["ends_at"] is None or row["ends_at"] >= row["starts_at"]
    return told


def states(job):
    return {key: [row["state"] for row in rows] for key, rows in alerts(job).items()}


def test_windows_are_what_a_plain_count_gives(tmp_path):
    job = Job(tmp_path / "data", topology(tmp_path, 0.005))
    job.call("run", "--until-end")
    windows = check_windows(job)
    assert {dimension for _, dimension, _ in windows} == \
        {"all", "experiment_group", "strategy_id", "model_version", "platform"}
    assert states(job) == {}


def test_an_alert_about_what_is_lost_fires_once(tmp_path):
    job = Job(tmp_path / "data", topology(tmp_path, 0.05))
    job.call("run", "--until-end")
    windows = check_windows(job)
    assert states(job)[LOST][0] == "firing"
    row = alerts(job)[LOST][0]
    assert row["name"] == "lost" and row["labels"] == {"dimension": "all", "value": "all"}
    assert (row["severity"], row["threshold"]) == ("ticket", 0.03)
    assert row["starts_at"] == row["window_start"]
    window = windows[row["window_start"], "all", "all"]
    if window["revision"] == 1:
        assert row["value"] == (window["lost_engine_server"] + window["lost_server_client"]) / window["returned"]
    assert states(job).keys() == {LOST}


def test_kills_change_neither_windows_nor_alerts(tmp_path):
    seed = int(os.environ.get("TEST_SEED", "1"))
    chance, kills = random.Random(seed), 0
    job = Job(tmp_path / "data", topology(tmp_path, 0.05))
    job.call("run", "--until-end", "--operators", "feed")
    while kills < 12 and job.run_killed(*WORK, after_s=0.06 + 0.1 * chance.random()):
        kills += 1
    job.call("run", "--until-end", *WORK)
    print(f"{kills} kills, TEST_SEED={seed}")
    assert kills > 0
    check_windows(job)
    assert states(job)[LOST][0] == "firing"


def test_a_live_run_that_is_killed_tells_the_same_windows(tmp_path):
    seed = int(os.environ.get("TEST_SEED", "1"))
    chance = random.Random(seed)
    job = Job(tmp_path / "data", topology(tmp_path, 0.05))
    job.call("run", "--until-end", "--operators", "feed")
    for _ in range(4):
        assert job.run_killed(*WORK, after_s=0.06 + 0.1 * chance.random(), live=True), f"TEST_SEED={seed}"
    job.call("run", "--until-end", *WORK)
    check_windows(job)
    alerts(job)


# ---- a log that falls silent ----

SILENT_FROM = START_MS + 3 * WINDOW_MS + 4_000  # in the middle of a window
SILENT_UNTIL = SILENT_FROM + 3 * WINDOW_MS


def recorded(directory):
    """Logs without faults, of ten windows."""
    directory.mkdir()
    source = Job(directory / "data", topology(directory, 0, impressions=6000, rate=60))
    source.call("run", "--until-end", "--operators", "feed")
    return {name: sorted(source.rows(f"{name}_log"), key=lambda entry: entry["logged_at"]) for name in LOGS}


def between(entries, start, end):
    return [entry for entry in entries if start <= entry["logged_at"] < end]


def wait(process, true):
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline


def stop(process):
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S) == 0, process.communicate()
    process.communicate()


def test_a_log_that_stops_for_three_windows_is_one_alert_and_when_it_is_back_it_is_resolved(tmp_path):
    logs = recorded(tmp_path / "source")
    job = Job(tmp_path / "data", topology(tmp_path, 0))
    for name in LOGS:
        end = SILENT_FROM if name == "server" else SILENT_UNTIL
        job.produce(f"{name}_log", between(logs[name], 0, end))
    process = job.start("run", *WORK)
    wait(process, lambda: SILENT in alerts(job))
    process.kill()
    process.communicate()
    job.produce("server_log", between(logs["server"], SILENT_FROM, SILENT_UNTIL))
    for name in LOGS:
        job.produce(f"{name}_log", between(logs[name], SILENT_UNTIL, 1 << 60))
    process = job.start("run", *WORK)
    wait(process, lambda: len(alerts(job)[SILENT]) > 1)
    stop(process)
    job.call("run", "--until-end", *WORK)
    assert states(job) == {SILENT: ["firing", "resolved"]}
    fired, resolved = alerts(job)[SILENT]
    assert fired["labels"] == {"dimension": "all", "log": "server", "value": "all"}
    assert (fired["severity"], fired["runbook"]) == ("page", "https://runbooks.example.com/log-silent")
    assert fired["starts_at"] == resolved["starts_at"] == SILENT_FROM // WINDOW_MS * WINDOW_MS
    windows = check_windows(job)
    revised = [row for row in windows.values() if "server" in row["silent"]]
    assert revised and all(row["lost_engine_server"] == 0 for row in revised)
    assert any(row["revision"] > 1 for row in revised)


def test_a_log_that_never_comes_back_is_one_alert_too(tmp_path):
    logs = recorded(tmp_path / "source")
    job = Job(tmp_path / "data", topology(tmp_path, 0))
    for name in LOGS:
        job.produce(f"{name}_log", [entry for entry in logs[name]
                                    if name != "server" or entry["logged_at"] < SILENT_FROM])
    job.call("run", "--until-end", *WORK)
    assert states(job) == {SILENT: ["firing"]}
    job.call("run", "--until-end", *WORK)
    assert states(job) == {SILENT: ["firing"]}
    job.produce("server_log", between(logs["server"], SILENT_FROM, 1 << 60))
    job.call("run", "--until-end", *WORK)
    assert states(job) == {SILENT: ["firing", "resolved"]}
    check_windows(job)


OUTAGE_UNTIL = SILENT_FROM + 5 * WINDOW_MS + 1_000  # longer than settle and max_hold: silence


@pytest.mark.parametrize("silent", LOGS)
def test_an_outage_of_a_log_inside_a_bounded_run_is_one_alert_about_that_log(tmp_path, silent):
    logs = recorded(tmp_path / "source")
    job = Job(tmp_path / "data", topology(tmp_path, 0))
    for name in LOGS:
        job.produce(f"{name}_log", [entry for entry in logs[name] if name != silent or not
                                    SILENT_FROM <= entry["logged_at"] < OUTAGE_UNTIL])
    job.call("run", "--until-end", *WORK)
    assert states(job) == {f'log_silent{{dimension="all",log="{silent}",value="all"}}': ["firing", "resolved"]}
    row = alerts(job)[f'log_silent{{dimension="all",log="{silent}",value="all"}}'][1]
    first = SILENT_FROM // WINDOW_MS * WINDOW_MS + WINDOW_MS  # in the windows at both ends something of it was logged
    # What was made in the last whole window was exposed some seconds later, when the client's log was back.
    last = OUTAGE_UNTIL // WINDOW_MS * WINDOW_MS - (WINDOW_MS if silent == "client" else 0)
    assert (row["starts_at"], row["ends_at"]) == (first, last)
    check_windows(job)
