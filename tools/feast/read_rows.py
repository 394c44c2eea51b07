"""Starts a Redis, has the tool write its rows into it, and reads them with a stock Feast client.

    read_rows.py TOOL
"""

import datetime
import math
import pathlib
import socket
import subprocess
import sys
import tempfile

from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_redis(directory):
    """Another process may take the port that was free: then with another one."""
    for _ in range(5):
        port = free_port()
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory],
            stdout=subprocess.PIPE, text=True)
        for line in server.stdout:
            if "Ready to accept connections" in line:
                return server, port
        server.wait()
    raise SystemExit("redis-server does not start")


def open_feast(directory, port):
    source = FileSource(path=f"{directory}/none.parquet", timestamp_field="at")
    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
    number = Entity(name="number", join_keys=["user_number"], value_type=ValueType.INT64)
    item = Entity(name="item", join_keys=["item_id"], value_type=ValueType.STRING)

    def view(name, entities, **fields):
        schema = [Field(name=entity.join_key, dtype=Int64 if entity is number else String) for entity in entities]
        schema += [Field(name=field, dtype=dtype) for field, dtype in fields.items()]
        return FeatureView(name=name, entities=entities, schema=schema, source=source,
                           ttl=datetime.timedelta(days=36500))

    store = FeatureStore(config=RepoConfig(
        project="reco", registry=f"{directory}/registry.db", provider="local", entity_key_serialization_version=3,
        online_store={"type": "redis", "connection_string": f"127.0.0.1:{port}"}))
    store.apply([
        user, number, item,
        view("user_embedding", [user], vector=Array(Float32), n_actions=Int64, weight=Float64, space=String),
        view("user_history", [user], item_ids=Array(String), times=Array(UnixTimestamp), watched=Array(Float64),
             counts=Array(Int64), nothing=String),
        view("affinity", [number, item], liked=Bool, score=Float32, rank=Int32, blob=Bytes),
    ])
    return store


def read(store, features, entity):
    rows = store.get_online_features(features=features, entity_rows=[entity]).to_dict()
    return {name: values[0] for name, values in rows.items() if name not in entity}


def same(got, wanted):
    if isinstance(wanted, list):
        return got is not None and len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(got, datetime.datetime):
        got = got.replace(tzinfo=got.tzinfo or datetime.timezone.utc).timestamp()
    if isinstance(wanted, float):
        return got is not None and math.isclose(got, wanted, rel_tol=1e-6)
    return got == wanted


EXPECTED = [
    ("user_embedding", {"user_id": "u42"}, {"vector": [0.5, -1.0, 0.25], "n_actions": 17, "weight": 1.5,
                                            "space": "v1"}),
    ("user_history", {"user_id": "u42"}, {"item_ids": ["i1", "i22"], "times": [1758823656, 1758823600],
                                          "watched": [2.5, 0.0], "counts": [1, 300, -1], "nothing": None}),
    ("affinity", {"user_number": 1001, "item_id": "i7"}, {"liked": True, "score": 0.25, "rank": -3,
                                                          "blob": b"\x00\xff"}),
    ("user_embedding", {"user_id": "nobody"}, {"vector": None, "n_actions": None, "weight": None, "space": None}),
]


def compare(store):
    wrong = 0
    for view, entity, wanted in EXPECTED:
        got = read(store, [f"{view}:{name}" for name in wanted], entity)
        for name, value in wanted.items():
            if not same(got.get(name), value):
                print(f"{view}:{name} of {entity}: got {got.get(name)!r}, wanted {value!r}")
                wrong += 1
    return wrong


def main():
    with tempfile.TemporaryDirectory() as directory:
        server, port = start_redis(directory)
        try:
            subprocess.run([str(pathlib.Path(sys.argv[1]).resolve()), f"127.0.0.1:{port}"], check=True)
            wrong = compare(open_feast(directory, port))
        finally:
            server.kill()
            server.wait()
    print(f"feast: {wrong} values are read wrong" if wrong else "feast: reads what we write")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
