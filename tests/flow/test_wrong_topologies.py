"""What `isotope validate` says about topologies that are wrong: the whole text, for a person to act on.

Each wrong_topologies/NN-name.yaml has its NN-name.expected. The directory of installed schemas depends on how the
program was built; it is written PREFIX/share/isotope/schemas there.
"""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ISOTOPE = ROOT / os.environ.get("ISOTOPE_BUILD", "build/release") / "isotope"
CASES = sorted((ROOT / "tests/flow/wrong_topologies").glob("*.yaml"))


def validate(path, *more):
    return subprocess.run(
        [ISOTOPE, "validate", str(path), *more], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_wrong_topology_is_refused_with_a_message_that_helps(path):
    result = validate(path.relative_to(ROOT))
    said = re.sub(r"\S+(/share/isotope/schemas)", r"PREFIX\1", result.stderr)
    assert said == path.with_suffix(".expected").read_text()
    assert result.returncode == 1
    assert result.stdout == ""


def test_there_are_at_least_ten():
    assert len(CASES) >= 10


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "topologies").glob("*.yaml")))
def test_the_topologies_that_are_shipped_are_sound(name):
    result = validate(f"topologies/{name}")
    assert result.returncode == 0, result.stderr


def test_an_override_is_checked_like_the_file():
    result = validate("topologies/engagement.yaml", "--set", "operators.join.window=soon")
    assert result.stderr == (
        '--set:1:23: window is "soon"; expected a duration such as 250ms, 5s, 10min or 1h\n'
        "isotope validate: topologies/engagement.yaml has 1 problem\n"
    )
    assert result.returncode == 1
