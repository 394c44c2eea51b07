"""Random schemas and records: what fastavro writes, the record layer must read alike, and the other way round.

Driven through tests/record/tool/record_tool. ISOTOPE_BUILD names the build directory, TEST_SEED another start of the
random numbers, TEST_CASES another number of cases.
"""

import base64
import copy
import datetime
import io
import json
import math
import os
import pathlib
import random
import struct
import subprocess

import fastavro
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("ISOTOPE_BUILD", "build/release")
SEED = int(os.environ.get("TEST_SEED", "1"))
CASES = int(os.environ.get("TEST_CASES", "400"))
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Tool:
    def __init__(self):
        program = BUILD / "tests/record/tool/record_tool"
        self.process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *arguments):
        """The results, or None and the error."""
        self.process.stdin.write("\t".join(arguments).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"record_tool died on {arguments}"
        status, *results = line.decode().rstrip("\n").split("\t")
        return (results, None) if status == "ok" else (None, results[0])


@pytest.fixture(scope="module")
def tool():
    tool = Tool()
    yield tool
    tool.process.stdin.close()
    assert tool.process.wait() == 0


class Maker:
    """Makes schemas, values that fit them, and later versions of schemas."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0
        self.types = {}

    def name(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def schema(self, depth=0):
        kinds = ["null", "boolean", "int", "long", "float", "double", "bytes", "string", "string", "time"]
        if depth < 4:
            kinds += ["record", "enum", "array", "map", "union", "nullable", "fixed", "known", "known"]
        kind = self.random.choice(kinds)
        if kind == "time":
            return {"type": "long", "logicalType": "timestamp-millis"}
        if kind == "record":
            return self.record(depth + 1)
        if kind == "enum":
            name = self.name("Enum")
            count = self.random.randint(1, 5)
            schema = {"type": "enum", "name": name, "symbols": [f"{name}_{i}" for i in range(count)]}
            self.types[name] = schema
            return schema
        if kind == "fixed":
            schema = {"type": "fixed", "name": self.name("Fixed"), "size": self.random.choice([0, 1, 3, 16])}
            self.types[schema["name"]] = schema
            return schema
        if kind == "array":
            return {"type": "array", "items": self.schema(depth + 1)}
        if kind == "map":
            return {"type": "map", "values": self.schema(depth + 1)}
        if kind == "nullable":
            branch = self.branch(depth + 1)
            return ["null", branch] if self.random.random() < 0.7 else [branch, "null"]
        if kind == "union":
            return self.union(depth + 1)
        if kind == "known":
            return self.random.choice(list(self.types)) if self.types else "string"
        return kind

    def branch(self, depth):
        while True:
            before = dict(self.types)
            schema = self.schema(depth)
            if schema != "null" and not isinstance(schema, list):
                return schema
            self.types = before

    @staticmethod
    def group(schema):
        """Branches of one group could be taken for each other in plain JSON or by promotion: one of each will do."""
        kind = schema["type"] if isinstance(schema, dict) else schema
        if kind in ("int", "long", "float", "double"):
            return "number"
        if kind in ("bytes", "string", "fixed", "enum") or kind.startswith(("Fixed", "Enum")):
            return "text"
        if kind in ("record", "map") or kind.startswith("Record"):
            return "object"
        return kind

    def union(self, depth):
        branches = {}
        for _ in range(self.random.randint(1, 4)):
            before = dict(self.types)
            schema = self.schema(depth)
            if isinstance(schema, list) or self.group(schema) in branches:
                self.types = before
            else:
                branches[self.group(schema)] = schema
        return list(branches.values()) or ["null"]

    def record(self, depth=0):
        name = self.name("Record")
        fields = []
        for _ in range(self.random.choice([0, 1, 2, 3, 5, 8]) if depth else self.random.randint(1, 12)):
            fields.append({"name": self.name("f"), "type": self.schema(depth)})
        if self.random.random() < 0.15:
            fields.append({"name": self.name("self"), "type": ["null", name]})
        if self.random.random() < 0.1:
            fields.append({"name": self.name("selves"), "type": {"type": "array", "items": name}})
        schema = {"type": "record", "name": name, "fields": fields}
        self.types[name] = schema
        return schema

    def text(self):
        alphabet = "abcdefghijklmnop \t\"\\\n\0\x1fäß€漢😀"
        size = self.random.choice([0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 40, 200])
        plain = self.random.random() < 0.6
        return "".join(self.random.choice("abcdefghijklmnop" if plain else alphabet) for _ in range(size))

    def value(self, schema, depth=0):
        pick = self.random
        if isinstance(schema, list):
            branch = schema[0] if depth > 8 else pick.choice(schema)
            return self.value(branch, depth + 1)
        if isinstance(schema, str) and schema in self.types:
            schema = self.types[schema]
        kind = schema["type"] if isinstance(schema, dict) else schema
        if kind == "null":
            return None
        if kind == "boolean":
            return pick.random() < 0.5
        if kind == "int":
            return pick.choice([0, -1, 1, 63, 64, -64, -65, 2**31 - 1, -(2**31), pick.randint(-(10**6), 10**6)])
        if kind == "long":
            if isinstance(schema, dict):
                return pick.randint(-(10**13), 10**13)
            edge = 1 << pick.randint(0, 62)
            return pick.choice([0, 2**63 - 1, -(2**63), edge, -edge, edge - 1, pick.randint(-(10**13), 10**13)])
        if kind == "float":
            value = pick.choice([0.0, 0.1, -1.5, math.inf, math.nan, pick.gauss(0, 1000)])
            return struct.unpack("f", struct.pack("f", value))[0]
        if kind == "double":
            return pick.choice([0.0, 0.1, -1.5e300, -math.inf, math.nan, pick.gauss(0, 1000)])
        if kind == "bytes":
            return pick.randbytes(pick.choice([0, 1, 2, 3, 8, 33]))
        if kind == "string":
            return self.text()
        if kind == "fixed":
            return pick.randbytes(schema["size"])
        if kind == "enum":
            return pick.choice(schema["symbols"])
        count = 0 if depth > 6 else pick.choice([0, 1, 2, 5])
        if kind == "array":
            return [self.value(schema["items"], depth + 1) for _ in range(count)]
        if kind == "map":
            return {self.text().replace("\0", ""): self.value(schema["values"], depth + 1) for _ in range(count)}
        return {field["name"]: self.value(field["type"], depth + 1) for field in schema["fields"]}

    def later(self, schema):
        """A reader's version of the schema: mostly one that resolves."""
        pick = self.random
        if isinstance(schema, list):
            branches = [self.later(branch) for branch in schema]
            if pick.random() < 0.2:
                pick.shuffle(branches)
            if pick.random() < 0.05:
                return branches[pick.randrange(len(branches))] if branches else branches
            return [branch for branch in branches if not isinstance(branch, list)]
        if isinstance(schema, str):
            wider = {"int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"],
                     "string": ["bytes"], "bytes": ["string"]}.get(schema)
            if wider and pick.random() < 0.1:
                return pick.choice(wider)
            if schema not in self.types and schema != "null" and pick.random() < 0.05:
                return ["null", schema]
            return schema
        schema = dict(schema)
        kind = schema["type"]
        if kind == "array":
            schema["items"] = self.later(schema["items"])
        elif kind == "map":
            schema["values"] = self.later(schema["values"])
        elif kind == "fixed" and pick.random() < 0.03:
            schema["size"] += 1
        elif kind == "enum":
            schema["symbols"] = self.later_symbols(schema)
            if pick.random() < 0.6:
                schema["default"] = pick.choice(schema["symbols"])
        elif kind == "record":
            schema["fields"] = self.later_fields(schema)
        return schema

    def later_symbols(self, schema):
        symbols = [symbol for symbol in schema["symbols"] if self.random.random() > 0.1] or schema["symbols"][:1]
        if self.random.random() < 0.3:
            symbols.append(schema["name"] + "_new")
        if self.random.random() < 0.3:
            self.random.shuffle(symbols)
        return symbols

    def defined(self, schema):
        """Whether the schema defines a named type inside: then later parts may refer to it, and it has to stay."""
        text = json.dumps(schema)
        return '"name"' in text

    def later_fields(self, schema):
        fields = []
        for field in schema["fields"]:
            if self.random.random() < 0.15 and not self.defined(field["type"]):
                continue
            field = {"name": field["name"], "type": self.later(field["type"])}
            if self.random.random() < 0.1:
                field["aliases"] = [field["name"]]
                field["name"] = self.name("renamed")
            fields.append(field)
        for _ in range(self.random.choice([0, 0, 1, 2])):
            added, initial = self.random.choice([
                ("int", 7), ("string", "none"), (["null", "string"], None), ("boolean", True), ("double", 0.5),
                ({"type": "array", "items": "long"}, [1, 2]), ({"type": "map", "values": "string"}, {"a": "b"})])
            fields.append({"name": self.name("added"), "type": added, "default": initial})
        if self.random.random() < 0.02:
            fields.append({"name": self.name("missing"), "type": "int"})
        if not self.defined([field["type"] for field in fields]):
            self.random.shuffle(fields)
        return fields


def encode(schema, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, copy.deepcopy(schema), value)
    return out.getvalue()


def decode(data, writer, reader=None):
    source = io.BytesIO(data)
    value = fastavro.schemaless_reader(source, copy.deepcopy(writer), copy.deepcopy(reader))
    assert source.read() == b""
    return value


def plain(value):
    """fastavro's value as it must appear in plain JSON."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return (value - EPOCH) // datetime.timedelta(milliseconds=1)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def single(value):
    try:
        return struct.pack("f", value)
    except OverflowError:
        return b""


def alike(a, b):
    """Equal, where numbers may have been through a float."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, float) or isinstance(b, float):
        return not isinstance(a, str) and not isinstance(b, str) and (a == b or single(a) == single(b))
    return type(a) is type(b) and a == b


def made(seed):
    maker = Maker(SEED * 1_000_003 + seed)
    schema = maker.record()
    return maker, schema, maker.value(schema)


@pytest.mark.parametrize("part", range(4))
def test_what_fastavro_writes_is_read_and_written_back_the_same(tool, part):
    for seed in range(part * CASES, (part + 1) * CASES):
        _, schema, value = made(seed)
        data = encode(schema, value)
        text = json.dumps(schema)
        results, error = tool.ask("decode", text, text, data.hex())
        assert not error, f"seed {seed}: {error}"
        assert alike(json.loads(results[0]), plain(decode(data, schema))), f"seed {seed}"
        assert results[1] == data.hex(), f"seed {seed}"
        assert results[2] == "kept"


def test_plain_json_is_encoded_as_fastavro_would_read_it(tool):
    for seed in range(CASES):
        _, schema, value = made(seed)
        wanted = plain(decode(encode(schema, value), schema))
        results, error = tool.ask("encode", json.dumps(schema), json.dumps(wanted))
        assert not error, f"seed {seed}: {error}"
        assert alike(plain(decode(bytes.fromhex(results[0]), schema)), wanted), f"seed {seed}"


@pytest.mark.parametrize("part", range(4))
def test_a_later_schema_reads_what_an_earlier_one_wrote_as_fastavro_does(tool, part):
    compared = refused = 0
    for seed in range(part * CASES, (part + 1) * CASES):
        maker, writer, value = made(seed)
        data = encode(writer, value)
        reader = maker.later(writer)
        try:
            wanted = plain(decode(data, writer, reader))
        except Exception:  # whatever fastavro raises where it finds no way to read it
            wanted = None
        results, error = tool.ask("decode", json.dumps(writer), json.dumps(reader), data.hex())
        if wanted is None:
            assert error, f"seed {seed}: fastavro refuses it"
        elif error:
            # A pair that cannot resolve is refused as a whole, fastavro refuses the first record that shows it.
            assert "cannot be read as" in error or "no such field" in error, f"seed {seed}: {error}"
            refused += 1
        else:
            assert alike(json.loads(results[0]), wanted), f"seed {seed}"
            compared += 1
    assert compared > CASES * 0.4 and refused < CASES * 0.4


def test_the_canonical_form_is_fastavros(tool):
    for seed in range(CASES):
        _, schema, _ = made(seed)
        results, error = tool.ask("canonical", json.dumps(schema))
        assert not error
        canonical = fastavro.schema.to_parsing_canonical_form(copy.deepcopy(schema))
        assert results[0] == canonical, f"seed {seed}"
        fingerprint = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
        assert results[1] in (fingerprint, bytes.fromhex(fingerprint)[::-1].hex()), f"seed {seed}"


def test_damaged_bytes_are_refused_or_read_and_never_more(tool):
    for seed in range(CASES):
        maker, schema, value = made(seed)
        data = bytearray(encode(schema, value))
        text = json.dumps(schema)
        for _ in range(8):
            damaged = bytearray(data)
            if not damaged:
                break
            for _ in range(maker.random.randint(1, 3)):
                damaged[maker.random.randrange(len(damaged))] = maker.random.choice([0, 1, 0x7F, 0x80, 0xFF, 0x42])
            results, error = tool.ask("decode", text, text, bytes(damaged).hex())
            assert error or json.loads(results[0]) is not None
        if data:
            _, error = tool.ask("decode", text, text, bytes(data[:-1]).hex())
            assert error, f"seed {seed}: the last byte is missing"
        _, error = tool.ask("decode", text, text, (data + b"\0").hex())
        assert "left over" in error, f"seed {seed}"
