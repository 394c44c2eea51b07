"""What `isotope validate` says about topologies that are wrong: the whole text, for a person to act on.

Each wrong_topologies/NN-name.yaml has its NN-name.expected. The directory of installed schemas depends on how the
program was built; it is written PREFIX/share/isotope/schemas there, and librdkafka's version and addresses VERSION and
URL.
"""

import os
import pathlib
import re
import subprocess

import pytest

from tests.flow.job import under_the_thread_sanitizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
ISOTOPE = ROOT / os.environ.get("ISOTOPE_BUILD", "build/release") / "isotope"
CASES = sorted((ROOT / "tests/flow/wrong_topologies").glob("*.yaml"))


def isotope(*arguments):
    environment = {key: value for key, value in os.environ.items() if key != "ISOTOPE_TEST_NONE"}
    return subprocess.run([ISOTOPE, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
                          env=environment)


def validate(path, *more):
    return isotope("validate", path, *more)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_wrong_topology_is_refused_with_a_message_that_helps(path):
    result = validate(path.relative_to(ROOT))
    said = re.sub(r"\S+(/share/isotope/schemas)", r"PREFIX\1", result.stderr)
    said = re.sub(r"https://\S+", "URL", re.sub(r"librdkafka \d\S+", "librdkafka VERSION", said))
    assert said == path.with_suffix(".expected").read_text()
    assert result.returncode == 1
    assert result.stdout == ""


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_run_refuses_it_with_the_same_words(path, tmp_path):
    path = path.relative_to(ROOT)
    result = isotope("run", path, "--until-end", "--data-dir", tmp_path / "data")
    assert result.stderr.replace("isotope run:", "isotope validate:") == validate(path).stderr
    assert result.returncode == 1
    assert not (tmp_path / "data").exists()


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


@pytest.mark.skipif(under_the_thread_sanitizer(), reason="it does not know librdkafka's threads")
def test_variables_and_files_are_filled_in_wherever_a_value_is(tmp_path, monkeypatch):
    (tmp_path / "redis.password").write_text("hunter2\r\n")
    (tmp_path / "t.yaml").write_text(f"""
name: variables
schemas: {ROOT}/schemas
log: {{type: kafka, bootstrap.servers: "${{ENV:ISOTOPE_TEST_HOST}}:9092,b:9092"}}
memory: "${{ENV:ISOTOPE_TEST_MEMORY}}MiB"
topics:
  histories: {{schema: user_history.avsc, key: user_id_token, time: updated_at, cleanup: compact}}
operators:
  features:
    type: feature_sink
    inputs: {{histories: histories}}
    store: redis
    address: "${{ENV:ISOTOPE_TEST_HOST}}:6379"
    password: "${{FILE:{tmp_path}/redis.password}}"
""")
    monkeypatch.setenv("ISOTOPE_TEST_HOST", "a")
    monkeypatch.setenv("ISOTOPE_TEST_MEMORY", "64")
    result = validate(tmp_path / "t.yaml")
    assert (result.returncode, result.stderr) == (0, "ok: variables, 2 topics, 1 operators\n")
    result = validate(tmp_path / "t.yaml", "--set", f"memory=${{FILE:{tmp_path}/redis.password}}")
    assert f'memory: what "${{FILE:{tmp_path}/redis.password}}" stands for is not taken' in result.stderr
    assert "hunter2" not in result.stderr
