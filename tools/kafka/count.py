"""Counts what the demonstration on Kafka brought, with readers that are not ours: count.py ADDRESS REDIS_SOCKET, with
the tests' packages."""

import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))
sys.dont_write_bytecode = True
from tests.flow import faults, redis_server  # noqa: E402
from tests.flow.test_feature_sink import row_in, row_of  # noqa: E402
from tests.kafka import cluster  # noqa: E402
from tests.reference import history_reference  # noqa: E402


def rows(address, topic, schema):
    return [cluster.decoded(schema, message.value()) for message in cluster.messages(address, topic)]


def show(*lines):
    for what, count in lines:
        print(f"{what:<48}{count:>9,}")
    print()


def outcomes_agree(address):
    shown = {message.key().decode() for message in cluster.messages(address, "impressions")}
    revisions, engaged = collections.Counter(), set()
    for row in rows(address, "outcomes", "outcome"):
        revisions[row["impression_id"], row["revision"]] += 1
        engaged |= {row["impression_id"]} if row["engaged"] else set()
    out = {name for name, _ in revisions}
    twice = sum(count - 1 for count in revisions.values())
    show(("impressions shown", len(shown)), ("came out as an outcome", len(out)), ("  somebody engaged", len(engaged)),
         ("  swiped away", len(out - engaged)),
         ("corrected later, as a higher revision", sum(1 for _, revision in revisions if revision > 1)),
         ("missing", len(shown - out)), ("came out twice", twice))
    return shown == out and twice == 0 and shown


def faults_agree(address):
    """That something was missing and has come late is no fault of the logs when nobody was late but a reader."""
    injected = {faults.identity(fault): fault["kind"] for fault in rows(address, "injected_faults", "injected_fault")}
    told = {key: row["kind"] for key, row in faults.last_revisions(rows(address, "mismatches", "mismatch")).items()}
    named = sum(1 for key, kind in injected.items() if told.get(key) == kind)
    missing = [key for key, kind in injected.items() if kind != "late" and told.get(key) != kind]
    invented = [key for key, kind in told.items() if kind != "late" and injected.get(key) != kind]
    show(("faults put into the logs", len(injected)), ("named: id, kind and hop", named),
         ("late ones that came before they were missed",
          sum(1 for key, kind in injected.items() if kind == "late" and key not in told)),
         ("missing", len(missing)), ("invented", len(invented)))
    return injected and not missing and not invented


def features_agree(address, redis):
    wanted = history_reference.histories(rows(address, "engagements", "engagement"))
    wrong = [user for user, history in wanted.items() if row_in(redis, user) != row_of(history)]
    show(("users with engagements", len(wanted)),
         ("their rows in Redis that the batch gives, too", len(wanted) - len(wrong)), ("wrong", len(wrong)))
    return wanted and not wrong


def main(address, socket):
    refused = sum(1 for _ in cluster.messages(address, "demo.dead_letters"))
    agreed = [outcomes_agree(address), faults_agree(address), features_agree(address, redis_server.Client(socket))]
    states = collections.Counter(row["state"] for row in rows(address, "alerts", "alert"))
    show(("alerts that fired", states["firing"]), ("alerts that were resolved", states["resolved"]),
         ("dead letters", refused))
    return 0 if all(agreed) and refused == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
