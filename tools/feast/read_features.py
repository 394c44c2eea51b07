"""Starts a Redis, has topologies/features.yaml run into it, and reads histories and embeddings with a stock Feast
client: they are the rows of the topics. Then old events are run again, and all is read again: nothing has moved back.

    read_features.py ISOTOPE
"""

import datetime
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Array, Float32, Float64, Int64, String, UnixTimestamp

from read_rows import same, start_redis

TOPOLOGY = pathlib.Path(__file__).resolve().parents[2] / "topologies" / "features.yaml"
START, DIMENSIONS, ITEMS, USERS, ENGAGEMENTS = 1_767_225_600_000, 64, 50, 100, 3_000
HISTORY = ("engagement_ids", "item_ids", "actions", "watched_seconds", "occurred_at")
EMBEDDING = ("embedding", "weight", "n_actions", "space")


class Job:
    def __init__(self, isotope, directory, address):
        self.isotope, self.directory = isotope, directory
        self.settings = ["operators.sink.store=redis", f"operators.sink.address={address}",
                         "operators.sink.project=shop", "operators.sink.vector_key=vec:{view}:{key}"]

    def call(self, name, *arguments, given=""):
        words = [self.isotope, name, TOPOLOGY, *arguments, "--data-dir", self.directory]
        done = subprocess.run(words, input=given, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"isotope {name} failed:\n{done.stderr}")
        return done.stdout

    def run(self, engagements, vectors):
        self.call("produce", "item_vectors", given=lines_of(vectors))
        self.call("produce", "engagements", given=lines_of(engagements))
        self.call("run", "--until-end", *(word for setting in self.settings for word in ("--set", setting)))

    def last_rows(self, topic):
        rows = [json.loads(line) for line in self.call("consume", topic, "--until-end").splitlines()]
        return {row["user_id_token"]: row for row in rows}


def lines_of(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def feed():
    r = random.Random(1)
    vectors = [{"item_id": f"x{item}", "vector": [r.gauss(0, 1) for _ in range(DIMENSIONS)],
                "updated_at": START - 1000, "space": "v1"} for item in range(ITEMS)]
    engagements = [{"engagement_id": f"e{number}", "impression_id": f"i{number}",
                    "user_id_token": f"u{r.randrange(USERS)}", "item_id": f"x{r.randrange(ITEMS)}",
                    "action": r.choice(("view", "click", "like", "watch")),
                    "watched_seconds": r.choice((None, r.randrange(100) / 4)),
                    "occurred_at": START + number * 700 - r.randrange(4_000)} for number in range(ENGAGEMENTS)]
    return engagements, vectors


def open_feast(directory, address):
    source = FileSource(path=f"{directory}/none.parquet", timestamp_field="at")
    user = Entity(name="user", join_keys=["user_id_token"], value_type=ValueType.STRING)

    def view(name, **fields):
        schema = [Field(name="user_id_token", dtype=String)]
        schema += [Field(name=field, dtype=dtype) for field, dtype in fields.items()]
        return FeatureView(name=name, entities=[user], schema=schema, source=source,
                           ttl=datetime.timedelta(days=36500))

    store = FeatureStore(config=RepoConfig(
        project="shop", registry=f"{directory}/registry.db", provider="local", entity_key_serialization_version=3,
        online_store={"type": "redis", "connection_string": address}))
    store.apply([
        user,
        view("user_history", engagement_ids=Array(String), item_ids=Array(String), actions=Array(String),
             watched_seconds=Array(Float64), occurred_at=Array(UnixTimestamp)),
        view("user_embedding", embedding=Array(Float32), weight=Float64, n_actions=Int64, space=String),
    ])
    return store


def wanted_of(history, embedding):
    actions = history["actions"]
    return {
        "engagement_ids": [action["engagement_id"] for action in actions],
        "item_ids": [action["item_id"] for action in actions],
        "actions": [action["action"] for action in actions],
        "watched_seconds": [-1.0 if action["watched_seconds"] is None else action["watched_seconds"]
                            for action in actions],
        "occurred_at": [action["occurred_at"] // 1000 for action in actions],
        "embedding": embedding["vector"], "weight": embedding["weight"], "n_actions": embedding["n_actions"],
        "space": embedding["space"]}


def read_all(store, users):
    """One request for all users and both views, as a ranker makes it."""
    features = [f"user_history:{name}" for name in HISTORY] + [f"user_embedding:{name}" for name in EMBEDDING]
    columns = store.get_online_features(
        features=features, entity_rows=[{"user_id_token": user} for user in users]).to_dict()
    return {user: {name: columns[name][i] for name in HISTORY + EMBEDDING} for i, user in enumerate(users)}


def compare(store, wanted, when):
    wrong, got = 0, read_all(store, sorted(wanted))
    for user, row in wanted.items():
        for name, value in row.items():
            if not same(got[user][name], value):
                print(f"{when}: {name} of {user}: got {got[user][name]!r}, wanted {value!r}")
                wrong += 1
    return wrong


def check(isotope, directory, address):
    engagements, vectors = feed()
    job = Job(isotope, f"{directory}/data", address)
    job.run(engagements, vectors)
    histories, embeddings = job.last_rows("user_histories"), job.last_rows("user_embeddings")
    assert len(histories) == len(embeddings) == USERS
    wanted = {user: wanted_of(histories[user], embeddings[user]) for user in histories}
    store = open_feast(directory, address)
    wrong = compare(store, wanted, "first")
    job.run(engagements[:ENGAGEMENTS // 2], vectors)
    wrong += compare(store, wanted, "old events again")
    Job(isotope, f"{directory}/other", address).run(engagements[:ENGAGEMENTS // 2], vectors)
    return wrong + compare(store, wanted, "old events from the beginning")


def main():
    with tempfile.TemporaryDirectory() as directory:
        server, port = start_redis(directory)
        try:
            wrong = check(str(pathlib.Path(sys.argv[1]).resolve()), directory, f"127.0.0.1:{port}")
        finally:
            server.kill()
            server.wait()
    print(f"feast: {wrong} features are read wrong" if wrong
          else "feast: reads histories and embeddings, and none moves back")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
