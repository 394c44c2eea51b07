"""Simulations of the join on a simulated Kafka. `make sim SEEDS=1000` runs more of them."""

import json
import os
import pathlib
import subprocess

import pytest

from tests.reference import join_reference

TOOL = pathlib.Path(os.environ.get("ISOTOPE_BUILD", "build/release")) / "tests" / "sim" / "sim_tool"
SEEDS = int(os.environ.get("ISOTOPE_SIM_SEEDS", "30"))  # of each part
PARTS = 2
TIMEOUT_S = 600


def simulate(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_S)


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_committed_is_what_a_plain_computation_gives(part):
    done = simulate("--first", 1 + part * SEEDS, "--seeds", SEEDS, "--jobs", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{SEEDS} seeds, 0 failed\n"


@pytest.mark.parametrize("broken", ["order", "fence", "position", "timer", "block"])
def test_a_broken_protocol_is_noticed(broken):
    done = simulate("--break", broken, "--seeds", 20, "--jobs", 1)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"see it again: {TOOL} --break {broken} --seed " in done.stdout


def test_a_seed_gives_the_same_run_every_time():
    first, second, other = simulate("--seed", 7), simulate("--seed", 7), simulate("--seed", 8)
    assert first.returncode == 0 and "trace " in first.stdout
    assert first.stdout == second.stdout
    assert first.stdout.splitlines()[1] != other.stdout.splitlines()[1]


@pytest.mark.parametrize("seed", range(11, 16))
def test_the_plain_computation_agrees_with_the_reference(seed):
    """The reference knows nothing of how the simulation computes what must come out, and has read the same feed."""
    done = simulate("--seed", seed, "--dump")
    assert done.returncode == 0, done.stderr
    dump = json.loads(done.stdout)
    parameters = {**dump["parameters"], "correction_horizon": 3_600_000, "orphan_wait": 3_600_000}
    wanted, _ = join_reference.join(dump["impressions"], dump["engagements"], dump["ranker_scores"],
                                    dump["partitions"], **parameters)
    last = join_reference.last_revisions([row for rows in wanted["outcomes"] for row in rows])
    assert without_revision(join_reference.last_revisions(dump["outcomes"])) == without_revision(last)


def without_revision(rows):
    return {key: {name: value for name, value in row.items() if name != "revision"} for key, row in rows.items()}
