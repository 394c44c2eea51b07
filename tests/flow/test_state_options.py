"""Options that change over running state: those that what is kept depends on are refused, the others take effect."""

import signal

import pytest

from tests.flow.feature_feed import feed
from tests.flow.job import ROOT, Job
from tests.flow.test_rescale import Place

START = 1_767_225_600_000
IMPRESSION = {"impression_id": "i1", "user_id_token": "u", "item_id": "item", "position": 0, "shown_at": START,
              "source": "ranked"}
ENTRY = {"impression_id": "i1", "request_id": "r1", "stage": "returned", "user_id_token": "u", "item_id": "item",
         "position": 0, "logged_at": START}


def like(key, after_ms, name):
    return {"engagement_id": name, "impression_id": key, "user_id_token": "u", "item_id": "item", "action": "like",
            "occurred_at": START + after_ms}


def test_the_window_of_reconcile_cannot_be_changed_while_there_is_state(tmp_path):
    job = Job(tmp_path / "data", ROOT / "topologies" / "integrity.yaml")
    job.call("run", "--until-end")
    job.call("run", "--until-end", "--set", "operators.reconcile.window=2min")  # nothing is kept yet
    job.produce("engine_log", [ENTRY])
    job.call("run", "--until-end", "--set", "operators.reconcile.window=2min")
    refused = job.call("run", "--until-end", "--set", "operators.reconcile.window=5min", status=1)
    for part in ("operator reconcile", "window: 2min, which is 5min now", "put it back", "another name"):
        assert part in refused.stderr
    job.call("run", "--until-end", "--set", "operators.reconcile.window=2min")


@pytest.mark.parametrize("option, value", [("half_life", "3d")])
def test_what_a_users_vector_was_made_with_cannot_be_changed(tmp_path, option, value):
    job = Job(tmp_path / "data", ROOT / "topologies" / "features.yaml")
    items = {record["item_id"] for record in feed(1)}
    job.produce("item_vectors", [{"item_id": item, "vector": [1.0] * 64, "updated_at": START - 10**9}
                                 for item in sorted(items)])
    job.produce("engagements", feed(1)[:200])
    job.call("run", "--until-end")
    refused = job.call("run", "--until-end", "--set", f"operators.embedding.{option}={value}", status=1)
    assert f"its state was made with {option}: " in refused.stderr and f"which is {value} now" in refused.stderr
    job.call("run", "--until-end", "--set", "operators.embedding.weights=like: 7")


def test_a_longer_window_holds_for_impressions_that_wait_already(tmp_path):
    job = Place(tmp_path, 1).job
    job.produce("impressions", [IMPRESSION])
    process = job.start("run", "--set", "operators.join.window=1min", "--set", "operators.join.emit=both")
    try:
        job.call("consume", "outcomes", "--max", 1)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    job.produce("impressions", [{**IMPRESSION, "impression_id": "i2", "shown_at": START + 300_000}])
    job.produce("engagements", [like("i2", 300_000, "e1"), like("i1", 360_000, "e2")])
    job.call("run", "--until-end", "--set", "operators.join.window=20min")
    rows = [row for row in job.rows("outcomes", "--from", "beginning") if row["impression_id"] == "i1" and row["final"]]
    assert [(row["revision"], row["liked"]) for row in rows] == [(1, True)]
