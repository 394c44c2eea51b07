"""A day on which much goes wrong at once, as records in the order of arrival: some are late, come twice or are damaged,
each log is away for an hour in turn, and some keys get more than anybody should. The feed itself is that of the source
`traffic`; what is done to it follows from a seed."""

import base64
import dataclasses
import random

from tests.flow.job import ROOT, Job

START_MS = 1_767_225_600_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
LATE, REPEATED, DAMAGED = 0.05, 0.05, 0.02
CUT = base64.b64encode(b"\xc3\x01" + b"nobody's" + b"cut").decode()  # a schema that nobody has
LATE_BY_MS, REPEATED_AFTER_MS = 30 * MINUTE_MS, 10 * MINUTE_MS
LOGS = ("engine_log", "server_log", "client_log")
TIMES = {"impressions": "shown_at", "engagements": "occurred_at", "ranker_scores": "scored_at",
         **dict.fromkeys(LOGS, "logged_at")}
SOURCE = f"""\
name: source
log: {{type: embedded}}
schemas: {ROOT}/schemas
topics:
  impressions: {{schema: impression.avsc, key: impression_id, time: shown_at, partitions: 1}}
  engagements: {{schema: engagement.avsc, key: impression_id, time: occurred_at, partitions: 1}}
  ranker_scores: {{schema: ranker_score.avsc, key: impression_id, time: scored_at, partitions: 1}}
  item_vectors: {{schema: item_vector.avsc, key: item_id, time: updated_at, partitions: 1}}
  engine_log: {{schema: delivery.avsc, key: request_id, time: logged_at, partitions: 1}}
  server_log: {{schema: delivery.avsc, key: request_id, time: logged_at, partitions: 1}}
  client_log: {{schema: delivery.avsc, key: request_id, time: logged_at, partitions: 1}}
operators:
  feed:
    type: traffic
    outputs:
      impressions: impressions
      engagements: engagements
      scores: ranker_scores
      item_vectors: item_vectors
      engine_log: engine_log
      server_log: server_log
      client_log: client_log
    clock: unpaced
    start: {START_MS}
    items: 200
    users: 500
    new_items_per_minute: 0
    repeats: 0
    orphans: 0
"""


@dataclasses.dataclass
class Day:
    arrivals: dict  # topic -> [(ms, row)], in the order of arrival; row None: it was damaged on its way
    vectors: list
    damaged: dict  # topic -> number of records
    away: dict  # topic -> hour


def clean_feed(directory, *, hours, per_s):
    directory.mkdir()
    path = directory / "source.yaml"
    path.write_text(SOURCE + f"    rate: {per_s}\n    limit: {int(1.1 * hours * 3600 * per_s)}\n")
    job = Job(directory / "data", path)
    job.call("run", "--until-end")
    end_ms = START_MS + hours * HOUR_MS
    return ({topic: [row for row in job.rows(topic) if row[time] < end_ms] for topic, time in TIMES.items()},
            job.rows("item_vectors"))


def spoil(rng, topic, rows, away_from):
    """(arrival, row) of what is left of a topic's rows, and how many were damaged."""
    arrivals, damaged = [], 0
    for row in rows:
        at_ms = row[TIMES[topic]]
        if rng.random() < LATE:
            at_ms += rng.randrange(LATE_BY_MS)
        if away_from <= at_ms < away_from + HOUR_MS:
            at_ms = away_from + HOUR_MS
        if rng.random() < DAMAGED:
            row, damaged = None, damaged + 1
        arrivals.append((at_ms, row))
        if row and rng.random() < REPEATED:
            arrivals.append((at_ms + rng.randrange(REPEATED_AFTER_MS), row))
    arrivals.sort(key=lambda arrival: arrival[0])
    return arrivals, damaged


# ---- keys that get more than anybody should ----

HOT_ENGAGEMENTS, HOT_SCORES, HOT_IMPRESSIONS, HOT_ENTRIES = 400, 60, 90, 70
HOT_FROM_MS = START_MS + 10 * MINUTE_MS


def hot_keys():
    """Topic -> rows: an impression with too many engagements and scores, a response with too many impressions, and an
    impression that a log has too many entries about."""
    shown = {"impression_id": "hot", "user_id_token": "everybody", "item_id": "hot", "position": 0,
             "shown_at": HOT_FROM_MS, "source": "ranked"}
    clicks = [{"engagement_id": f"hot-{number}", "impression_id": "hot", "user_id_token": "everybody", "item_id": "hot",
               "action": "click", "occurred_at": HOT_FROM_MS + 1_000 + number} for number in range(HOT_ENGAGEMENTS)]
    scores = [{"impression_id": "hot", "model_version": f"m{number}", "predicted_watch_seconds": 1.0,
               "predicted_engage_prob": 0.5, "scored_at": HOT_FROM_MS} for number in range(HOT_SCORES)]
    entry = {"stage": "returned", "user_id_token": "everybody", "item_id": "hot", "position": 0,
             "logged_at": HOT_FROM_MS}
    wide = [{**entry, "request_id": "wide", "impression_id": f"wide-{number}", "position": number}
            for number in range(HOT_IMPRESSIONS)]
    deep = [{**entry, "request_id": "deep", "impression_id": "deep"}] * HOT_ENTRIES
    return {"impressions": [shown], "engagements": clicks, "ranker_scores": scores, "engine_log": wide + deep}


# ---- the day ----


def bad_day(directory, *, hours, per_s, away, seed=1):
    """`away`: topics, which are so in the hours 1, 2, ..."""
    rng, day = random.Random(seed), Day({}, [], {}, {topic: hour for hour, topic in enumerate(away, start=1)})
    rows, day.vectors = clean_feed(directory, hours=hours, per_s=per_s)
    hot = hot_keys()
    for topic, of in rows.items():
        away_from = START_MS + day.away[topic] * HOUR_MS if topic in day.away else 1 << 60
        arrivals, day.damaged[topic] = spoil(rng, topic, of, away_from)
        arrivals += [(row[TIMES[topic]], row) for row in hot.get(topic, [])]
        day.arrivals[topic] = sorted(arrivals, key=lambda arrival: arrival[0])
    return day


def produce_hour(job, day, hour):
    """What arrives in it."""
    for topic, arrivals in day.arrivals.items():
        rows = [row for at_ms, row in arrivals if (at_ms - START_MS) // HOUR_MS == hour]
        job.produce(topic, [row for row in rows if row])
        job.call("produce", topic, "--raw", given="".join(f"k{number}\t{CUT}\n" for number in range(rows.count(None))))


def last_hour(day):
    return max((arrivals[-1][0] - START_MS) // HOUR_MS for arrivals in day.arrivals.values())
