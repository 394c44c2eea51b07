"""Every command that takes an operator is run on every operator of the topology that has them all."""

import json
import re

import pytest

from tests.flow.job import ROOT, Job
from tests.flow.test_commands import isotope
from tests.flow.test_join_random import START
from tests.flow.test_manual_pages import operator_types

TOPOLOGY = ROOT / "topologies" / "recommender.yaml"
OPERATORS = re.findall(r"^  (\w+):\n    type: (\w+)", TOPOLOGY.read_text(), re.M)
ITEM = {"user_id_token": "u", "item_id": "v"}
DELIVERY = {**ITEM, "impression_id": "i", "request_id": "r", "position": 0, "logged_at": START}
ROWS = {
    "impressions": {**ITEM, "impression_id": "i", "position": 0, "shown_at": START, "source": "ranked"},
    "engagements": {**ITEM, "engagement_id": "e", "impression_id": "i", "action": "like", "occurred_at": START},
    "engine_log": {**DELIVERY, "stage": "returned"},
    "server_log": {**DELIVERY, "stage": "delivered"},
    "client_log": {**DELIVERY, "stage": "exposed"},
}


@pytest.fixture(name="job", scope="module")
def job_of_all(tmp_path_factory):
    job = Job(tmp_path_factory.mktemp("all") / "data", TOPOLOGY)
    for topic, row in ROWS.items():
        job.produce(topic, [row])
    job.call("run", "--until-end")
    return job


def test_the_topology_has_every_type_but_the_source():
    assert {kind for _, kind in OPERATORS} == set(operator_types()) - {"traffic"}


@pytest.mark.parametrize("name, kind", OPERATORS)
def test_its_manual_is_printed(name, kind):
    assert isotope("operators", kind).stdout.startswith(f"{kind}: ")


@pytest.mark.parametrize("name, kind", OPERATORS)
def test_its_state_is_shown(job, name, kind):
    for line in job.call("state", name).stdout.splitlines():
        assert {"store", "key", "timer", "value"} <= json.loads(line).keys()
    assert job.call("state", name, "--summary").stdout.startswith("task 0: watermark ")
    done = job.call("state", name, "no such key", status=1)
    assert done.stderr == f'isotope state: operator {name} has no entry "no such key"\n'


@pytest.mark.parametrize("name, kind", OPERATORS)
def test_it_runs_by_itself_again(job, name, kind):
    done = job.call("run", "--until-end", "--operators", name)
    assert re.search(rf"^{name}: 0 in, ", done.stderr, re.M)


@pytest.mark.parametrize("name, kind", OPERATORS)
def test_its_dead_letters_are_listed(job, name, kind):
    assert job.call("deadletter", "list", "--operator", name).stdout.startswith("ID ")


@pytest.mark.parametrize("name, kind", OPERATORS)
def test_a_rescale_to_as_many_tasks_says_so(job, name, kind):
    tasks = len(re.findall(r"^task ", job.call("state", name, "--summary").stdout, re.M))
    done = job.call("rescale", name, "--partitions", tasks)
    assert done.stderr == f"isotope rescale: operator {name} has {tasks} tasks already\n"
