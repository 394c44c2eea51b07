"""The join from end to end through the commands: rows by the reference, cut by kill -9, on one and more threads, with
damaged input."""

import base64
import json
import random
import time

import pytest

from tests.flow.job import Job
from tests.flow.test_join_random import START, by_partition, expected, of_topic, random_engagement, random_impression, \
    random_score, without_revision
from tests.reference import join_reference

PARTITIONS = 4
TOPICS = ("outcomes", "exploration_events", "late_engagements", "orphan_engagements", "hindsight_scores",
          "late_impressions")


def random_feed(seed, impressions):
    """A feed in rough event-time order, with everything in it that the join has to tell apart."""
    r = random.Random(seed)
    records = []
    for number in range(impressions):
        now, key = START + number * 400, f"i{number}"
        records.append(["impressions", random_impression(r, key, now)])
        for _ in range(r.choice([0, 0, 0, 1, 2])):
            later = now + r.choice([500, 3_000, 30_000, 700_000])
            records.append(["engagements", random_engagement(r, key, later, r.randrange(10**9))])
        if r.random() < 0.4:
            records.append(["ranker_scores", random_score(r, key, now)])
        if r.random() < 0.02:
            records.append(["engagements", random_engagement(r, f"nobody{number}", now, r.randrange(10**9))])
        if r.random() < 0.02:
            records.append(r.choice(records[-50:]))
    records.sort(key=lambda record: time_of(record[1]) + r.randrange(3_000))
    return records


def time_of(record):
    return next(record[name] for name in ("shown_at", "occurred_at", "scored_at") if name in record)


def produced(job, records):
    for topic in ("impressions", "engagements", "ranker_scores"):
        job.produce(topic, of_topic(records, topic))


@pytest.mark.parametrize("seed", range(3))
def test_the_commands_give_the_rows_of_the_reference(tmp_path, seed):
    job, records = Job(tmp_path / "data"), random_feed(seed, 4_000)
    produced(job, records)
    job.call("run", "--until-end")
    wanted = expected(records, PARTITIONS, {})
    for topic in TOPICS:
        assert by_partition(job.rows(topic, "--from", "beginning"), PARTITIONS) == wanted[topic], topic
    assert job.dead_letters() == []


def test_rows_and_their_order_depend_on_neither_run_nor_threads(tmp_path):
    records, results = random_feed(7, 3_000), []
    for number, workers in enumerate((1, 1, 2, 4)):
        job = Job(tmp_path / str(number))
        produced(job, records)
        job.call("run", "--until-end", "--set", f"workers={workers}")
        results.append([[(row["partition"], row["offset"], row["value"]) for row in job.rows(topic, "--with-metadata")]
                        for topic in TOPICS])
    assert all(result == results[0] for result in results)


def killed_again_and_again(job, r, whole_run_s, *arguments):
    """Runs to the end, killed with -9 at random moments of what a whole run takes; returns how often."""
    kills = 0
    while kills < 20:
        if not job.run_killed(*arguments, after_s=r.uniform(0.05, 0.4) * whole_run_s):
            return kills
        kills += 1
    job.call("run", "--until-end", *arguments)
    return kills


@pytest.mark.parametrize("seed, arguments", [(1, []), (2, ["--set", "workers=2"]), (3, ["--set", "memory=16MiB"])])
def test_kill_9_at_random_moments_changes_nothing(tmp_path, seed, arguments):
    records = random_feed(seed, 25_000)
    arguments = [*arguments, "--set", "commit_interval=10ms", "--set", "commit_bytes=64KiB"]  # hundreds of commits
    undisturbed, killed = Job(tmp_path / "undisturbed"), Job(tmp_path / "killed")
    for job in (undisturbed, killed):
        produced(job, records)
    began = time.monotonic()
    undisturbed.call("run", "--until-end", *arguments)
    kills = killed_again_and_again(killed, random.Random(seed), time.monotonic() - began, *arguments)
    assert kills > 0, "it was never killed: make the feed longer"
    rows = killed.rows("outcomes")
    revisions = [(row["impression_id"], row["revision"]) for row in rows]
    assert len(revisions) == len(set(revisions)), "a revision came out twice"
    wanted = join_reference.last_revisions(undisturbed.rows("outcomes"))
    assert without_revision(join_reference.last_revisions(rows)) == without_revision(wanted)
    for topic in TOPICS[2:]:
        assert sorted(map(json.dumps, killed.rows(topic))) == sorted(map(json.dumps, undisturbed.rows(topic)))


# ---- damaged input

def values_of(job, topic):
    """Key and value of each record, as `produce --raw` takes them."""
    rows = job.rows(topic, "--with-metadata")
    values = job.call("consume", topic, "--until-end", "--raw").stdout.split()
    assert len(rows) == len(values)
    return [[row["key"], value] for row, value in zip(rows, values)]


def damaged_job(tmp_path, damaged, records=10_000):
    impressions = [{"impression_id": f"i{i}", "user_id_token": "u", "item_id": "x", "position": 0,
                    "shown_at": START + i * 10, "source": "ranked"} for i in range(records)]
    source, job = Job(tmp_path / "source"), Job(tmp_path / "data")
    source.produce("impressions", impressions)
    values = values_of(source, "impressions")
    for i in random.Random(5).sample(range(records), damaged):
        value = base64.b64decode(values[i][1])
        values[i][1] = base64.b64encode(value[:len(value) // 2]).decode()
    job.call("produce", "impressions", "--raw", given="".join(f"{key}\t{value}\n" for key, value in values))
    return job


def test_damaged_records_become_dead_letters_that_say_why(tmp_path):
    job = damaged_job(tmp_path, 50)
    job.call("run", "--until-end")
    letters = job.rows("dead_letters")
    assert len(job.rows("outcomes")) == 9_950
    assert len(letters) == 50
    for letter in letters:
        assert (letter["topic"], letter["operator"]) == ("impressions", "join")
        assert "impression" in letter["reason"], letter["reason"]
        assert letter["value"] and letter["offset"] >= 0 and letter["key"]


def test_dead_letters_are_replayed_after_a_fix(tmp_path):
    """An hour ahead of the log is refused; once max_ahead allows it, the dead letters are processed, once each."""
    job = Job(tmp_path / "data")
    ahead = int(time.time() * 1000) + 3_600_000
    job.produce("impressions", [{"impression_id": f"i{i}", "user_id_token": "u", "item_id": "x", "position": 0,
                                 "shown_at": ahead + i, "source": "ranked"} for i in range(20)])
    job.call("run", "--until-end")
    assert len(job.rows("dead_letters")) == 20
    assert job.rows("outcomes") == []
    for _ in range(2):
        job.call("deadletter", "replay")
        job.call("run", "--until-end", "--set", "topics.impressions.max_ahead=2h")
        assert sorted(row["impression_id"] for row in job.rows("outcomes")) == sorted(f"i{i}" for i in range(20))


def test_too_many_damaged_records_stop_the_run(tmp_path):
    job = damaged_job(tmp_path, 1_000)
    done = job.call("run", "--until-end", status=1)
    assert "operator join stops" in done.stderr and "dead_letter_limit" in done.stderr


def test_a_record_under_another_key_than_its_own_is_a_dead_letter(tmp_path):
    source, job = Job(tmp_path / "source"), Job(tmp_path / "data")
    source.produce("impressions", [{"impression_id": "mine", "user_id_token": "u", "item_id": "x", "position": 0,
                                    "shown_at": START, "source": "ranked"}])
    [(_, value)] = values_of(source, "impressions")
    job.call("produce", "impressions", "--raw", given=f"other\t{value}\n")
    job.call("run", "--until-end")
    assert job.rows("outcomes") == []
    assert job.rows("dead_letters")[0]["reason"] == 'the record\'s key "other" is not its impression_id "mine"'


def score(number, scored_at):
    return {"impression_id": f"i{number}", "model_version": "m", "predicted_watch_seconds": 1.0,
            "predicted_engage_prob": 0.5, "scored_at": scored_at}


def test_times_that_are_none_are_dead_letters_and_hold_up_nobody(tmp_path):
    """Java's "unset" and its neighbour, seconds, microseconds: none of them gets as far as a timer."""
    job = Job(tmp_path / "data")
    job.produce("impressions", [{"impression_id": f"i{i}", "user_id_token": "u", "item_id": "x", "position": 0,
                                 "shown_at": START + i, "source": "ranked"} for i in range(3)])
    job.produce("ranker_scores", [score(0, -2**63), score(1, -2**63 + 1), score(2, 2**63 - 1), score(0, START // 1000),
                                  score(1, START * 1000), score(2, START)])
    for _ in range(2):
        job.call("run", "--until-end")
        assert {row["impression_id"]: len(row["scores"]) for row in job.rows("outcomes")} == {"i0": 0, "i1": 0, "i2": 1}
    reasons = sorted(letter["reason"] for letter in job.rows("dead_letters"))
    assert len(reasons) == 5
    assert sum("is no time; expected milliseconds since 1970" in reason for reason in reasons) == 4
    assert sum("is before not_before (1980-01-01T00:00:00.000Z)" in reason for reason in reasons) == 1
