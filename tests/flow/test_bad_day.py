"""A day on which much goes wrong at once (bad_day.py), on recommender.yaml, live: nothing of it stops a job, which is
ended or killed every hour. Damaged records are dead letters, each once; every impression that came has its row; and the
alerts tell which logs were away, from when and until when."""

import collections
import datetime
import re

from tests.flow.bad_day import (HOT_ENGAGEMENTS, HOT_ENTRIES, HOT_IMPRESSIONS, HOT_SCORES, HOUR_MS, LOGS, MINUTE_MS,
                                START_MS, TIMES, bad_day, last_hour, produce_hour)
from tests.flow.job import ROOT, Job
from tests.flow.test_integrity import wait

HOURS, PER_S, PARTITIONS = 6, 0.5, 2
AWAY = (*LOGS, "impressions", "engagements")
READERS = {"engagements": ("join", "by_user"), "impressions": ("join",), "ranker_scores": ("join",),
           **dict.fromkeys(LOGS, ("reconcile",))}
LIMITS = {"join.engagements_max": 150, "join.scores_max": 20, "reconcile.impressions_max": 40,
          "reconcile.entries_max": 30}
PARTITIONED = (*TIMES, "engagements_by_user", "integrity_counts")
SETTINGS = {**{f"topics.{topic}.partitions": PARTITIONS for topic in PARTITIONED},
            **{f"operators.{operator}.dead_letter_limit": 0.1 for operator in ("join", "by_user", "reconcile")},
            "operators.embedding.dimensions": 16, "operators.reconcile.window": "2min",
            "operators.rollup.settle": "2min", **{f"operators.{name}": limit for name, limit in LIMITS.items()}}


class Recommender(Job):
    def command(self, name, *arguments):
        settings = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
        return [*super().command(name, *arguments), *settings]

    def watermarks(self, operator):
        """Of its tasks that have one, in ms."""
        found = re.findall(r"^task \d+: watermark (\S+),", self.call("state", operator, "--summary").stdout, re.M)
        times = [datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) for text in found if text[0].isdigit()]
        return [time.timestamp() * 1000 for time in times]


def live_until(job, until_ms, away, kill):
    """A live run, until join and reconcile have come that far. What is away is idle first, as where others go on."""
    idle = [word for topic in TIMES for word in
            ("--set", f"topics.{topic}.idle_after={'100ms' if topic in away else '1min'}")]
    process = job.start("run", *idle)
    wait(process, lambda: all(len(found) == PARTITIONS and min(found) >= until_ms
                              for found in map(job.watermarks, ("join", "reconcile"))))
    (process.kill if kill else process.terminate)()
    _, errors = process.communicate()
    assert process.returncode == (-9 if kill else 0), errors


def check_dead_letters(job, day):
    """Each damaged record once for each of its readers, and nothing else."""
    letters = job.dead_letters()
    assert collections.Counter((letter["topic"], letter["operator"]) for letter in letters) == {
        (topic, operator): number for topic, number in day.damaged.items() for operator in READERS[topic]}
    places = [(letter["topic"], letter["partition"], letter["offset"], letter["operator"]) for letter in letters]
    assert len(set(places)) == len(places)
    assert all("which is not known for this topic" in letter["reason"] for letter in letters)


def check_hot_keys(job):
    """Up to its limit each is as others are, and what lies beyond is kept aside."""
    row = [row for row in job.rows("outcomes") if row["impression_id"] == "hot"][-1]
    assert (row["n_engagements"], len(row["scores"])) == (LIMITS["join.engagements_max"], LIMITS["join.scores_max"])
    assert len(job.rows("overflow_engagements")) == HOT_ENGAGEMENTS - LIMITS["join.engagements_max"]
    assert len(job.rows("overflow_scores")) == HOT_SCORES - LIMITS["join.scores_max"]
    beyond = collections.Counter(row["request_id"] for row in job.rows("overflow_entries"))
    assert beyond == {"wide": HOT_IMPRESSIONS - LIMITS["reconcile.impressions_max"],
                      "deep": HOT_ENTRIES - LIMITS["reconcile.entries_max"]}


def check_outcomes(job, day):
    came = {row["impression_id"] for _, row in day.arrivals["impressions"] if row}
    late = {row["impression_id"] for row in job.rows("late_impressions")}
    revisions = collections.defaultdict(list)
    for row in job.rows("outcomes"):
        assert row["final"]
        revisions[row["impression_id"]].append(row["revision"])
    assert revisions.keys() | late == came and not revisions.keys() & late
    for key, of in revisions.items():
        assert of == list(range(1, len(of) + 1)), (key, of)


def check_alerts(job, day):
    """Of the logs that were away: the last word is that they are back, and when that was."""
    told = {row["alert_id"]: row for row in job.rows("alerts")}
    for log in LOGS:
        row = told[f'log_silent{{dimension="all",log="{log.removesuffix("_log")}",value="all"}}']
        away_from = START_MS + day.away[log] * HOUR_MS
        assert (row["state"], row["revision"]) == ("resolved", 2), row
        assert abs(row["starts_at"] - away_from) <= 5 * MINUTE_MS, (row, away_from)
        assert abs(row["ends_at"] - away_from - HOUR_MS) <= 5 * MINUTE_MS, (row, away_from)
    return told


def test_nothing_that_a_bad_day_brings_stops_the_job_and_all_of_it_is_told(tmp_path):
    day = bad_day(tmp_path / "source", hours=HOURS, per_s=PER_S, away=AWAY)
    job = Recommender(tmp_path / "data", ROOT / "topologies" / "recommender.yaml")
    job.produce("item_vectors", day.vectors)
    for hour in range(HOURS):
        produce_hour(job, day, hour)
        live_until(job, START_MS + (hour + 1) * HOUR_MS - 2 * MINUTE_MS,
                   [topic for topic in AWAY if day.away[topic] == hour], kill=hour % 2 == 0)
    for hour in range(HOURS, last_hour(day) + 1):
        produce_hour(job, day, hour)
    job.call("run", "--until-end")
    check_outcomes(job, day)
    check_hot_keys(job)
    check_alerts(job, day)
    check_dead_letters(job, day)
