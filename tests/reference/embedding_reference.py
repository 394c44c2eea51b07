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


def embeddings_of_their_time(engagements, versions, vector_wait=60_000, weights=WEIGHTS, half_life=HALF_LIFE):
    """The same where items have several versions of their vectors: rows of item_vectors. By user with "space" too: of
    what a user did only that counts which has a vector of the newest space among them."""
    began, by_item, users = {}, {}, {}
    for row in versions:
        began[row["space"]] = min(row["updated_at"], began.get(row["space"], row["updated_at"]))
        by_item.setdefault(row["item_id"], []).append(row)
    for engagement in engagements:
        version = version_of_its_time(by_item.get(engagement["item_id"], []), engagement, vector_wait, began)
        if version and engagement["action"] in weights:
            users.setdefault(engagement["user_id_token"], {})[engagement["engagement_id"]] = (engagement, version)
    return {user: embedding_in_newest_space(list(taken.values()), began, weights, half_life)
            for user, taken in users.items()}


def version_of_its_time(versions, engagement, vector_wait, began):
    at = engagement["occurred_at"]
    held = [row for row in versions if row["updated_at"] <= at]
    if held:
        return max(held, key=lambda row: (began[row["space"]], row["updated_at"]))
    soon = [row for row in versions if at < row["updated_at"] <= at + vector_wait]
    return min(soon, key=lambda row: row["updated_at"]) if soon else None


def embedding_in_newest_space(taken, began, weights, half_life):
    space = max((version["space"] for _, version in taken), key=lambda name: began[name])
    counted = [(engagement, version["vector"]) for engagement, version in taken if version["space"] == space]
    row = mean(counted, weights, half_life)
    row["updated_at"] = max(engagement["occurred_at"] for engagement, _ in counted)
    row["space"] = space
    return row


def embedding(actions, vectors, weights, half_life):
    return mean([(action, vectors[action["item_id"]]) for action in actions], weights, half_life)


def mean(counted, weights, half_life):
    """Of pairs of an engagement and its vector."""
    newest = max(action["occurred_at"] for action, _ in counted)
    weighted = [(weights[action["action"]] * 2 ** ((action["occurred_at"] - newest) / half_life), vector)
                for action, vector in counted]
    total = math.fsum(weight for weight, _ in weighted)
    dimensions = len(weighted[0][1])
    return {"vector": [math.fsum(weight * vector[i] for weight, vector in weighted) / total for i in range(dimensions)],
            "weight": total, "n_actions": len(counted), "updated_at": newest}


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
