"""What engagement_join must give, worked out as plainly as possible.

Nothing here is incremental: an impression keeps the list of everything that belongs to it, and each row is computed
from that list anew. Only the order of arrival is followed step by step, since what is late, an orphan or a correction
depends on how far the watermark had come: a task takes the record with the lowest (event time, input, offset) among the
heads of its inputs, processes it, and lets it move the watermark.
"""

import heapq
import json

NONE, END = -(2**63), 2**63 - 1
INPUTS = ("impressions", "engagements", "scores")
TIMES = {"impressions": "shown_at", "engagements": "occurred_at", "scores": "scored_at"}
DEFAULTS = {"window": 600_000, "before": 60_000, "grace": 5_000, "correction_horizon": 3_600_000,
            "remember": 86_400_000, "orphan_wait": 600_000, "score_tolerance": 1_000, "emit": "final",
            "out_of_orderness": 5_000}
FLAGS = {"view": "viewed", "click": "clicked", "like": "liked", "share": "shared", "comment": "commented",
         "follow": "followed", "purchase": "purchased"}
IMPRESSION_DEFAULTS = {"request_id": "", "surface": "", "explore_kind": "none", "model_version": "",
                       "experiment_group": "", "strategy_id": "", "item_cluster": "", "creator_id": "", "platform": "",
                       "duration_seconds": None, "propensity": None, "sampled_pct": 1.0}
ENGAGEMENT_DEFAULTS = {"watched_seconds": None, "duration_seconds": None}
SCORE_DEFAULTS = {"is_shadow": False}


def murmur2(data):
    """The hash by which Java's producer chooses a partition."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    for i in range(0, len(data) - 3, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ (k >> 24)) * m & mask)
    rest = data[len(data) & ~3:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


def partition_of(key, partitions):
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def is_engagement(event):
    """By itself: a skip is none, and neither is a view or a watch that was over at once."""
    watched = event["watched_seconds"]
    return event["action"] != "skip" and not (event["action"] in ("view", "watch") and watched is not None and
                                              watched < 1)


class Entry:
    """All that is known of one impression_id."""

    def __init__(self):
        self.impression = None
        self.engagements = []  # those that belong
        self.late = []  # those that came with or after the impression and do not
        self.scores = []  # frozen
        self.waiting = []  # engagements and scores before their impression: (kind, record)
        self.final = False
        self.revision = 0
        self.timer = END

    def knows(self, engagement):
        known = self.engagements + self.late + [record for kind, record in self.waiting if kind == "engagements"]
        return any(other["engagement_id"] == engagement["engagement_id"] for other in known)

    def has_waiting(self, score):
        return any(kind == "scores" and all(other[name] == score[name] for name in ("model_version", "scored_at"))
                   for kind, other in self.waiting)

    def row(self, final):
        events, row = self.engagements, dict(self.impression)
        row["engaged"] = any(is_engagement(event) for event in events)
        for action, flag in FLAGS.items():
            row[flag] = any(event["action"] == action for event in events)
        watched = max((event for event in events if event["watched_seconds"] is not None),
                      key=lambda event: (event["occurred_at"], event["engagement_id"].encode()), default=None)
        seconds = watched["watched_seconds"] if watched else 0.0
        duration = None
        if watched:
            duration = row["duration_seconds"]
            if duration is None:
                duration = watched["duration_seconds"]
        row["watched_seconds"] = seconds
        row["completed"] = duration is not None and duration > 0 and seconds >= 0.95 * duration
        row["skipped"] = any(event["action"] == "skip" for event in events) or (watched is not None and seconds < 1)
        row["n_engagements"] = len(events)
        row["first_engaged_at"] = min((event["occurred_at"] for event in events), default=None)
        row["last_engaged_at"] = max((event["occurred_at"] for event in events), default=None)
        row["scores"] = [{name: score[name] for name in ("model_version", "predicted_watch_seconds",
                                                          "predicted_engage_prob", "is_shadow", "scored_at")}
                         for score in sorted(self.scores, key=lambda score: score["model_version"].encode())]
        row["revision"] = self.revision if final else 0
        row["final"] = final
        return row


class Task:
    """One partition."""

    def __init__(self, parameters):
        self.p = parameters
        self.entries = {}
        self.remembered = {}  # shown_at by id, of impressions whose horizon has passed
        self.timers = []
        self.watermark = NONE
        self.draining = False
        self.out = {name: [] for name in ("outcomes", "exploration_events", "late_engagements", "orphan_engagements",
                                           "hindsight_scores", "late_impressions")}

    # ---- rows

    def emit(self, entry, final):
        row = entry.row(final)
        self.out["outcomes"].append(row)
        if row["source"] == "exploration":
            self.out["exploration_events"].append(row)

    def changed(self, entry):
        if entry.final and self.p["emit"] != "updates":
            entry.revision += 1
            self.emit(entry, True)
        elif self.p["emit"] != "final":
            self.emit(entry, False)

    # ---- records

    def remembers(self, key):
        remember = max(self.p["remember"], self.p["correction_horizon"])
        return key in self.remembered and self.remembered[key] + remember >= self.watermark

    def end(self, key):
        """The horizon has passed: only the id stays."""
        shown_at = self.entries.pop(key).impression["shown_at"]
        if self.p["remember"] > self.p["correction_horizon"]:
            self.remembered[key] = shown_at

    def impression(self, record):
        p, key = self.p, record["impression_id"]
        if self.remembers(key) or key in self.entries and self.entries[key].impression:
            return
        if self.watermark != NONE and record["shown_at"] + p["correction_horizon"] <= self.watermark:
            self.out["late_impressions"].append(record)
            return
        entry = self.entries.setdefault(key, Entry())
        entry.impression = record
        self.set_timer(key, record["shown_at"] + p["window"] + p["grace"])
        waiting, entry.waiting = entry.waiting, []
        for kind in ("engagements", "scores"):
            for other, event in waiting:
                if other == kind:
                    (self.judge if kind == "engagements" else self.freeze)(entry, event)
        if p["emit"] != "final":
            self.emit(entry, False)

    def judge(self, entry, event):
        shown_at = entry.impression["shown_at"]
        if shown_at - self.p["before"] <= event["occurred_at"] <= shown_at + self.p["window"]:
            entry.engagements.append(event)
            return True
        entry.late.append(event)
        self.out["late_engagements"].append(event)
        return False

    def engagement(self, record):
        p, key = self.p, record["impression_id"]
        entry = self.entries.get(key)
        if entry and entry.knows(record):
            return
        if not entry and self.remembers(key):
            self.out["late_engagements"].append(record)
        elif entry and entry.impression:
            if self.judge(entry, record):
                self.changed(entry)
        elif self.watermark != NONE and record["occurred_at"] - p["window"] + p["correction_horizon"] <= self.watermark:
            self.out["late_engagements"].append(record)
        else:
            self.wait(key, "engagements", record, record["occurred_at"])

    def is_hindsight(self, score, shown_at):
        return score["scored_at"] > shown_at + self.p["score_tolerance"]

    def freeze(self, entry, score):
        if self.is_hindsight(score, entry.impression["shown_at"]):
            self.out["hindsight_scores"].append(score)
        elif all(other["model_version"] != score["model_version"] for other in entry.scores):
            entry.scores.append(score)
            return True
        return False

    def score(self, record):
        key = record["impression_id"]
        entry = self.entries.get(key)
        if entry and entry.impression:
            if self.freeze(entry, record):
                self.changed(entry)
        elif not entry and self.remembers(key):
            if self.is_hindsight(record, self.remembered[key]):
                self.out["hindsight_scores"].append(record)
        elif not entry or not entry.has_waiting(record):
            self.wait(key, "scores", record, record["scored_at"])

    def wait(self, key, kind, record, at):
        entry = self.entries.setdefault(key, Entry())
        entry.waiting.append((kind, record))
        self.set_timer(key, min(entry.timer, at + self.p["orphan_wait"]))

    # ---- time

    def set_timer(self, key, at):
        self.entries[key].timer = at
        heapq.heappush(self.timers, (at, key.encode()))

    def fire(self, until):
        while self.timers and self.timers[0][0] <= until:
            at, key = heapq.heappop(self.timers)
            key = key.decode()
            entry = self.entries.get(key)
            if entry and entry.timer == at:
                entry.timer = END
                self.on_timer(key, entry, at)

    def on_timer(self, key, entry, at):
        p = self.p
        if not entry.impression:
            self.give_up(key, entry, END if self.draining else at)
        elif not entry.final:
            entry.final, entry.revision = True, 1
            if p["emit"] != "updates":
                self.emit(entry, True)
            if p["correction_horizon"] <= p["window"] + p["grace"]:
                self.end(key)
            elif not self.draining:
                self.set_timer(key, entry.impression["shown_at"] + p["correction_horizon"])
        else:
            self.end(key)

    def give_up(self, key, entry, until):
        waiting, entry.waiting = entry.waiting, []
        for kind, record in waiting:
            if record[TIMES[kind]] + self.p["orphan_wait"] > until:
                entry.waiting.append((kind, record))
            elif kind == "engagements":
                self.out["orphan_engagements"].append(record)
        if entry.waiting:
            self.set_timer(key, min(record[TIMES[kind]] + self.p["orphan_wait"] for kind, record in entry.waiting))
        else:
            del self.entries[key]

    # ---- the order of arrival

    def run(self, inputs):
        heads, highest = [0] * len(INPUTS), [NONE] * len(INPUTS)
        process = (self.impression, self.engagement, self.score)
        while True:
            live = [i for i in range(len(INPUTS)) if heads[i] < len(inputs[i])]
            if not live:
                break
            take = min(live, key=lambda i: (inputs[i][heads[i]][TIMES[INPUTS[i]]], i))
            record = inputs[take][heads[take]]
            heads[take] += 1
            process[take](record)
            highest[take] = max(highest[take], record[TIMES[INPUTS[take]]])
            live = [i for i in live if heads[i] < len(inputs[i])]
            if live and all(highest[i] != NONE for i in live):
                self.watermark = max(self.watermark, min(highest[i] for i in live) - self.p["out_of_orderness"])
            self.fire(self.watermark - 1)  # a record of that very time is not late
        self.draining = True
        self.fire(END - 1)


def join(impressions, engagements, scores, partitions=4, **parameters):
    """Rows by topic, one list per partition. Inputs: dicts, in the order in which they were produced."""
    tasks = []
    filled = ([{**IMPRESSION_DEFAULTS, **record} for record in impressions],
              [{**ENGAGEMENT_DEFAULTS, **record} for record in engagements],
              [{**SCORE_DEFAULTS, **record} for record in scores])
    for partition in range(partitions):
        task = Task({**DEFAULTS, **parameters})
        task.run([[record for record in records if partition_of(record["impression_id"], partitions) == partition]
                  for records in filled])
        tasks.append(task)
    return {topic: [task.out[topic] for task in tasks] for topic in tasks[0].out}


def last_revisions(rows):
    """The truth of a list of outcomes: per impression_id the final row with the highest revision."""
    last = {}
    for row in rows:
        if row["final"] and row["revision"] >= last.get(row["impression_id"], row)["revision"]:
            last[row["impression_id"]] = row
    return last


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
