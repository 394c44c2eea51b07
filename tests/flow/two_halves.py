"""A feed for the join in two halves that are joined with each other, with something done to the state in between; and
the rows that a plain batch computation of both gives. For jobs on either log."""

from tests.flow.test_join import random_feed
from tests.flow.test_join_random import expected, of_topic
from tests.reference import join_reference

INPUTS = ("impressions", "engagements", "ranker_scores")
TEXTS = ("item_cluster", "creator_id", "platform")  # each of a value of its own: what is swapped shows
WAIT_MS = 5 * 24 * 3_600_000
PARAMETERS = {"correction_horizon": WAIT_MS, "orphan_wait": WAIT_MS}  # nothing of the second half comes too late


def halves(seed, impressions=600):
    """Most impressions are in the first half, and the second one corrects their rows; of every tenth all there is."""
    records = random_feed(seed, impressions)
    for topic, record in records:
        if topic == "impressions":
            record.update({name: f"{name} of {record['impression_id']}" for name in TEXTS})
    first = [r for i, r in enumerate(records)
             if not r[1]["impression_id"].endswith("7") and (r[0] == "impressions" or i % 2 == 0)]
    second = [r for r in records if not any(r is other for other in first)]
    return first, second


def produce(job, records, suffix=""):
    for topic in INPUTS:
        job.produce(f"{topic}{suffix}", of_topic(records, topic))


def parameters(operator):
    return [text for name in PARAMETERS for text in ("--set", f"operators.{operator}.{name}=5d")]


def without_revision(rows):
    return {key: {name: value for name, value in row.items() if name != "revision"} for key, row in rows.items()}


def check(job, first, second):
    """The last revision of each impression, whole, on both topics that have it; none of them twice."""
    rows = expected(first + second, 1, PARAMETERS)
    for topic in ("outcomes", "exploration_events"):
        got = job.rows(topic, "--from", "beginning")
        revisions = [(row["impression_id"], row["revision"]) for row in got]
        assert len(revisions) == len(set(revisions)), topic
        assert without_revision(join_reference.last_revisions(got)) == \
            without_revision(join_reference.last_revisions(rows[topic][0])), topic
    assert job.dead_letters() == []
