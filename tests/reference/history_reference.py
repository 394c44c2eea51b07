"""The history of each user, worked out as plainly as possible: from all engagements at once, whatever their order."""

COUNTED = ("view", "click", "like", "share", "comment", "follow", "purchase", "watch")
KEPT = 10
FIELDS = ("engagement_id", "item_id", "action", "watched_seconds", "occurred_at")


def histories(engagements, kept=KEPT, counted=COUNTED):
    """By user: {"actions": newest first, "updated_at"}, as the last row of each should have them."""
    users = {}
    for engagement in engagements:
        if engagement["action"] in counted:
            users.setdefault(engagement["user_id_token"], {})[engagement["engagement_id"]] = engagement
    return {user: history(actions.values(), kept) for user, actions in users.items()}


def history(actions, kept):
    newest = sorted(actions, key=lambda action: (action["occurred_at"], action["engagement_id"]), reverse=True)[:kept]
    return {"actions": [{name: action.get(name) for name in FIELDS} for action in newest],
            "updated_at": newest[0]["occurred_at"]}


def last_rows(rows):
    """By user, what the rows of the compacted topic come to: of two the later by (updated_at, revision) holds."""
    last = {}
    for row in rows:
        before = last.get(row["user_id_token"])
        if not before or (before["updated_at"], before["revision"]) < (row["updated_at"], row["revision"]):
            last[row["user_id_token"]] = row
    return {user: {"actions": row["actions"], "updated_at": row["updated_at"]} for user, row in last.items()}
