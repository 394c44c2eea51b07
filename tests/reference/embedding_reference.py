"""The embedding of each user, worked out as plainly as possible: the formula in double precision over all engagements
at once, whatever their order."""

import math

WEIGHTS = {"view": 0.1, "click": 1, "like": 2, "share": 3, "comment": 3, "follow": 3, "purchase": 5, "watch": 0.5}
HALF_LIFE = 7 * 24 * 3_600_000  # ms


def embeddings(engagements, vectors, weights=WEIGHTS, half_life=HALF_LIFE):
    """By user: {"vector", "weight", "n_actions", "updated_at"}, as the last row of each should have them. `vectors`: by
    item; engagements with others count for nothing."""
    users = {}
    for engagement in engagements:
        if engagement["action"] in weights and engagement["item_id"] in vectors:
            users.setdefault(engagement["user_id_token"], {})[engagement["engagement_id"]] = engagement
    return {user: embedding(actions.values(), vectors, weights, half_life) for user, actions in users.items()}


def embedding(actions, vectors, weights, half_life):
    newest = max(action["occurred_at"] for action in actions)
    weighted = [(weights[action["action"]] * 2 ** ((action["occurred_at"] - newest) / half_life),
                 vectors[action["item_id"]]) for action in actions]
    total = math.fsum(weight for weight, _ in weighted)
    dimensions = len(weighted[0][1])
    return {"vector": [math.fsum(weight * vector[i] for weight, vector in weighted) / total for i in range(dimensions)],
            "weight": total, "n_actions": len(actions), "updated_at": newest}


def last_rows(rows):
    """By user, what the rows of the compacted topic come to: of two the later by (updated_at, revision) holds."""
    last = {}
    for row in rows:
        before = last.get(row["user_id_token"])
        if not before or (before["updated_at"], before["revision"]) < (row["updated_at"], row["revision"]):
            last[row["user_id_token"]] = row
    return last


def check_rows(rows, wanted):
    """Whether they are the same but for rounding: a float has 24 bits."""
    last = last_rows(rows)
    assert set(last) == set(wanted)
    for user, row in last.items():
        same = wanted[user]
        assert row["n_actions"] == same["n_actions"], user
        assert row["updated_at"] == same["updated_at"], user
        assert math.isclose(row["weight"], same["weight"], rel_tol=1e-9), user
        assert close(row["vector"], same["vector"]), (user, row["vector"], same["vector"])


def close(got, wanted, tolerance=2e-6):
    scale = max(1.0, *(abs(component) for component in wanted))
    return len(got) == len(wanted) and all(abs(a - b) <= tolerance * scale for a, b in zip(got, wanted))
