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


DAY = 86_400_000
DAYS = 10


def daily_vectors(space="v1", items=40):
    """A version of each item for each day, made in its first hours: its first component says of which day."""
    return [{"item_id": f"x{item}", "vector": [float(day), float(item % 7)], "space": space,
             "updated_at": START + day * DAY + item * 120_000} for day in range(DAYS) for item in range(items)]


def engagements_of_days(r, count=2_000, items=40):
    """Over ten days, from their second hour on: some users often, others once."""
    return [{"engagement_id": f"e{number}", "impression_id": f"i{r.randrange(10**6)}",
             "user_id_token": f"once{number}" if number % 2 else f"u{r.randrange(50)}",
             "item_id": f"x{r.randrange(items)}", "action": "like", "watched_seconds": None,
             "occurred_at": START + 7_200_000 + number * (DAYS * DAY - 7_200_000) // count + r.randrange(4_000)}
            for number in range(count)]


def run_over(job, vectors, engagements, *settings):
    job.produce("item_vectors", vectors)
    job.produce("engagements", engagements)
    job.call("run", "--until-end", "--set", "operators.embedding.dimensions=2", "--set", "commit_bytes=64KiB",
             *(word for setting in settings for word in ("--set", setting)))
    return job.rows("user_embeddings")


def test_over_ten_days_of_daily_vectors_no_row_has_one_that_is_younger_than_its_event(tmp_path):
    job, vectors = new_job(tmp_path), daily_vectors()
    engagements = engagements_of_days(random.Random(5))
    rows = run_over(job, vectors, engagements)
    embedding_reference.check_rows(rows, embedding_reference.embeddings_of_their_time(engagements, vectors))
    by_user = {engagement["user_id_token"]: engagement for engagement in engagements}
    made = {(row["item_id"], row["vector"][0]): row["updated_at"] for row in vectors}
    once = [row for row in rows if row["user_id_token"].startswith("once")]
    assert len(once) == len(engagements) // 2
    for row in once:
        engagement = by_user[row["user_id_token"]]
        assert made[engagement["item_id"], round(row["vector"][0])] <= engagement["occurred_at"], row
        assert row["caused_at"] == row["updated_at"] == engagement["occurred_at"]
    for row in rows:
        assert row["vector"][0] <= (row["updated_at"] - START) / DAY, row
    assert job.rows("dead_letters") == []


def test_what_a_table_no_longer_holds_goes_to_unmatched_and_is_no_dead_letter(tmp_path):
    topology = tmp_path / "features.yaml"
    topology.write_text(TOPOLOGY.read_text().replace(
        "outputs:\n      embeddings: user_embeddings", "outputs:\n      embeddings: user_embeddings\n"
        "      unmatched: unmatched").replace(
        "topics:\n", f"schemas: {ROOT / 'schemas'}\ntopics:\n"
        "  unmatched: {schema: engagement.avsc, key: user_id_token, time: occurred_at}\n", 1))
    job, vectors = Job(tmp_path / "data", topology), daily_vectors()
    engagements = engagements_of_days(random.Random(6))
    rows = run_over(job, vectors, engagements, "topics.item_vectors.table_versions=4")
    held = [row for row in vectors if row["vector"][0] >= DAYS - 4]
    unmatched = {row["engagement_id"] for row in job.rows("unmatched")}
    wanted = embedding_reference.embeddings_of_their_time(engagements, held, vector_wait=0)
    embedding_reference.check_rows(rows, wanted)
    assert sum(row["n_actions"] for row in wanted.values()) + len(unmatched) == len(engagements)
    assert job.rows("dead_letters") == []


@pytest.mark.parametrize("seed", range(2))
def test_of_two_spaces_that_are_both_published_the_newer_one_holds_in_any_order(tmp_path, seed):
    r, job = random.Random(seed + 20), new_job(tmp_path)
    new = [row | {"space": "v2", "updated_at": row["updated_at"] + 3 * DAY + 60_000} for row in daily_vectors()
           if row["vector"][0] < 5 and int(row["item_id"][1:]) % 3 > 0]
    vectors, engagements = daily_vectors() + new, engagements_of_days(r)
    wanted = embedding_reference.embeddings_of_their_time(engagements, vectors)
    assert {row["space"] for row in wanted.values()} == {"v1", "v2"}
    r.shuffle(vectors)
    r.shuffle(engagements)
    rows = run_over(job, vectors, engagements, "topics.engagements.out_of_orderness=20d",
                    "topics.engagements.max_jump=20d", "topics.engagements_by_user.out_of_orderness=20d")
    last = embedding_reference.last_rows(rows)
    assert set(last) == set(wanted)
    for user, row in last.items():
        assert (row["space"], row["n_actions"]) == (wanted[user]["space"], wanted[user]["n_actions"]), user
        assert embedding_reference.close(row["vector"], wanted[user]["vector"]), user
