"""Values that nobody could use: a dead letter each that says field, value and bound, whichever operator reads them."""

import pytest

from tests.flow.job import ROOT, Job

START = 1_767_225_600_000


def impression(key, **rest):
    return {"impression_id": key, "user_id_token": "ann", "item_id": "song", "position": 0, "shown_at": START,
            "source": "ranked", **rest}


def engagement(name, key, **rest):
    return {"engagement_id": name, "impression_id": key, "user_id_token": "ann", "item_id": "song", "action": "watch",
            "occurred_at": START + 2_000, **rest}


def score(key, **rest):
    return {"impression_id": key, "model_version": "m", "predicted_watch_seconds": 3.0, "predicted_engage_prob": 0.5,
            "scored_at": START, **rest}


WRONG = [
    ("impressions", impression("", user_id_token="bob"), "impression_id is empty"),
    ("impressions", impression("a1", user_id_token=""), "user_id_token is empty"),
    ("impressions", impression("a2", sampled_pct=0.0), "sampled_pct is 0; expected above 0, at most 1"),
    ("impressions", impression("a3", sampled_pct=25.0), "sampled_pct is 25; expected above 0, at most 1"),
    ("impressions", impression("a4", propensity=1.5), "propensity is 1.5; expected above 0, at most 1"),
    ("impressions", impression("a8", propensity=0.0), "propensity is 0; expected above 0, at most 1"),
    ("impressions", impression("a5", position=-3), "position is -3; expected 0 or more"),
    ("impressions", impression("a6", duration_seconds=-1.0), "duration_seconds is -1; expected 0 or more, finite"),
    ("impressions", impression("a7", propensity="NaN"), "propensity is NaN; expected above 0, at most 1"),
    ("engagements", engagement("e1", "good", watched_seconds=-2.5), "watched_seconds is -2.5; expected 0 or more"),
    ("engagements", engagement("e2", "good", watched_seconds="Infinity"), "watched_seconds is Infinity; expected 0"),
    ("engagements", engagement("e3", "good", user_id_token=""), "user_id_token is empty"),
    ("engagements", engagement("", "good"), "engagement_id is empty"),
    ("ranker_scores", score("good", predicted_engage_prob=1.1), "predicted_engage_prob is 1.1; expected 0 to 1"),
    ("ranker_scores", score("good", predicted_watch_seconds="-Infinity"), "predicted_watch_seconds is -Infinity"),
]


def test_what_is_out_of_bounds_is_a_dead_letter_and_in_no_row(tmp_path):
    job = Job(tmp_path / "data")
    job.produce("impressions", [impression("good", propensity=0.001, sampled_pct=0.01, duration_seconds=0.0)])
    for topic, record, _ in WRONG:
        job.produce(topic, [record])
    job.call("run", "--until-end")
    row, = job.rows("outcomes")
    assert (row["impression_id"], row["n_engagements"], row["scores"]) == ("good", 0, [])
    reasons = [letter["reason"] for letter in job.dead_letters()]
    assert len(reasons) == len(WRONG)
    for _, _, reason in WRONG:
        assert any(found.startswith(reason) for found in reasons), (reason, reasons)


def test_nobody_has_no_history(tmp_path):
    """The bounds hold for operators that look at no field, too: here a rekey stands before the history."""
    job = Job(tmp_path / "data", ROOT / "topologies" / "features.yaml")
    job.produce("engagements", [engagement("e1", "a", user_id_token=""), engagement("e2", "b", user_id_token="ann")])
    job.call("run", "--until-end", "--operators", "by_user,history")
    assert [row["user_id_token"] for row in job.rows("user_histories")] == ["ann"]
    letter, = job.dead_letters()
    assert (letter["operator"], letter["reason"]) == \
        ("by_user", "user_id_token is empty; expected a text that is not empty")


@pytest.mark.parametrize("value", ("NaN", "Infinity", "-Infinity"))
def test_what_consume_prints_for_no_number_produce_reads(tmp_path, value):
    """JSON has no such numbers: they are texts, both ways."""
    first, second = Job(tmp_path / "first"), Job(tmp_path / "second")
    first.produce("engagements", [engagement("e1", "a", watched_seconds=value)])
    row, = first.rows("engagements")
    assert row["watched_seconds"] == value
    second.produce("engagements", [row])
    assert second.call("consume", "engagements", "--until-end", "--raw").stdout == \
        first.call("consume", "engagements", "--until-end", "--raw").stdout
