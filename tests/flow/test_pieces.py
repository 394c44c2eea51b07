"""What bounded runs make of a feed does not depend on how it is cut into pieces, where runs are killed, in which order
records come within out_of_orderness, or on the clocks of other records: for all operators of a recommender."""

import collections
import os
import random

import pytest

from tests.flow.pieces import OPERATORS, OUT_OF_ORDERNESS_MS, TIMES, Pieces, differences, make_feed

SEED = int(os.environ.get("ISOTOPE_SEED", "1"))
IMPRESSIONS = 800
CUTS = 20  # of each input
POINTS = ("processed", "block", "committed", "written", "restoring", "started")
JITTER_MS = OUT_OF_ORDERNESS_MS - 1_000
MAX_JUMP_MS = 30_000
MINUTE_MS, YEAR_MS = 60_000, 365 * 86_400_000


@pytest.fixture(scope="module", name="made")
def make(tmp_path_factory):
    return make_feed(tmp_path_factory.mktemp("source"), SEED, IMPRESSIONS)


@pytest.fixture(scope="module", name="wanted")
def run_whole(tmp_path_factory, made):
    whole = Pieces(tmp_path_factory.mktemp("whole"))
    whole.fill(*made)
    whole.finish()
    rows = whole.results()
    for topic in ("outcomes", "exploration_events", "late_engagements", "user_histories",
                  "user_embeddings", "mismatches", "integrity_windows"):
        assert rows[topic], topic
    return rows


def cut(r, rows):
    """Some pieces are empty."""
    places = sorted(r.randrange(len(rows) + 1) for _ in range(CUTS))
    return [rows[start:end] for start, end in zip([0, *places], [*places, len(rows)])]


def shuffled(r, feed):
    return {topic: sorted(rows, key=lambda row, time=TIMES[topic]: row[time] + r.randrange(JITTER_MS))
            for topic, rows in feed.items()}


def check(found):
    assert not found, f"{len(found)} rows differ, such as {found[:3]}"


def test_runs_over_pieces_give_the_rows_of_one_run_and_so_do_runs_that_are_killed(tmp_path, made, wanted):
    feed, vectors = made
    r = random.Random(SEED)
    pieces = {topic: cut(r, rows) for topic, rows in feed.items()}
    job = Pieces(tmp_path / "data")
    job.produce("item_vectors", vectors)
    killed = 0
    for number in range(CUTS + 1):
        for topic in TIMES:
            if pieces[topic][number]:
                job.produce(topic, pieces[topic][number])
        words = ["--keep-open"] if number < CUTS else []
        if r.random() < 0.5:
            killed += job.run_killed("--operators", OPERATORS, *words,
                                     point=f"{r.choice(POINTS)}:{r.randrange(1, 12)}")
        job.finish(*words)
    assert killed > 2
    check(differences(wanted, job.results()))


def test_any_order_of_arrival_within_out_of_orderness_gives_the_same_rows(tmp_path, made, wanted):
    feed, vectors = made
    job = Pieces(tmp_path / "data")
    job.fill(shuffled(random.Random(SEED), feed), vectors)
    job.finish()
    check(differences(wanted, job.results()))


class Clocks:
    """A feed some of whose records have wrong clocks, and what they have touched."""

    def __init__(self, r, feed, is_wrong):
        self.touched = collections.defaultdict(set)
        self.feed = {topic: [self.sent(r, topic, row) if is_wrong(topic) else row for row in rows]
                     for topic, rows in shuffled(r, feed).items()}

    def sent(self, r, topic, row):
        ms = int(MINUTE_MS * (10 * YEAR_MS / MINUTE_MS) ** r.random()) * r.choice((1, 1, -1))
        for name in ("impression_id", "user_id_token", "request_id"):
            self.touched[name, topic.endswith("_log")].add(row.get(name))
        if topic.endswith("_log"):
            self.touched["logged_at"] |= {row["logged_at"], row["logged_at"] + ms}
        return {**row, TIMES[topic]: row[TIMES[topic]] + ms}

    def is_touched(self, topic, key, row):
        if topic in ("outcomes", "exploration_events"):
            return key[0] in self.touched["impression_id", False]
        if topic in ("user_histories", "user_embeddings"):
            return key[0] in self.touched["user_id_token", False]
        if topic == "mismatches":
            return row["request_id"] in self.touched["request_id", True]
        if topic == "integrity_windows":
            return self.of_touched_window(row)
        return any(name in key for name in self.touched["impression_id", False])

    def of_touched_window(self, row):
        """A response that has a wrong entry begins within seconds of that entry's right time, or of its wrong one."""
        return any(row["window_start"] - 5_000 < time < row["window_end"] + 45_000
                   for time in self.touched["logged_at"])


def run_with(directory, clocks, vectors):
    job = Pieces(directory, **{f"topics.{topic}.max_jump": f"{MAX_JUMP_MS}ms" for topic in TIMES})
    job.fill(clocks.feed, vectors)
    job.finish()
    return job


def test_wrong_clocks_of_one_record_in_a_hundred_change_no_other_records_row(tmp_path, made, wanted):
    feed, vectors = made
    r = random.Random(SEED)
    clocks = Clocks(r, feed, lambda topic: r.random() < 0.01)
    job = run_with(tmp_path / "data", clocks, vectors)
    check(differences(wanted, job.results(), clocks.is_touched))
    letters = job.dead_letters()
    assert sum("max_jump" in letter["reason"] for letter in letters) > 10
    assert {letter["topic"] for letter in letters} >= {"engine_log", "server_log", "client_log"}


def test_a_wrong_clock_changes_the_counts_of_no_window_but_its_own(tmp_path, made, wanted):
    feed, vectors = made
    r = random.Random(SEED)
    left = {"engine_log": [*200 * [False], True]}
    clocks = Clocks(r, feed, lambda topic: left[topic].pop(0) if left.get(topic) else False)
    job = run_with(tmp_path / "data", clocks, vectors)
    windows = [{"integrity_windows": rows["integrity_windows"]} for rows in (wanted, job.results())]
    untouched = [key for key, row in windows[0]["integrity_windows"].items() if not clocks.of_touched_window(row)]
    assert len(untouched) > 20
    check(differences(*windows, clocks.is_touched))
