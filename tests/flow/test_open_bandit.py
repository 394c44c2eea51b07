"""Real input through the join: Open Bandit's impressions and clicks, with known results."""

import subprocess
import sys

import pytest

from tests.flow.job import ROOT, Job

CONVERT = ROOT / "tests/data/open-bandit/convert.py"


def converted(name, topic, path):
    with open(path, "w", encoding="utf-8") as file:
        subprocess.run([sys.executable, CONVERT, name, topic], stdout=file, check=True)
    return path


@pytest.mark.parametrize("name, engaged", [("men-random", 46), ("men-bts", 69)])
def test_every_impression_comes_out_once_and_as_many_engaged_as_were_clicked(tmp_path, name, engaged):
    job = Job(tmp_path / "data")
    for topic in ("impressions", "engagements"):
        job.call("produce", topic, converted(name, topic, tmp_path / topic))
    job.call("run", "--until-end")
    rows = job.rows("outcomes")
    assert len(rows) == 10_000
    assert len({row["impression_id"] for row in rows}) == 10_000
    assert sum(row["engaged"] for row in rows) == engaged
    assert sum(row["clicked"] for row in rows) == engaged
    assert len(job.rows("exploration_events")) == (10_000 if name == "men-random" else 0)
    assert job.rows("late_engagements") == job.rows("orphan_engagements") == []
