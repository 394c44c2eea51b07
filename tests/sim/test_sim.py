"""Simulations of topologies on a simulated Kafka. `make sim SEEDS=1000` runs more of them."""

import json
import os
import pathlib
import subprocess

import pytest

from tests.flow.job import under_the_thread_sanitizer
from tests.reference import history_reference, join_reference, reconcile_reference

TOOL = pathlib.Path(os.environ.get("ISOTOPE_BUILD", "build/release")) / "tests" / "sim" / "sim_tool"
SEEDS = int(os.environ.get("ISOTOPE_SIM_SEEDS", "30"))  # of each topology
TOPOLOGIES = ("join", "features", "reconcile")
BROKEN = [*(("join", name) for name in ("order", "fence", "position", "timer", "block", "clock", "identity",
                                        "form", "aside", "tail")),
          *(("features", name) for name in ("order", "fence", "block", "marker", "early", "minimum", "forget", "trim",
                                            "owner", "floor", "identity", "aside")),
          *(("reconcile", name) for name in ("order", "fence", "timer", "block", "owner", "floor", "identity"))]
BROKEN_SEEDS = 20
MARKER = {name: "" for name in ("experiment_group", "strategy_id", "model_version", "platform")}
TIMEOUT_S = 600


@pytest.fixture(autouse=True, scope="session")
def not_under_the_thread_sanitizer():
    if under_the_thread_sanitizer():
        pytest.skip("a simulation is one thread")


def simulate(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_S)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_what_is_committed_is_what_a_plain_computation_gives(topology):
    done = simulate("--topology", topology, "--seeds", SEEDS, "--jobs", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{SEEDS} seeds, 0 failed\n"


@pytest.mark.parametrize("topology, broken", BROKEN)
def test_a_broken_protocol_is_noticed(topology, broken):
    done = simulate("--topology", topology, "--break", broken, "--seeds", BROKEN_SEEDS, "--jobs", 1)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"see it again: {TOOL} --topology {topology} --break {broken} --seed " in done.stdout


def test_seeds_choose_among_all_topologies():
    assert {simulate("--seed", seed).stdout.split()[2].rstrip(",") for seed in range(1, 4)} == set(TOPOLOGIES)


def test_a_seed_gives_the_same_run_every_time():
    first, second, other = simulate("--seed", 7), simulate("--seed", 7), simulate("--seed", 8)
    assert first.returncode == 0 and "trace " in first.stdout
    assert first.stdout == second.stdout
    assert first.stdout.splitlines()[1] != other.stdout.splitlines()[1]


@pytest.mark.parametrize("seed", range(11, 16))
def test_the_plain_join_agrees_with_the_reference(seed):
    """The reference knows nothing of how the simulation computes what must come out, and has read the same feed."""
    done = simulate("--topology", "join", "--seed", seed, "--dump")
    assert done.returncode == 0, done.stderr
    dump = json.loads(done.stdout)
    parameters = {**dump["parameters"], "correction_horizon": 3_600_000, "orphan_wait": 3_600_000}
    wanted = join_reference.join(dump["impressions"], dump["engagements"], dump["ranker_scores"],
                                    dump["partitions"], **parameters)
    last = join_reference.last_revisions([row for rows in wanted["outcomes"] for row in rows])
    assert without_revision(join_reference.last_revisions(dump["outcomes"])) == without_revision(last)


@pytest.mark.parametrize("seed", range(11, 16))
def test_the_plain_histories_agree_with_the_reference(seed):
    done = simulate("--topology", "features", "--seed", seed, "--dump")
    assert done.returncode == 0, done.stderr
    dump = json.loads(done.stdout)
    kept = dump["parameters"]["kept"]
    last = {user: row for user, row in history_reference.last_rows(dump["user_histories"]).items() if row["actions"]}
    wanted = history_reference.histories(dump["engagements"], kept)
    assert last == ({} if dump["parameters"]["expires"] else wanted)


@pytest.mark.parametrize("seed", range(11, 16))
def test_the_plain_mismatches_agree_with_the_reference(seed):
    done = simulate("--topology", "reconcile", "--seed", seed, "--dump")
    assert done.returncode == 0, done.stderr
    dump = json.loads(done.stdout)
    entries = [entry for log in reconcile_reference.LOGS for entry in dump[f"{log}_log"]]
    wanted = reconcile_reference.mismatches([{**MARKER, **entry} for entry in entries])
    last = {(row["impression_id"], row["hop"], row["field"]): row for row in dump["mismatches"]}
    assert wanted and {key: (row["kind"], row["count"]) for key, row in last.items() if row["kind"] != "late"} == {
        key: (told["kind"], told["count"]) for key, told in wanted.items()}


def without_revision(rows):
    return {key: {name: value for name, value in row.items() if name != "revision"} for key, row in rows.items()}
