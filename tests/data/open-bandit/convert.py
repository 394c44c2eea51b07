#!/usr/bin/env python3
"""Open Bandit rows as records: convert.py men-random|men-bts impressions|engagements, JSON lines on standard output."""

import csv
import datetime
import gzip
import hashlib
import json
import pathlib
import random
import sys

DELAY_MEAN_S = 30.0
DELAY_MAX_S = 590.0
SOURCES = {"men-random": ("exploration", "uniform_random"), "men-bts": ("ranked", "none")}
HERE = pathlib.Path(__file__).resolve().parent


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


def records(name):
    """(impression, engagement or None) for each row."""
    delays = random.Random(name)
    with gzip.open(HERE / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            yield impression_and_click(name, number, row, delays)


def impression_and_click(name, number, row, delays):
    features = ",".join(row[f"user_feature_{i}"] for i in range(4))
    source, explore_kind = SOURCES[name]
    impression = {
        "impression_id": f"{name}-{number}", "request_id": f"{name}-{number}",
        "user_id_token": hashlib.sha256(features.encode()).hexdigest()[:16], "item_id": f"item-{row['item_id']}",
        "position": int(row["position"]) - 1, "shown_at": milliseconds(row["timestamp"]), "source": source,
        "explore_kind": explore_kind, "strategy_id": name, "propensity": float(row["propensity_score"]),
    }
    if row["click"] != "1":
        return impression, None
    delay_s = min(delays.expovariate(1 / DELAY_MEAN_S), DELAY_MAX_S)
    return impression, {
        "engagement_id": f"{name}-click-{number}", "impression_id": impression["impression_id"],
        "user_id_token": impression["user_id_token"], "item_id": impression["item_id"], "action": "click",
        "occurred_at": impression["shown_at"] + round(delay_s * 1000),
    }


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in SOURCES or sys.argv[2] not in ("impressions", "engagements"):
        sys.exit(__doc__)
    for impression, click in records(sys.argv[1]):
        record = impression if sys.argv[2] == "impressions" else click
        if record:
            print(json.dumps(record))


if __name__ == "__main__":
    main()
