"""The source `traffic`, run by the program: its faults are in the logs and nowhere else, and a kill changes nothing."""

import collections
import json
import os
import pathlib
import random
import signal
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("ISOTOPE_BUILD", ROOT / "build" / "release"))
TIMEOUT_S = 240

TOPICS = {
    "impressions": ("impression", "impression_id", "shown_at"),
    "engagements": ("engagement", "impression_id", "occurred_at"),
    "scores": ("ranker_score", "impression_id", "scored_at"),
    "item_vectors": ("item_vector", "item_id", "updated_at"),
    "engine_log": ("delivery", "request_id", "logged_at"),
    "server_log": ("delivery", "request_id", "logged_at"),
    "client_log": ("delivery", "request_id", "logged_at"),
    "injected_faults": ("injected_fault", "impression_id", "injected_at"),
}
FEED_START_MS = 1767225600000
LATE_BY_MS = 20000
PLAIN = {"start": FEED_START_MS, "clock": "unpaced", "rate": 500, "items": 300, "late_by": "20s"}
RATIOS = ("lost_engine_server", "lost_server_client", "duplicated", "altered", "phantom", "late", "repeats", "orphans")
NO_FAULTS = dict.fromkeys(RATIOS, 0)


def topology(directory, parameters, tasks=1):
    lines = ["name: feed", "log: {type: embedded}", f"schemas: {ROOT}/schemas", "commit_interval: 50ms", "topics:"]
    lines += [f"  {name}: {{schema: {schema}.avsc, key: {key}, time: {time}, partitions: 2}}"
              for name, (schema, key, time) in TOPICS.items()]
    lines += ["operators:", "  feed:", "    type: traffic", f"    tasks: {tasks}", "    outputs:"]
    lines += [f"      {name}: {name}" for name in TOPICS]
    lines += [f"    {name}: {value}" for name, value in parameters.items()]
    path = directory / "feed.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def isotope(*arguments):
    result = subprocess.run([BUILD / "isotope", *map(str, arguments)], capture_output=True, text=True,
                            timeout=TIMEOUT_S)
    assert result.returncode == 0, result.stderr
    return result.stdout


def consume(path, data, topic):
    lines = isotope("consume", path, topic, "--data-dir", data, "--from", "beginning", "--until-end", "--with-metadata")
    return [json.loads(line) for line in lines.splitlines()]


def feed(directory, parameters, tasks=1):
    """Every row of a bounded run by topic, in the order of each partition."""
    directory.mkdir(exist_ok=True)
    path, data = topology(directory, parameters, tasks), directory / "data"
    isotope("run", path, "--data-dir", data, "--until-end")
    return {name: consume(path, data, name) for name in TOPICS}


def in_partitions(rows):
    """What is the same in every run: all but the wall clock."""
    partitions = collections.defaultdict(list)
    for row in rows:
        partitions[row["partition"]].append((row["offset"], row["key"], row["value"]))
    return {partition: [row[1:] for row in sorted(rows, key=lambda row: row[0])]
            for partition, rows in partitions.items()}


def values(rows):
    return [row["value"] for row in rows]


# ---- the mismatches of three logs, from the definitions alone ----

LOGS = ("engine_log", "server_log", "client_log")
MARKED = ("item_id", "position", "experiment_group", "strategy_id", "model_version")
HOPS = {"engine_log": "engine", "server_log": "server", "client_log": "client"}


def late_entries(rows):
    """The impressions of the entries that came long after the newest one of their partition."""
    newest = collections.defaultdict(int)
    for row in sorted(rows, key=lambda row: row["offset"]):
        logged_at = row["value"]["logged_at"]
        if newest[row["partition"]] - logged_at > 0.9 * LATE_BY_MS:
            yield row["value"]["impression_id"]
        newest[row["partition"]] = max(newest[row["partition"]], logged_at)


def client_had(request, position, impression, delivered):
    """The client log had other parts of the response: a receipt, or an exposure of what was delivered deeper."""
    return any(entry["impression_id"] != impression and
               (entry["stage"] == "received" or delivered.get(entry["impression_id"], -1) > position)
               for entry in request)


def altered(entries):
    """Each field once, at the first hop that departs from the earliest log."""
    present = [log for log in LOGS if entries[log]]
    for field in MARKED:
        first = entries[present[0]][0][field]
        for log in present[1:]:
            if any(entry[field] != first for entry in entries[log]):
                yield "altered", "engine_server" if log == "server_log" else "server_client", field
                break


def mismatches_of(entries, client_of_request, delivered):
    engine, server, client = (entries[log] for log in LOGS)
    impression = (engine or server or client)[0]["impression_id"]
    if engine and not server:
        yield "lost", "engine_server", None
    if server and not client and client_had(client_of_request, server[0]["position"], impression, delivered):
        yield "lost", "server_client", None
    if not engine:
        yield "phantom", "engine_server" if server else "server_client", None
    for log in LOGS:
        stages = collections.Counter(entry["stage"] for entry in entries[log])
        if any(count > 1 for count in stages.values()):
            yield "duplicated", HOPS[log], None
    yield from altered(entries)


def reconcile(rows):
    by_id = collections.defaultdict(lambda: {log: [] for log in LOGS})
    client_by_request = collections.defaultdict(list)
    for log in LOGS:
        for entry in values(rows[log]):
            by_id[entry["impression_id"]][log].append(entry)
    for entry in values(rows["client_log"]):
        client_by_request[entry["request_id"]].append(entry)
    delivered = {impression: logs["server_log"][0]["position"] for impression, logs in by_id.items()
                 if logs["server_log"]}
    found = collections.Counter()
    for impression, entries in by_id.items():
        request = next(entries[log] for log in LOGS if entries[log])[0]["request_id"]
        for kind, hop, field in mismatches_of(entries, client_by_request[request], delivered):
            found[impression, request, kind, hop, field] += 1
    return found


def injected(rows, *, late):
    columns = ("impression_id", "request_id", "kind", "hop", "field")
    return collections.Counter(tuple(fault[column] for column in columns) for fault in values(rows["injected_faults"])
                               if (fault["kind"] == "late") == late)


@pytest.fixture(scope="module", params=[0.004, 0.08])
def faulty(request, tmp_path_factory):
    ratios = dict.fromkeys(RATIOS, request.param)
    return feed(tmp_path_factory.mktemp("faulty"), {**PLAIN, **ratios, "limit": 60000}, tasks=2)


def test_the_logs_show_exactly_the_injected_faults(faulty):
    found, told = reconcile(faulty), injected(faulty, late=False)
    assert found == told
    classes = {(kind, hop) for _, _, kind, hop, _ in found}
    assert classes == {("lost", "engine_server"), ("lost", "server_client"), ("phantom", "engine_server"),
                       ("phantom", "server_client"), ("duplicated", "engine"), ("duplicated", "server"),
                       ("duplicated", "client"), ("altered", "engine_server"), ("altered", "server_client")}
    assert {field for _, _, kind, _, field in found if kind == "altered"} == set(MARKED)


def test_the_late_entries_are_the_injected_ones(faulty):
    # The newest entry tells which one is late only as long as the feed goes on.
    until_ms = max(entry["logged_at"] for entry in values(faulty["engine_log"])) - 2 * LATE_BY_MS
    returned_at = {entry["impression_id"]: entry["logged_at"] for entry in values(faulty["engine_log"])}
    told = {(impression, hop) for impression, _, _, hop, _ in injected(faulty, late=True)
            if returned_at[impression] < until_ms}
    found = {(impression, hop) for log, hop in (("server_log", "engine_server"), ("client_log", "server_client"))
             for impression in late_entries(faulty[log]) if returned_at.get(impression, until_ms) < until_ms}
    assert found == told
    assert {hop for _, hop in found} == {"engine_server", "server_client"}


def test_without_faults_there_are_none(tmp_path):
    rows = feed(tmp_path, {**PLAIN, **NO_FAULTS, "limit": 20000})
    assert not rows["injected_faults"]
    assert not reconcile(rows)
    shown = {row["impression_id"]: row for row in values(rows["impressions"])}
    assert len(shown) == len(rows["impressions"]) == 20000
    exposed = {entry["impression_id"] for entry in values(rows["client_log"]) if entry["stage"] == "exposed"}
    assert exposed == set(shown)
    for engagement in values(rows["engagements"]):
        impression = shown[engagement["impression_id"]]
        assert engagement["user_id_token"] == impression["user_id_token"]
        assert engagement["item_id"] == impression["item_id"]
        assert engagement["occurred_at"] > impression["shown_at"]
    scores = collections.Counter((score["impression_id"], score["is_shadow"]) for score in values(rows["scores"]))
    assert set(scores.values()) == {1} and len(scores) == 2 * len(shown)
    assert {row["item_id"] for row in shown.values()} <= {row["item_id"] for row in values(rows["item_vectors"])}


def test_exploration_is_marked_with_its_propensity(tmp_path):
    rows = values(feed(tmp_path, {**PLAIN, "limit": 20000, "new_items_per_minute": 0})["impressions"])
    explored = [row for row in rows if row["source"] == "exploration"]
    assert 0.04 < len(explored) / len(rows) < 0.06
    assert {row["explore_kind"] for row in explored} == {"uniform_random"}
    assert all(row["propensity"] == pytest.approx(0.05 / 300) for row in explored)
    assert {row["explore_kind"] for row in rows if row["source"] == "ranked"} == {"none"}
    assert all(0 < row["propensity"] <= 1 for row in rows)


def test_tasks_share_the_limit_and_no_request(tmp_path):
    rows = values(feed(tmp_path, {**PLAIN, **NO_FAULTS, "limit": 5000}, tasks=3)["impressions"])
    assert len({row["impression_id"] for row in rows}) == len(rows) == 5000
    assert {int(row["request_id"][1:]) % 3 for row in rows} == {0, 1, 2}


def test_a_feed_that_is_killed_again_and_again_gives_the_same_rows(tmp_path):
    parameters = {**PLAIN, "limit": 40000}
    whole = feed(tmp_path / "whole", parameters)
    (tmp_path / "killed").mkdir()
    path, data = topology(tmp_path / "killed", parameters), tmp_path / "killed" / "data"
    seed = int(os.environ.get("TEST_SEED", "1"))
    chance, kills = random.Random(seed), 0
    for _ in range(12):
        process = subprocess.Popen([BUILD / "isotope", "run", path, "--data-dir", data, "--until-end"],
                                   stderr=subprocess.DEVNULL)
        try:
            assert process.wait(0.05 + 0.4 * chance.random()) == 0
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    isotope("run", path, "--data-dir", data, "--until-end")
    assert kills > 0
    for name in TOPICS:
        assert in_partitions(consume(path, data, name)) == in_partitions(whole[name]), f"{name}, TEST_SEED={seed}"
