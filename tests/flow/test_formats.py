"""A data directory that an earlier version left is opened and gone on with: state, journals, log and features."""

import json
import pathlib
import shutil
import tarfile

import pytest

from tests.flow.job import ROOT, Job

VERSIONS = sorted(path.name.removesuffix(".tar.xz") for path in (ROOT / "tests/data/formats").glob("*.tar.xz"))
START = 1_767_225_600_000
FIRST, SECOND = 120, 180  # impressions of the first run, and after the second


def engagement(n, k):
    return {"engagement_id": f"e{n}.{k}", "impression_id": f"i{n}", "user_id_token": f"u{n % 17}",
            "item_id": f"item{n % 23}", "action": ("like", "click", "share", "watch")[k % 4],
            "watched_seconds": 9.6 if k % 4 == 3 else None, "occurred_at": START + n * 1000 + 500 * (k + 1)}


def opened(directory, version):
    with tarfile.open(ROOT / "tests/data/formats" / f"{version}.tar.xz") as archive:
        archive.extractall(directory)
    return Job(directory / "data", ROOT / "topologies" / "recommender.yaml")


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
    histories = {row["user_id_token"]: row for row in job.rows("user_histories")}
    for user in range(17):
        made = sorted((engagement(n, k) for n in range(user, SECOND, 17) for k in (*range(n % 3), 3)),
                      key=lambda action: (-action["occurred_at"], action["engagement_id"]))
        assert [action["engagement_id"] for action in histories[f"u{user}"]["actions"]] == \
            [action["engagement_id"] for action in made[:10]]


@pytest.mark.parametrize("version", VERSIONS)
def test_stores_that_are_gone_are_made_from_the_journals_of_an_earlier_version(tmp_path, version):
    job = opened(tmp_path, version)
    shutil.rmtree(pathlib.Path(job.directory) / "state")
    entries = job.call("state", "join").stdout.splitlines()
    assert len(entries) == SECOND and all(json.loads(line)["value"]["impression"] for line in entries)
    job.produce("engagements", [engagement(n, 3) for n in range(SECOND)])
    job.call("run", "--until-end")
    assert {row["revision"] for row in job.rows("outcomes") if row["watched_seconds"] > 0} == {2}


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
