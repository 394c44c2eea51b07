"""All operators together, live: the traffic of demo.yaml loses more than it should, and a real Alertmanager hears of
it."""

from tests.flow.alertmanager_server import Alertmanager
from tests.flow.alerts import Run, Webhook
from tests.flow.job import ROOT, Job
from tests.flow.test_alertmanager import ms_of, wait_told

TOPOLOGY = ROOT / "topologies" / "demo.yaml"


def settings(**values):
    return [word for name, value in values.items()
            for word in ("--set", f"operators.{name.replace('__', '.')}={value}")]


def test_a_fault_in_the_logs_becomes_an_alert_and_its_end_does_too(tmp_path):
    job = Job(tmp_path / "data", TOPOLOGY)
    with Webhook().start() as hook, Alertmanager(hook.url) as manager:
        quick = settings(traffic__burst_every="8s", traffic__rate=300, notify__repeat="500ms",
                         notify__alertmanager=manager.start().url)
        with Run(job, *quick) as run:
            wait_told(hook, ("lost", "firing"))
            wait_told(hook, ("lost", "resolved"))
            run.stop()
        alerts = [row for row in job.rows("alerts") if row["name"] == "lost"]
        assert [row["state"] for row in alerts[:2]] == ["firing", "resolved"]
        told = next(item for request in hook.requests for item in request.json["alerts"]
                    if item["labels"]["alertname"] == "lost")
        assert ms_of(told["startsAt"]) == alerts[0]["starts_at"] == alerts[0]["window_start"]
    lost = [row for row in job.rows("mismatches") if row["kind"] == "lost"]
    assert {row["impression_id"] for row in lost} & {row["impression_id"] for row in job.rows("injected_faults")}
    assert job.rows("dead_letters") == []
    for topic in ("outcomes", "user_histories", "user_embeddings", "integrity_windows"):
        assert job.rows(topic), topic
