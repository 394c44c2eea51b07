"""The embeddings of features.yaml from end to end through the commands: the last row of each user is what the formula
gives over all engagements at once, whatever happened on the way."""

import random
import struct

import pytest

from tests.flow.feature_feed import START, feed
from tests.flow.job import ROOT, Job
from tests.reference import embedding_reference

TOPOLOGY = ROOT / "topologies" / "features.yaml"
CRASHES = ("block:2", "sent:3", "positions:2", "committed:1", "written:2", "processed:4")
DIMENSIONS = 64
ITEMS = 500


def float_of(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def item_vectors(seed, items=ITEMS, dimensions=DIMENSIONS):
    """By item: a vector that a float has exactly."""
    r = random.Random(seed)
    return {f"x{item}": [float_of(r.gauss(0, 1)) for _ in range(dimensions)] for item in range(items)}


def rows_of(vectors, updated_at=START - 1000):
    return [{"item_id": item, "vector": vector, "updated_at": updated_at, "space": "v1"}
            for item, vector in vectors.items()]


def new_job(directory):
    return Job(directory / "data", TOPOLOGY)


def check(job, engagements, vectors):
    rows = job.rows("user_embeddings")
    embedding_reference.check_rows(rows, embedding_reference.embeddings(engagements, vectors))
    assert job.rows("dead_letters") == []
    for user in {row["user_id_token"] for row in rows}:
        revisions = [row["revision"] for row in rows if row["user_id_token"] == user]
        assert revisions == sorted(set(revisions)), user
    return rows


def test_the_last_row_of_each_user_is_that_of_the_formula(tmp_path):
    job, engagements, vectors = new_job(tmp_path), feed(1), item_vectors(1)
    job.produce("item_vectors", rows_of(vectors))
    job.produce("engagements", engagements)
    job.call("run", "--until-end", "--set", "workers=2")
    rows = check(job, engagements, vectors)
    assert len({row["user_id_token"] for row in rows}) > 250


def test_in_any_order_and_with_other_dimensions(tmp_path):
    job, engagements, vectors = new_job(tmp_path), feed(2), item_vectors(2, dimensions=256)
    random.Random(2).shuffle(engagements)
    job.produce("item_vectors", rows_of(vectors))
    job.produce("engagements", engagements)
    job.call("run", "--until-end", "--set", "operators.embedding.dimensions=256")
    check(job, engagements, vectors)


def test_items_without_a_vector_count_for_nothing_and_wrong_vectors_are_dead_letters(tmp_path):
    job, engagements, vectors = new_job(tmp_path), feed(3), item_vectors(3, items=400)
    job.produce("item_vectors", rows_of(vectors))
    job.produce("item_vectors", [{"item_id": item, "vector": [1.0] * size, "updated_at": START - 500, "space": "v1"}
                                 for item, size in (("x449", 63), ("x450", 65), ("x451", 0))])
    job.produce("engagements", engagements)
    job.call("run", "--until-end")
    embedding_reference.check_rows(job.rows("user_embeddings"),
                                   embedding_reference.embeddings(engagements, vectors))
    letters = job.rows("dead_letters")
    assert {letter["topic"] for letter in letters} == {"item_vectors"}
    assert sorted(letter["reason"].split(";")[0] for letter in letters) == sorted(
        f"the vector has {size} components instead of 64" for size in (63, 65, 0))


def test_old_engagements_run_again_change_nothing(tmp_path):
    job, engagements, vectors = new_job(tmp_path), feed(4, 2_000), item_vectors(4)
    job.produce("item_vectors", rows_of(vectors))
    job.produce("engagements", engagements)
    job.call("run", "--until-end")
    before = check(job, engagements, vectors)
    job.produce("engagements", engagements[:1_000])
    job.call("run", "--until-end")
    assert job.rows("user_embeddings") == before


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_changes_nothing(tmp_path, seed):
    job, engagements, vectors = new_job(tmp_path), feed(seed + 10), item_vectors(seed)
    arguments = ["--set", "commit_interval=5ms", "--set", "commit_bytes=64KiB"]
    job.produce("item_vectors", rows_of(vectors))
    kills = 0
    for i, crash in enumerate(CRASHES):
        part = engagements[i * len(engagements) // len(CRASHES):(i + 1) * len(engagements) // len(CRASHES)]
        job.produce("engagements", part)
        kills += job.run_killed(*arguments, point=crash)
    job.call("run", "--until-end", *arguments)
    check(job, engagements, vectors)
    assert kills >= 3, "it was hardly ever killed"
