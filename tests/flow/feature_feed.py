"""A feed for features.yaml: engagements of a few hundred users, in rough order of time, some of them more than once."""

import random

START = 1_767_225_600_000
ACTIONS = ("view", "click", "like", "share", "comment", "follow", "purchase", "watch", "skip")


def engagement(r, number, users):
    action = r.choice(ACTIONS)
    return {"engagement_id": f"e{number}", "impression_id": f"i{r.randrange(10**6)}",
            "user_id_token": f"u{min(r.randrange(users), r.randrange(users))}", "item_id": f"x{r.randrange(500)}",
            "action": action, "watched_seconds": r.randrange(400) / 4 if action == "watch" else None,
            "occurred_at": START + number * 700 - r.randrange(4_000)}


def feed(seed, count=6_000, users=300):
    r, rows = random.Random(seed), []
    for number in range(count):
        rows.append(engagement(r, number, users))
        if r.random() < 0.03:
            rows.append(r.choice(rows[-100:]))
    return rows
