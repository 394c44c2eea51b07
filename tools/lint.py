#!/usr/bin/python3
"""Checks what a compiler does not: who may include whom, how long files, functions and lines are, words that tell of
unfinished work, paths of one machine, tests that sleep. Prints `file:line: what is wrong` and fails."""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOPS = ("src", "operators", "topologies", "schemas", "tests", "tools", ".ci", "Makefile", "README.md", "CHANGELOG.md",
        ".clang-format")
NOT_OURS = ("tests/data/",)  # carried as it came

LINES_MAX = {".c": 600, ".h": 250, ".py": 600}
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 120
TAB_COLUMNS = 8

# Whom each layer may include: itself and what stands here. Listed from the bottom; none may name one that stands later.
LAYERS = {
    "base": (),
    "record": ("base",),
    "log": ("base",),
    "state": ("base", "log"),
    "sinks": ("base", "record"),
    "dataflow": ("base", "record", "log", "state"),
    "operators": ("base", "record", "sinks", "state/store.h", "dataflow/operator.h"),
    "cli": ("base", "record", "log", "state", "dataflow", "operators"),
    "main": ("base", "cli"),
}
# Tests of these may reach further than the code they test: they run it inside what is around it.
TESTS_MAY = {
    "dataflow": ("operators",),
    "operators": ("state", "log", "dataflow"),
}
# The only places where these libraries are known.
LIBRARIES = {
    "librdkafka/rdkafka.h": r"src/log/kafka_\w+\.[ch]",
    "rocksdb/c.h": r"src/log/embedded_\w+\.[ch]|src/state/.*|src/sinks/feature_embedded\.c|tests/(log|state)/.*"
                 r"|tests/sinks/feature_embedded_test\.c",
    "jansson.h": r"src/(record|cli|dataflow)/.*|tests/.*",
    "yaml.h": r"src/dataflow/.*",
    "xxhash.h": r"src/base/.*",
    "avro.h": r"tests/record/.*",
    "hiredis/hiredis.h": r"src/sinks/.*|tests/sinks/.*",
    "openssl/ssl.h": r"src/sinks/tls\.c",
    "curl/curl.h": r"src/sinks/alert_http\.c",
}

INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')
WORDS = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|root|home|Users)/\w")
SLEEP = re.compile(r"\b(?:sleep|usleep|nanosleep|clock_nanosleep)\s*\(")
# A definition has its name at the start of a line (its return type stands on the line above).
FUNCTION_NAME = re.compile(r"(\w+)\(")

problems = []


def report(path, line, what):
    problems.append(f"{path}:{line}: {what}")


def text_files():
    for top in TOPS:
        start = ROOT / top
        for path in [start] if start.is_file() else sorted(start.rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in name and not name.startswith(NOT_OURS):
                data = path.read_bytes()
                if b"\0" not in data:
                    yield name, data.decode("utf-8", "replace").splitlines()


def layer_of(name):
    """The layer a file or an include belongs to, or None: src/log/log.h and log/log.h are of "log"."""
    parts = name.split("/")
    if parts[0] in ("src", "tests"):
        parts = parts[1:]
    if parts == ["main.c"]:
        return "main"
    return parts[0] if len(parts) > 1 and parts[0] in LAYERS else None


def check_include(name, number, included):
    layer = layer_of(name)
    of = layer_of(included)
    is_test = name.startswith("tests/")

    if layer is None or of is None or of == layer:
        return
    allowed = LAYERS[layer] + (TESTS_MAY.get(layer, ()) if is_test else ())
    if of not in allowed and included not in allowed:
        can = ", ".join(allowed) or "nothing else"
        report(name, number, f'{layer} may not include "{included}": it may include {can}')


def check_c(name, lines):
    if name.startswith("src/") and layer_of(name) is None:
        report(name, 1, f"belongs to no layer; the layers are {', '.join(LAYERS)}")
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        if match[1] == '"':
            check_include(name, number, match[2])
            if "/" not in match[2]:
                report(name, number, f'include "{match[2]}" by its layer: "layer/{match[2]}"')
        where = LIBRARIES.get(match[2])
        if where and not re.fullmatch(where, name):
            report(name, number, f"<{match[2]}> may be included by {where} only")
    check_functions(name, lines)


def check_functions(name, lines):
    function, start = None, 0
    for number, line in enumerate(lines, 1):
        match = FUNCTION_NAME.match(line)
        if match:
            function, start = match[1], number
        if line == "}" and function:
            length = number - start + 1
            if length > FUNCTION_LINES_MAX:
                report(name, start, f"{function} has {length} lines; at most {FUNCTION_LINES_MAX}")
            function = None


def check_lines(name, lines):
    suffix = pathlib.Path(name).suffix
    prose = suffix in (".md", ".yaml", ".avsc", ".json", ".csv", ".ndjson", ".txt", ".expected")

    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            report(name, number, "white space at the end of the line")
        columns = len(line.expandtabs(TAB_COLUMNS))
        if columns > COLUMNS_MAX and not prose:
            report(name, number, f"{columns} columns; at most {COLUMNS_MAX}")
        for pattern, what in ((WORDS, "says that something is unfinished"), (MACHINE_PATH, "is a path of one machine")):
            match = pattern.search(line)
            if match:
                report(name, number, f"{match[0]} {what}")
        if name.startswith("tests/") and suffix in (".c", ".h", ".py") and SLEEP.search(line):
            report(name, number, "a test may not sleep: wait for the thing itself")
    if len(lines) > LINES_MAX.get(suffix, len(lines)):
        report(name, len(lines), f"{len(lines)} lines; at most {LINES_MAX[suffix]}")


def check_layers():
    """The table itself: the order of its rows is the order of the layers."""
    seen = []
    for layer, allowed in LAYERS.items():
        for other in allowed:
            if other.split("/")[0] not in seen:
                report("tools/lint.py", 1, f"{layer} may include {other}, which is not below it")
        seen.append(layer)


def main():
    count = 0
    check_layers()
    for name, lines in text_files():
        count += 1
        check_lines(name, lines)
        if name.endswith((".c", ".h")):
            check_c(name, lines)
    for problem in problems:
        print(problem)
    if problems:
        print(f"lint: {len(problems)} problems in {count} files")
        return 1
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
