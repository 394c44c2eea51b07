"""Logs of engine, server and client with faults that are known, and what reconcile tells of them held against those: id
by id, class by class, hop by hop. The tests and tools/kafka/soak compare in this one way."""

import collections

from tests.flow.job import ROOT

START_MS = 1_767_225_600_000
WINDOW_MS, MAX_HOLD_MS, OUT_OF_ORDER_MS, LATE_BY_MS, DISORDER_MS = 10_000, 40_000, 1_000, 20_000, 300
FAULTS = ("lost_engine_server", "lost_server_client", "duplicated", "altered", "phantom", "late")
CLASSES = {("lost", "engine_server"), ("lost", "server_client"), ("duplicated", "engine"), ("duplicated", "server"),
           ("altered", "engine_server"), ("altered", "server_client"), ("late", "engine_server")}
LOGS = ("engine", "server", "client")


def topology_text(impressions, *, ratio, rate=200, tasks=2, partitions=3, idle_after="1s", commit_interval="50ms"):
    """integrity.yaml with short windows, behind a source that makes its logs. Each class of faults has this ratio."""
    logs = "".join(f"  {name}_log: {{schema: delivery.avsc, key: request_id, time: logged_at, "
                   f"partitions: {partitions}, out_of_orderness: {OUT_OF_ORDER_MS}ms, idle_after: {idle_after}}}\n"
                   for name in LOGS)
    ratios = "".join(f"    {name}: {ratio}\n" for name in FAULTS)
    return f"""\
name: integrity
log: {{type: embedded}}
schemas: {ROOT}/schemas
commit_interval: {commit_interval}
topics:
{logs}
  impressions: {{schema: impression.avsc, key: impression_id, time: shown_at, partitions: 3}}
  injected_faults: {{schema: injected_fault.avsc, key: impression_id, time: injected_at, partitions: 3}}
  mismatches: {{schema: mismatch.avsc, key: impression_id, time: detected_at, partitions: 2}}
  integrity_counts: {{schema: integrity_count.avsc, key: value, time: window_start, partitions: 2}}
operators:
  feed:
    type: traffic
    tasks: {tasks}
    outputs:
      impressions: impressions
      engine_log: engine_log
      server_log: server_log
      client_log: client_log
      injected_faults: injected_faults
    clock: unpaced
    start: {START_MS}
    rate: {rate}
    limit: {impressions}
    items: 300
    disorder: {DISORDER_MS}ms
    late_by: {LATE_BY_MS}ms
{ratios}
  reconcile:
    type: reconcile
    inputs:
      engine: engine_log
      server: server_log
      client: client_log
    outputs:
      mismatches: mismatches
      counts: integrity_counts
    window: {WINDOW_MS}ms
    max_hold: {MAX_HOLD_MS}ms
    correction_horizon: 10min
"""


def identity(row):
    return row["impression_id"], row["hop"], row["field"]


def last_revisions(rows):
    last = {}
    for row in rows:
        key = identity(row)
        if key not in last or row["revision"] > last[key]["revision"]:
            last[key] = row
    return last


def check_revisions(rows):
    """They grow by one, from one, and only what was lost or not there before turns out to be late."""
    history = collections.defaultdict(list)
    for row in rows:
        history[identity(row)].append(row)
    for key, told in history.items():
        assert [row["revision"] for row in told] == list(range(1, len(told) + 1)), key
        assert told[0]["kind"] != "late", key
        times = [row["detected_at"] for row in told]
        assert times == sorted(times), key


class Comparison:
    """`live`: the logs were read while they were written. Whether an entry is late then depends on how far the others
    had come when it was read, so some that were injected as late may have come in time; of these half must be told."""

    def __init__(self, faults, rows, live=False):
        self.rows = rows
        self.live = live
        self.injected = {identity(fault): fault for fault in faults}
        self.told = last_revisions(rows)
        assert len(self.injected) == len(faults), "a fault stands twice in injected_faults"
        # A late entry is late only if the feed goes on until its window has closed.
        self.settled_until = max((fault["injected_at"] for fault in faults), default=0) - \
            WINDOW_MS - MAX_HOLD_MS - 1.5 * LATE_BY_MS

    def may_be_in_time(self, fault):
        return fault["kind"] == "late" and (self.live or fault["injected_at"] > self.settled_until)

    def missing(self):
        return {key: fault["kind"] for key, fault in self.injected.items()
                if key not in self.told and not self.may_be_in_time(fault)}

    def in_time(self):
        return {key for key, fault in self.injected.items() if key not in self.told and self.may_be_in_time(fault)}

    def invented(self):
        return {key: row["kind"] for key, row in self.told.items() if key not in self.injected}

    def different(self):
        """Told of the same id and hop, but as something else: {key: (injected, told)}."""
        return {key: (self.injected[key]["kind"], row["kind"]) for key, row in self.told.items() if key in self.injected
                and any(self.injected[key][name] != row[name] for name in ("kind", "request_id"))}

    def check(self):
        wrong = {name: list(rows.items())[:5] for name, rows in
                 (("invented", self.invented()), ("missing", self.missing()), ("different", self.different())) if rows}
        assert not wrong, f"{self.summary()}; the first: {wrong}"
        late = [key for key, fault in self.injected.items() if fault["kind"] == "late"]
        assert 2 * len(self.in_time()) <= len(late) or not self.live, self.summary()
        check_revisions(self.rows)

    def classes(self):
        """{(kind, hop): (injected, told)}"""
        injected, told = (collections.Counter((row["kind"], row["hop"]) for row in rows.values())
                          for rows in (self.injected, self.told))
        return {key: (injected[key], told[key]) for key in sorted(injected.keys() | told.keys())}

    def table(self):
        lines = [f"{'kind':<12}{'hop':<16}{'injected':>10}{'told':>10}"]
        for (kind, hop), (injected, told) in self.classes().items():
            lines.append(f"{kind:<12}{hop:<16}{injected:>10,}{told:>10,}")
        return "\n".join(lines)

    def summary(self):
        return f"{len(self.injected):,} faults injected, {len(self.told):,} told in {len(self.rows):,} rows, " \
               f"{len(self.missing()):,} missing, {len(self.invented()):,} invented, " \
               f"{len(self.different()):,} different, " \
               f"{len(self.in_time()):,} late ones came in time"
