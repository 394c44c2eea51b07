"""A real Redis server for one test, on a socket in a directory of its own, and what of Feast's layout is read back.
What it has acknowledged it keeps through kill -9."""

import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile

VARINT, FIXED64, LENGTH_DELIMITED = 0, 1, 2
STRING = 2  # feast.types.ValueType


class Client:
    """Of a server on a socket."""

    def __init__(self, path):
        self.path = path

    def ask(self, *words):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.path))
            words = [word if isinstance(word, bytes) else word.encode() for word in words]
            client.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
            with client.makefile("rb") as stream:
                return reply(stream)


class Server(Client):
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="isotope-redis-"))
        super().__init__(self.directory / "socket")
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.directory)

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", self.directory, "--save", "",
             "--appendonly", "yes", "--appendfsync", "always"], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "ready to accept connections" in line.lower():
                return
        raise AssertionError("redis-server did not start")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def reply(stream):
    kind, rest = stream.read(1), stream.readline()[:-2]
    assert kind != b"-", rest
    if kind == b"*":
        return [reply(stream) for _ in range(int(rest))]
    if kind == b"$":
        return None if int(rest) < 0 else stream.read(int(rest) + 2)[:-2]
    return int(rest) if kind == b":" else rest


# ---- Feast's layout

def murmur3(data):
    """MurmurHash3_x86_32 with seed 0."""
    def rotate(value, by):
        return (value << by | value >> (32 - by)) & 0xffffffff

    def mixed(block):
        return rotate(block * 0xcc9e2d51 & 0xffffffff, 15) * 0x1b873593 & 0xffffffff

    hashed, whole = 0, len(data) // 4 * 4
    for at in range(0, whole, 4):
        hashed = (rotate(hashed ^ mixed(int.from_bytes(data[at:at + 4], "little")), 13) * 5 + 0xe6546b64) & 0xffffffff
    if data[whole:]:
        hashed ^= mixed(int.from_bytes(data[whole:], "little"))
    hashed ^= len(data)
    hashed = (hashed ^ hashed >> 16) * 0x85ebca6b & 0xffffffff
    hashed = (hashed ^ hashed >> 13) * 0xc2b2ae35 & 0xffffffff
    return hashed ^ hashed >> 16


def entity_key(project, name, value):
    texts = b"".join(struct.pack("<II", STRING, len(text)) + text.encode() for text in (name, value))
    return struct.pack("<I", 1) + texts + project.encode()


def field(view, feature):
    return struct.pack("<I", murmur3(f"{view}:{feature}".encode()))


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def message(data):
    """The fields of a protobuf message that has none but length-delimited, varint and double ones."""
    fields, at = [], 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == FIXED64:
            fields.append((tag >> 3, struct.unpack_from("<d", data, at)[0]))
            at += 8
            continue
        size, at = varint(data, at)
        if tag & 7 == LENGTH_DELIMITED:
            fields.append((tag >> 3, data[at:at + size]))
            at += size
        else:
            assert tag & 7 == VARINT, tag
            fields.append((tag >> 3, size))
    return fields


STRING_LIST, DOUBLE_LIST, FLOAT_LIST, TIMES_LIST = 12, 15, 16, 18  # of feast.types.Value


def list_of(value):
    """A list in a feast.types.Value."""
    (number, inner), = message(value)
    items = [item for _, item in message(inner)]
    if number == STRING_LIST:
        return [item.decode() for item in items]
    packed = b"".join(items)
    if number == DOUBLE_LIST:
        return list(struct.unpack(f"<{len(packed) // 8}d", packed))
    if number == FLOAT_LIST:
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    assert number == TIMES_LIST, number
    times, at = [], 0
    while at < len(packed):
        time, at = varint(packed, at)
        times.append(time)
    return times


def scalar_of(value):
    """A number or a text in a feast.types.Value."""
    (_, inner), = message(value)
    return inner.decode() if isinstance(inner, bytes) else inner


def timestamp_ms(value):
    parts = dict(message(value))
    return parts.get(1, 0) * 1000 + parts.get(2, 0) // 1_000_000
