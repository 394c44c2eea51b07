"""`make install`: a tree that may be moved, and runs from anywhere."""

import json
import os
import shutil
import subprocess

from tests.flow.job import ISOTOPE, ROOT, TIMEOUT_S

START_MS = 1767225600000  # 2026-01-01T00:00:00Z
SANITIZERS = ("address", "undefined", "thread")


def install(destination, prefix):
    build = ISOTOPE.parent
    sanitizer = build.name if build.name in SANITIZERS else ""
    # (The flags of a make that runs this test are not for this one.)
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    done = subprocess.run(["make", "--no-print-directory", "install", f"BUILD={os.path.relpath(build, ROOT)}",
                           f"SANITIZER={sanitizer}", f"DESTDIR={destination}", f"PREFIX={prefix}"],
                          cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_installed_tree_that_was_moved_validates_and_runs_from_an_empty_directory(tmp_path):
    install(tmp_path / "stage", "/opt/isotope-1")
    moved = tmp_path / "elsewhere" / "isotope"
    moved.parent.mkdir()
    shutil.move(tmp_path / "stage" / "opt" / "isotope-1", moved)
    empty = tmp_path / "empty"
    empty.mkdir()

    def call(*arguments, given=""):
        done = subprocess.run([moved / "bin" / "isotope", *arguments], cwd=empty, input=given, capture_output=True,
                              text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    topologies = moved / "share" / "isotope" / "topologies"
    assert {path.name for path in topologies.iterdir()} == {path.name for path in (ROOT / "topologies").iterdir()}
    for path in topologies.iterdir():
        call("validate", path)

    # A topology of one's own, with no schema near it: the installed ones are found from where the program is.
    own = empty / "own.yaml"
    shutil.copy(ROOT / "topologies" / "engagement.yaml", own)
    call("validate", own)
    call("produce", own, "impressions", given=json.dumps({
        "impression_id": "i1", "user_id_token": "u1", "item_id": "v1", "position": 0, "shown_at": START_MS,
        "source": "ranked"}))
    call("run", own, "--until-end")
    row, = map(json.loads, call("consume", own, "outcomes", "--until-end").splitlines())
    assert (row["impression_id"], row["engaged"], row["final"]) == ("i1", False, True)
