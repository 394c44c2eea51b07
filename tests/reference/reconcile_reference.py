"""What reconcile must find, worked out as plainly as possible: from all log entries at once, with no regard to when
they came. That something was late is the one thing that cannot be seen so; whoever knows, tells."""

import collections

LOGS = ("engine", "server", "client")
LOG_OF_STAGE = {"returned": "engine", "delivered": "server", "received": "client", "exposed": "client"}
FIELDS = ("item_id", "position", "experiment_group", "strategy_id", "model_version", "user_id_token")
DIMENSIONS = ("experiment_group", "strategy_id", "model_version", "platform")
HOP_TO = {"server": "engine_server", "client": "server_client"}
MISMATCH_COUNTS = {("lost", "engine_server"): "lost_engine_server", ("lost", "server_client"): "lost_server_client"}


class Impression:
    """All that the logs say about one impression_id."""

    def __init__(self, entries):
        self.entries = sorted(entries, key=lambda entry: entry["logged_at"])
        self.first = self.logs()[0][0]

    def stage(self, *stages):
        return [entry for entry in self.entries if entry["stage"] in stages]

    def log(self, name):
        return [entry for entry in self.entries if LOG_OF_STAGE[entry["stage"]] == name]

    def logs(self):
        return [entries for name in LOGS if (entries := self.log(name))]


def altered(impression):
    """Each field once, at the first hop that departs from the earliest log."""
    for field in FIELDS:
        expected = impression.first[field]
        for entries in impression.logs()[1:]:
            departing = [entry for entry in entries if entry[field] != expected]
            if departing:
                hop = HOP_TO[LOG_OF_STAGE[departing[0]["stage"]]]
                yield hop, field, {"kind": "altered", "count": 1, "expected": str(expected),
                                   "actual": str(departing[0][field])}
                break


def reached(impressions):
    """Whether the client has a receipt of the response, and the deepest position at which something that the client
    exposed was delivered."""
    impressions = list(impressions)
    exposed = [impression for impression in impressions if impression.stage("exposed") and impression.log("server")]
    return (any(impression.stage("received") for impression in impressions),
            max((impression.log("server")[0]["position"] for impression in exposed), default=-1))


def was_lost(impression, reach):
    received, deepest = reach
    return received or deepest > impression.log("server")[0]["position"]


def mismatches_of(impression, reach):
    """(hop, field) and what is told of it."""
    engine, server, client = (impression.log(name) for name in LOGS)
    plain = {"count": 1, "expected": None, "actual": None}
    if not engine:
        yield "engine_server" if server else "server_client", None, {"kind": "phantom", **plain}
    elif not server:
        yield "engine_server", None, {"kind": "lost", **plain}
    if server and not client and was_lost(impression, reach):
        yield "server_client", None, {"kind": "lost", **plain}
    for name in LOGS:
        stages = collections.Counter(entry["stage"] for entry in impression.log(name))
        most = max(stages.values(), default=0)
        if most > 1:
            yield name, None, {"kind": "duplicated", **plain, "count": most}
    yield from altered(impression)


def anchor_of(impressions):
    """When the response was made: the first entry of the earliest log that has any."""
    for name in LOGS:
        times = [entry["logged_at"] for impression in impressions for entry in impression.log(name)]
        if times:
            return min(times)


def responses(entries):
    by_request = collections.defaultdict(lambda: collections.defaultdict(list))
    for entry in entries:
        by_request[entry["request_id"]][entry["impression_id"]].append(entry)
    return {request: {key: Impression(of) for key, of in by_id.items()} for request, by_id in by_request.items()}


def mismatches(entries):
    """What there is to tell by (impression_id, hop, field), if nothing was late."""
    found = {}
    for request, impressions in responses(entries).items():
        reach = reached(impressions.values())
        for key, impression in impressions.items():
            for hop, field, told in mismatches_of(impression, reach):
                found[key, hop, field] = {**told, "request_id": request}
    return found


def tally(impression, reach, kinds):
    """`kinds`: the (kind, hop) of its mismatches, those that no longer hold included."""
    count = collections.Counter(stage for stage in LOG_OF_STAGE if impression.stage(stage))
    engine, server, client = (impression.log(name) for name in LOGS)
    complete, differs = engine and server and client, any(kind != "late" for kind, _ in kinds)
    count["matched"] += bool(complete and not differs)
    count["differing"] += bool(complete and differs)
    count["phantom_reached"] += bool(client and not engine)
    count["not_reached"] += bool(server and not client and not was_lost(impression, reach))
    for kind, hop in kinds:
        count[MISMATCH_COUNTS.get((kind, hop), kind)] += 1
    count["negative_latencies"] += sum(ms < 0 for _, ms in lengths_of(impression))
    return count


def lengths_of(impression):
    first = {stage: entries[0]["logged_at"] for stage in LOG_OF_STAGE if (entries := impression.stage(stage))}
    for name, start, end in (("latency_engine_server", "returned", "delivered"),
                             ("latency_server_client", "delivered", "received"),
                             ("latency_exposed", "delivered", "exposed")):
        if start in first and end in first:
            yield name, first[end] - first[start]


def latencies_of(impression):
    return [(name, ms) for name, ms in lengths_of(impression) if ms >= 0]


def check_identity(row):
    """Every impression of a window is in exactly one of its counts."""
    assert row["returned"] + row["phantom"] == sum(row[name] for name in (
        "matched", "differing", "not_reached", "lost_engine_server", "lost_server_client", "phantom_reached")), row


def counts(entries, told, window_ms):
    """The counts by (window_start, dimension, value), and the latencies by the same and the hop; `told`: the (kind) by
    (impression_id, hop, field), late ones included."""
    kinds = collections.defaultdict(list)
    for (key, hop, _), kind in told.items():
        kinds[key].append((kind, hop))
    counted = collections.defaultdict(collections.Counter)
    latencies = collections.defaultdict(list)
    for impressions in responses(entries).values():
        reach = reached(impressions.values())
        start = anchor_of(impressions.values()) // window_ms * window_ms
        for key, impression in impressions.items():
            values = [("all", "all")] + [(name, impression.first[name]) for name in DIMENSIONS]
            for dimension, value in values:
                counted[start, dimension, value].update(tally(impression, reach, kinds[key]))
                for name, ms in latencies_of(impression):
                    latencies[start, dimension, value, name].append(ms)
    return counted, latencies
