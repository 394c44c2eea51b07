"""features.yaml into a real Redis: at the end each user's row is what a plain batch computation gives, as a reader of
Feast's layout sees it, though Redis or the program is killed on the way."""

import signal
import struct
import threading

import pytest

from tests.flow import redis_server
from tests.flow.feature_feed import feed
from tests.flow.job import ROOT, TIMEOUT_S, Job
from tests.flow.test_embedding import item_vectors, rows_of
from tests.reference import embedding_reference, history_reference

TOPOLOGY = ROOT / "topologies" / "features.yaml"
FEATURES = ("engagement_ids", "item_ids", "actions", "watched_seconds", "occurred_at")


@pytest.fixture
def redis():
    with redis_server.Server() as server:
        yield server


def arguments_of(redis):
    return ["--set", "operators.sink.store=redis", "--set", f"operators.sink.address=unix:{redis.path}",
            "--set", "operators.sink.project=reco", "--set", "commit_interval=20ms"]


def row_in(redis, user):
    key = redis_server.entity_key("reco", "user_id_token", user)
    *values, time = redis.ask("HMGET", key, *(redis_server.field("user_history", name) for name in FEATURES),
                              "_ts:user_history")
    assert time is not None, f"{user} has no row"
    return [redis_server.list_of(value) for value in values], redis_server.timestamp_ms(time)


def row_of(history):
    actions = history["actions"]
    return [[action["engagement_id"] for action in actions], [action["item_id"] for action in actions],
            [action["action"] for action in actions],
            [-1.0 if action["watched_seconds"] is None else action["watched_seconds"] for action in actions],
            [action["occurred_at"] // 1000 for action in actions]], history["updated_at"]


def check_rows(redis, engagements):
    wanted = history_reference.histories(engagements)
    assert redis.ask("DBSIZE") == len(wanted)
    assert {user: row_in(redis, user) for user in wanted} == {user: row_of(row) for user, row in wanted.items()}


def check(redis, job, engagements):
    check_rows(redis, engagements)
    assert job.rows("dead_letters") == []


def embedding_in(redis, user):
    """The row as Feast reads it, and the floats of the key for vector search."""
    key = redis_server.entity_key("reco", "user_id_token", user)
    fields = [redis_server.field("user_embedding", name) for name in ("embedding", "weight", "n_actions", "space")]
    vector, weight, actions, space, time = redis.ask("HMGET", key, *fields, "_ts:user_embedding")
    assert time is not None, f"{user} has no embedding"
    assert redis_server.scalar_of(space) == "v1"
    return {"user_id_token": user, "vector": redis_server.list_of(vector), "weight": redis_server.scalar_of(weight),
            "n_actions": redis_server.scalar_of(actions), "updated_at": redis_server.timestamp_ms(time),
            "revision": 1}, redis.ask("HGET", f"vec:user_embedding:{user}", "vector")


def check_embeddings(redis, engagements, vectors):
    wanted = embedding_reference.embeddings(engagements, vectors)
    rows = [embedding_in(redis, user) for user in wanted]
    embedding_reference.check_rows([row for row, _ in rows], wanted)
    for row, raw in rows:
        assert raw == struct.pack(f"<{len(row['vector'])}f", *row["vector"])


def wait_for(process, event):
    """The log line of the sink that begins with `event`."""
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        for line in process.stderr:
            if f" {event} " in line and "operator=sink" in line:
                return line
    finally:
        watchdog.cancel()
    raise AssertionError(f"it ended without saying {event}: status {process.wait()}")


def test_rows_arrive(tmp_path, redis):
    job, engagements = Job(tmp_path / "data", TOPOLOGY), feed(1)
    job.produce("engagements", engagements)
    job.call("run", "--until-end", "--set", "workers=2", *arguments_of(redis))
    check(redis, job, engagements)


def with_traffic(directory):
    """features.yaml with a source of engagements in front of it, some thousand a second."""
    text = TOPOLOGY.read_text()
    text = text.replace("\ntopics:\n", f"""
schemas: {ROOT}/schemas
topics:
  impressions: {{schema: impression.avsc, key: impression_id, time: shown_at, partitions: 4}}
""")
    text = text.replace("\noperators:\n", """
operators:
  traffic:
    type: traffic
    outputs: {impressions: impressions, engagements: engagements}
    rate: 5000
    users: 2000
""")
    path = directory / "traffic.yaml"
    path.write_text(text)
    return path


def test_redis_is_killed_twice_under_load(tmp_path, redis):
    job = Job(tmp_path / "data", with_traffic(tmp_path))
    run = job.start("run", *arguments_of(redis))
    for _ in range(2):
        rows = int(redis.ask("DBSIZE"))
        while int(redis.ask("DBSIZE")) < rows + 50:
            assert run.poll() is None, run.communicate()
        redis.kill()
        assert "redis unix:" in wait_for(run, "retry")
        redis.start()
        wait_for(run, "resumed")
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == 0, errors
    job.call("run", "--until-end", "--operators", "by_user,history,sink", *arguments_of(redis))
    check(redis, job, job.rows("engagements"))


def test_a_run_that_is_stopped_while_redis_is_away_loses_nothing(tmp_path, redis):
    job, engagements = Job(tmp_path / "data", TOPOLOGY), feed(3)
    redis.kill()
    job.produce("engagements", engagements)
    run = job.start("run", *arguments_of(redis))
    wait_for(run, "retry")
    run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == 0, errors
    redis.start()
    job.call("run", "--until-end", *arguments_of(redis))
    check(redis, job, engagements)


@pytest.mark.parametrize("crash", ["processed:9", "block:12", "committed:15"])
def test_kill_9_changes_nothing(tmp_path, redis, crash):
    job, engagements = Job(tmp_path / "data", TOPOLOGY), feed(4)
    job.produce("engagements", engagements)
    job.run_killed(*arguments_of(redis), point=crash)
    job.call("run", "--until-end", *arguments_of(redis))
    check(redis, job, engagements)


VECTORS = ["--set", "operators.sink.vector_key=vec:{view}:{key}"]


def test_embeddings_arrive_with_a_key_for_vector_search(tmp_path, redis):
    job, engagements, vectors = Job(tmp_path / "data", TOPOLOGY), feed(5), item_vectors(5)
    job.produce("item_vectors", rows_of(vectors))
    job.produce("engagements", engagements)
    job.call("run", "--until-end", "--set", "workers=2", *arguments_of(redis), *VECTORS)
    check_embeddings(redis, engagements, vectors)
    users = history_reference.histories(engagements)
    assert redis.ask("DBSIZE") == len(users) + len(embedding_reference.embeddings(engagements, vectors))
    assert {user: row_in(redis, user) for user in users} == {user: row_of(row) for user, row in users.items()}


def test_a_new_run_over_old_engagements_moves_no_feature_back(tmp_path, redis):
    """Another data directory, half of the engagements: its rows are older than what is there."""
    engagements, vectors = feed(6), item_vectors(6)
    for name, part in (("all", engagements), ("half", engagements[:len(engagements) // 2])):
        job = Job(tmp_path / name, TOPOLOGY)
        job.produce("item_vectors", rows_of(vectors))
        job.produce("engagements", part)
        job.call("run", "--until-end", *arguments_of(redis), *VECTORS)
    check_embeddings(redis, engagements, vectors)


@pytest.mark.parametrize("crash", ["processed:9", "block:12", "committed:15"])
def test_kill_9_changes_no_embedding(tmp_path, redis, crash):
    job, engagements, vectors = Job(tmp_path / "data", TOPOLOGY), feed(7), item_vectors(7)
    job.produce("item_vectors", rows_of(vectors))
    job.produce("engagements", engagements)
    job.run_killed(*arguments_of(redis), *VECTORS, point=crash)
    job.call("run", "--until-end", *arguments_of(redis), *VECTORS)
    check_embeddings(redis, engagements, vectors)
