#!/usr/bin/python3
"""Puts the C code into the shape of .clang-format (`make format`), or says which files are not in it (`--check`).

clang-format reads C as C++, where `operator` is a keyword: it would print `task->operator= x`. So the word is
spelled otherwise, with as many letters, while clang-format looks at it.

clang-format is the one in the environment of the Python that runs this: the Makefile makes build/lint-venv for it, with
the version that tools/lint_requirements.txt pins. The program itself is called: its wrapper would start another Python
for each file.
"""

import concurrent.futures
import difflib
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAND_IN = "operatoR"


def clang_format():
    package = importlib.util.find_spec("clang_format")
    if package:
        return pathlib.Path(package.origin).parent / "data" / "bin" / "clang-format"
    return pathlib.Path(sys.executable).parent / "clang-format"


CLANG_FORMAT = clang_format()


def c_files(arguments):
    if arguments:
        return [pathlib.Path(name).resolve() for name in arguments]
    return sorted(path for top in ("src", "operators", "tests", "tools") for path in (ROOT / top).rglob("*.[ch]"))


def formatted(path):
    text = path.read_text()
    if STAND_IN in text:
        raise SystemExit(f"{path}: {STAND_IN} is a word that {__file__} needs for itself")
    result = subprocess.run(
        [CLANG_FORMAT, "--style=file", f"--assume-filename={path}"],
        input=re.sub(r"\boperator\b", STAND_IN, text), capture_output=True, text=True, cwd=ROOT)
    if result.returncode != 0:
        raise SystemExit(f"{path}: {result.stderr}")
    return path, text, result.stdout.replace(STAND_IN, "operator")


def main():
    check = "--check" in sys.argv
    files = c_files([argument for argument in sys.argv[1:] if argument != "--check"])
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, old, new in pool.map(formatted, files):
            if old == new:
                continue
            wrong += 1
            name = os.path.relpath(path, ROOT)
            if check:
                difference = difflib.unified_diff(old.splitlines(), new.splitlines(), name, "as .clang-format wants it",
                                                  lineterm="", n=0)
                print("\n".join(list(difference)[:20]))
            else:
                path.write_text(new)
                print(f"  format {name}")
    if check and wrong:
        print(f"format: {wrong} of {len(files)} files are not in the shape of .clang-format: run `make format`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
