"""Daily life that is no failure: one impression with very much, impressions that come too late or again. The job goes
on, every other row is there, and there is no dead letter."""

import json

from tests.flow.job import Job

START = 1_767_225_600_000
ONE_PARTITION = [text for topic in ("impressions", "engagements", "ranker_scores") for text in
                 ("--set", f"topics.{topic}.partitions=1")]


def impression(key, at=START):
    return {"impression_id": key, "user_id_token": "u", "item_id": "x", "position": 0, "shown_at": at,
            "source": "ranked"}


def view(name, key, at):
    return {"engagement_id": name, "impression_id": key, "user_id_token": "u", "item_id": "x", "action": "view",
            "occurred_at": at}


def feed(others, hot):
    """An impression that a player reports again and again, among others with one view each."""
    impressions = [impression("hot")] + [impression(f"i{n}", START + n * 5) for n in range(others)]
    engagements = [view(f"e{n}", f"i{n}", START + n * 5 + 1_000) for n in range(others)] + \
        [view(f"h{n}", "hot", START + 1_000 + n * 10) for n in range(hot)]
    return impressions, sorted(engagements, key=lambda row: row["occurred_at"])


def last_of(rows):
    return {row["impression_id"]: row for row in sorted(rows, key=lambda row: row["revision"])}


def run(job, *arguments):
    job.call("run", "--until-end", *ONE_PARTITION, *arguments)


def produce(job, topic, rows):
    job.produce(topic, rows, *ONE_PARTITION)


def rows_of(job, topic):
    return job.rows(topic, *ONE_PARTITION)


def test_one_hot_impression_changes_nothing_for_the_others(tmp_path):
    job = Job(tmp_path / "data")
    impressions, engagements = feed(3_000, 20_000)
    produce(job, "impressions", impressions)
    produce(job, "engagements", engagements)
    run(job)
    last = last_of(rows_of(job, "outcomes"))
    assert last.pop("hot")["n_engagements"] == 20_000
    assert len(last) == 3_000 and {row["n_engagements"] for row in last.values()} == {1}
    assert rows_of(job, "dead_letters") == []


def test_what_is_beyond_the_limit_is_kept_aside(tmp_path):
    job = Job(tmp_path / "data")
    impressions, engagements = feed(500, 1_500)
    produce(job, "impressions", impressions)
    produce(job, "engagements", engagements)
    run(job, "--set", "operators.join.engagements_max=1000")
    last = last_of(rows_of(job, "outcomes"))
    assert last["hot"]["n_engagements"] == 1_000 and len(last) == 501
    assert [row["engagement_id"] for row in rows_of(job, "overflow_engagements")] == \
        [f"h{n}" for n in range(1_000, 1_500)]
    assert rows_of(job, "dead_letters") == []


def test_what_waits_for_a_hot_impression_leaves_nothing_behind(tmp_path):
    """Orphans of one id, more than its entry holds: each comes out once, and state is as if they had never been."""
    job = Job(tmp_path / "data")
    produce(job, "engagements", [view(f"h{n}", "nobody", START + n) for n in range(3_000)])
    run(job)
    assert sorted(row["engagement_id"] for row in rows_of(job, "orphan_engagements")) == \
        sorted(f"h{n}" for n in range(3_000))
    assert job.call("state", "join", *ONE_PARTITION).stdout == ""
    assert rows_of(job, "dead_letters") == []


def test_impressions_that_come_too_late_stop_nobody(tmp_path):
    """Their producer was away for longer than correction_horizon, while engagements went on."""
    job = Job(tmp_path / "data")
    now = START + 4_000_000
    produce(job, "engagements", [view(f"e{n}", f"j{n}", now + n) for n in range(200)])
    run(job)
    late = [impression(f"i{n}", START + n) for n in range(200)]
    produce(job, "impressions", late + [impression(f"j{n}", now + n) for n in range(200)])
    run(job)
    assert sorted(row["impression_id"] for row in rows_of(job, "outcomes")) == sorted(f"j{n}" for n in range(200))
    assert sorted(row["impression_id"] for row in rows_of(job, "late_impressions")) == \
        sorted(row["impression_id"] for row in late)
    assert rows_of(job, "dead_letters") == []


def go_on(job, name, at, settings):
    """Time passes: impressions with a view each, so many that each partition has some."""
    job.produce("impressions", [impression(f"{name}{n}", at + n * 1_000) for n in range(40)], *settings)
    job.produce("engagements", [view(f"{name}{n}", f"{name}{n}", at + n * 1_000) for n in range(40)], *settings)
    job.call("run", "--until-end", *settings)


def remembered(job, settings):
    entries = map(json.loads, job.call("state", "join", *settings).stdout.splitlines())
    return sorted(entry["key"] for entry in entries if entry["value"].get("remembered"))


def test_an_impression_sent_again_after_its_horizon_has_one_story(tmp_path):
    """Through runs and a rescale, until it is forgotten: then nothing is left of it."""
    job, day, ids = Job(tmp_path / "data"), 86_400_000, sorted(f"i{n}" for n in range(100))
    two = [text.replace("=1", "=2") for text in ONE_PARTITION]
    produce(job, "impressions", [impression(key) for key in ids])
    run(job)
    go_on(job, "later", START + day // 2, ONE_PARTITION)
    assert remembered(job, ONE_PARTITION) == ids
    job.call("rescale", "join", "--partitions", 2, *two)
    job.produce("impressions", [impression(key, START + day // 2 + 40_000) for key in ids], *two)
    go_on(job, "again", START + day // 2 + 60_000, two)
    outcomes = [(row["impression_id"], row["revision"]) for row in job.rows("outcomes", *two)]
    assert len(outcomes) == 180 and len(set(outcomes)) == 180
    assert remembered(job, two) == ids
    go_on(job, "much-later", START + 3 * day, two)
    assert not set(remembered(job, two)) & set(ids)
