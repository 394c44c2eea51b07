"""A data directory that an earlier version left is opened and gone on with: state, journals, log and features."""

import json
import pathlib
import shutil
import tarfile

import pytest

from tests.flow.job import ROOT, Job

FORMATS = ROOT / "tests/data/formats"
VERSIONS = sorted(path.name.removesuffix(".tar.xz") for path in FORMATS.glob("v*.tar.xz"))
INTEGRITY_VERSIONS = sorted(path.name.removesuffix(".tar.xz") for path in FORMATS.glob("integrity-v*.tar.xz"))
START = 1_767_225_600_000
FIRST, SECOND = 120, 180  # impressions of the first run, and after the second


def engagement(n, k):
    return {"engagement_id": f"e{n}.{k}", "impression_id": f"i{n}", "user_id_token": f"u{n % 17}",
            "item_id": f"item{n % 23}", "action": ("like", "click", "share", "watch")[k % 4],
            "watched_seconds": 9.6 if k % 4 == 3 else None, "occurred_at": START + n * 1000 + 500 * (k + 1)}


def opened(directory, version, topology="recommender.yaml"):
    with tarfile.open(FORMATS / f"{version}.tar.xz") as archive:
        archive.extractall(directory)
    return Job(directory / "data", ROOT / "topologies" / topology)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_an_earlier_version_left_is_gone_on_with(tmp_path, version):
    job = opened(tmp_path, version)
    # one engagement more for each impression: a correction of each row, made from what the state has of it
    job.produce("engagements", [engagement(n, 3) for n in range(SECOND)])
    job.call("run", "--until-end")
    last = {row["impression_id"]: row for row in job.rows("outcomes") if row["watched_seconds"] > 0}
    assert len(last) == SECOND
    for n in range(SECOND):
        row = last[f"i{n}"]
        assert row["n_engagements"] == n % 3 + 1, row
        assert (row["revision"], row["final"], row["position"], row["creator_id"]) == (2, True, n % 5, f"c{n % 3}")
        assert row["source"] == ("exploration" if n % 7 == 0 else "ranked")
        assert (row["liked"], row["clicked"]) == (n % 3 > 0, n % 3 > 1)
    users = {row["user_id_token"]: row for row in job.rows("user_embeddings")}
    for user in range(17):
        numbers = range(user, SECOND, 17)
        assert users[f"u{user}"]["n_actions"] == sum(n % 3 + 1 for n in numbers)
        assert users[f"u{user}"]["caused_at"] in {engagement(n, 3)["occurred_at"] for n in numbers}
    histories = {row["user_id_token"]: row for row in job.rows("user_histories")}
    for user in range(17):
        made = sorted((engagement(n, k) for n in range(user, SECOND, 17) for k in (*range(n % 3), 3)),
                      key=lambda action: (-action["occurred_at"], action["engagement_id"]))
        assert [action["engagement_id"] for action in histories[f"u{user}"]["actions"]] == \
            [action["engagement_id"] for action in made[:10]]
        assert histories[f"u{user}"]["caused_at"] in \
            {engagement(n, 3)["occurred_at"] for n in range(user, SECOND, 17)}


@pytest.mark.parametrize("version", VERSIONS)
def test_stores_that_are_gone_are_made_from_the_journals_of_an_earlier_version(tmp_path, version):
    job = opened(tmp_path, version)
    shutil.rmtree(pathlib.Path(job.directory) / "state")
    entries = job.call("state", "join").stdout.splitlines()
    assert len(entries) == SECOND and all(json.loads(line)["value"]["impression"] for line in entries)
    job.produce("engagements", [engagement(n, 3) for n in range(SECOND)])
    job.call("run", "--until-end")
    assert {row["revision"] for row in job.rows("outcomes") if row["watched_seconds"] > 0} == {2}


@pytest.mark.parametrize("version, topology, topics", [
    *((version, "recommender.yaml", ("outcomes", "user_histories", "user_embeddings")) for version in VERSIONS),
    *((version, "integrity.yaml", ("mismatches", "integrity_windows")) for version in INTEGRITY_VERSIONS)])
def test_rows_that_an_earlier_version_wrote_are_read(tmp_path, version, topology, topics):
    job = opened(tmp_path, version, topology)
    for topic in topics:
        assert job.rows(topic)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_an_earlier_version_left_is_rescaled(tmp_path, version):
    job = opened(tmp_path, version)
    settings = [text for topic in ("impressions", "engagements", "ranker_scores", "engagements_by_user")
                for text in ("--set", f"topics.{topic}.partitions=6")]
    for operator in ("join", "by_user", "history", "embedding"):
        job.call("rescale", operator, "--partitions", 6, *settings)
    job.produce("engagements", [engagement(n, 3) for n in range(SECOND)], *settings)
    job.call("run", "--until-end", *settings)
    last = {row["impression_id"]: row for row in job.rows("outcomes", *settings) if row["watched_seconds"] > 0}
    assert {key: row["n_engagements"] for key, row in last.items()} == {f"i{n}": n % 3 + 1 for n in range(SECOND)}


# ---- reconcile and integrity_rollup ----

RESPONSES = (30, 50)  # after the first run, and after the second; six of them in a window
STAGES = (("engine_log", "returned", 0), ("server_log", "delivered", 50), ("client_log", "received", 90))


def logged(n, position, stage, after_ms):
    return {"impression_id": f"r{n}-{position}", "request_id": f"r{n}", "stage": stage, "user_id_token": f"u{n % 7}",
            "item_id": f"item{n % 23}", "position": position, "experiment_group": ("a", "b")[n % 2],
            "logged_at": START + n * 10_000 + after_ms}


def is_late(n, position):
    return n % 5 == 1 and position == 1


def responses(first, last, *, late):
    """By topic: the log entries of three impressions each; of some the server's and the client's come late."""
    return {topic: [logged(n, position, stage, after_ms) for n in range(first, last) for position in range(3)
                    if late == (is_late(n, position) and stage != "returned")]
            for topic, stage, after_ms in STAGES}


@pytest.mark.parametrize("version", INTEGRITY_VERSIONS)
@pytest.mark.parametrize("how", ["as it is", "from journals", "rescaled"])
def test_responses_and_windows_of_an_earlier_version_are_gone_on_with(tmp_path, version, how):
    job = opened(tmp_path, version, "integrity.yaml")
    settings = []
    if how == "from journals":
        shutil.rmtree(pathlib.Path(job.directory) / "state")
    if how == "rescaled":
        settings = [text for topic in ("engine_log", "server_log", "client_log", "integrity_counts")
                    for text in ("--set", f"topics.{topic}.partitions=6")]
        for operator in ("reconcile", "rollup"):
            job.call("rescale", operator, "--partitions", 6, *settings)
    for topic, rows in responses(0, RESPONSES[1], late=True).items():
        job.produce(topic, rows, *settings)
    job.call("run", "--until-end", *settings)
    last = {row["impression_id"]: row for row in job.rows("mismatches")}
    assert {(key, row["kind"], row["hop"], row["revision"]) for key, row in last.items()} == \
        {(f"r{n}-1", "late", "engine_server", 2) for n in range(1, RESPONSES[1], 5)}
    windows = {row["window_start"]: row for row in job.rows("integrity_windows") if row["dimension"] == "all"}
    for start, row in windows.items():
        numbers = [n for n in range(RESPONSES[1]) if start <= START + n * 10_000 < start + 60_000]
        late = sum(is_late(n, 1) for n in numbers)
        assert (row["returned"], row["matched"], row["late"]) == (3 * len(numbers), 3 * len(numbers), late), row
        assert row["lost_engine_server"] == row["lost_server_client"] == row["altered"] == 0, row
    assert sum(row["returned"] for row in windows.values()) == 3 * RESPONSES[1]
