"""alert_sink and Alertmanager: a real one, and servers that say what a real one says seldom."""

import base64
import datetime

from tests.flow.alertmanager_server import Alertmanager
from tests.flow.alerts import Run, Webhook, alert, arguments_of, job_in, now_ms, state_of


def ms_of(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def told(hook):
    """What a real Alertmanager has told of: (name, status), in order."""
    return [(alert["labels"]["alertname"], alert["status"])
            for request in hook.requests for alert in request.json["alerts"]]


def wait_told(hook, what):
    with hook.changed:
        assert hook.changed.wait_for(lambda: what in told(hook), 60), told(hook)


def run_until_told(job, *arguments):
    said = job.call("run", "--until-end", *arguments).stderr
    assert "undelivered" not in said
    return said


def test_an_alert_fires_and_is_resolved(tmp_path):
    job, fires = job_in(tmp_path), alert("lost", labels={"dimension": "platform", "value": "ios", "log hop": "a\"b"})
    with Webhook().start() as hook, Alertmanager(hook.url) as manager:
        arguments = arguments_of(tmp_path, alertmanager=manager.start().url)
        job.produce("alerts", [fires])
        run_until_told(job, *arguments)
        shown = manager.alerts()["lost"]
        assert shown["labels"] == {"alertname": "lost", "severity": "page", "job": "isotope", "dimension": "platform",
                                   "value": "ios", "log_hop": "a\"b"}
        assert ms_of(shown["startsAt"]) == fires["starts_at"]
        assert shown["annotations"]["runbook_url"] == "https://runbooks.example/lost"
        assert shown["annotations"]["summary"].startswith("lost is 0.25, beyond 0.1, in the window from 20")
        wait_told(hook, ("lost", "firing"))
        job.produce("alerts", [{**alert("lost", "resolved", 2, fires["starts_at"]), "labels": fires["labels"]}])
        run_until_told(job, *arguments)
        assert manager.alerts() == {}
        wait_told(hook, ("lost", "resolved"))
        assert told(hook) == [("lost", "firing"), ("lost", "resolved")]


def test_what_fires_is_said_again_and_what_was_said_while_it_was_away_arrives(tmp_path):
    job, fires = job_in(tmp_path), alert("late")
    with Webhook().start() as hook, Alertmanager(hook.url) as manager:
        arguments = arguments_of(tmp_path, alertmanager=manager.start().url, repeat="500ms")
        manager.stop()
        job.produce("alerts", [fires])
        with Run(job, *arguments) as run:
            run.wait_log("receiver_fails", manager.address)
            manager.start()
            wait_told(hook, ("late", "firing"))
            assert ms_of(manager.alerts()["late"]["startsAt"]) == fires["starts_at"]
            # It would be over after 2 s if it were not repeated: endsAt moves on, and nothing is resolved.
            first = ms_of(manager.alerts()["late"]["endsAt"])
            while ms_of(manager.alerts()["late"]["endsAt"]) < first + 3000:
                assert run.process.poll() is None
            assert told(hook) == [("late", "firing")]
            manager.stop()
            run.stop()
        job.produce("alerts", [alert("late", "resolved", 2, fires["starts_at"])])
        with Run(job, *arguments) as run:
            run.wait_log("receiver_fails", manager.address)
            manager.start()
            run.wait_log("alert_told", "late", "revision=2")
            run.stop()
        assert manager.alerts() == {}


def test_a_list_goes_to_each_and_one_that_is_away_holds_up_no_other(tmp_path):
    job = job_in(tmp_path)
    with Webhook() as away, Webhook().start() as there:
        job.produce("alerts", [alert(f"rule{i}") for i in range(150)])
        urls = f"http://{away.address},http://{there.address}/"
        with Run(job, *arguments_of(tmp_path, alertmanager=urls, repeat="1h")) as run:
            run.wait_log("receiver_fails", away.address)
            for i in range(150):
                run.wait_log("alert_told", there.address, f"rule{i}{{")
            away.start()
            for i in range(150):
                run.wait_log("alert_told", away.address, f"rule{i}{{")
            run.stop()
        for hook in away, there:
            names = [item["labels"]["alertname"] for request in hook.requests for item in request.json]
            assert sorted(names) == sorted(f"rule{i}" for i in range(150))
            assert max(len(request.json) for request in hook.requests) <= 64


def test_of_a_list_that_is_refused_only_what_is_wrong_is_lost(tmp_path):
    def answer(request):
        return 400 if any(item["labels"]["alertname"] == "wrong" for item in request.json) else 200

    job = job_in(tmp_path)
    with Webhook(answer).start() as manager:
        job.produce("alerts", [alert(name) for name in ("good", "wrong", "fine")])
        said = run_until_told(job, *arguments_of(tmp_path, alertmanager=f"http://{manager.address}", repeat="1h"))
        assert said.count("alert_refused") == 1 and 'wrong{' in said
        words = {name: entry["receivers"][0]["said"] for name, entry in state_of(job).items()}
        assert words == {"good": "taken", "fine": "taken", "wrong": "refused"}


def test_what_is_over_is_said_for_a_while_and_then_forgotten(tmp_path):
    job = job_in(tmp_path)
    with Webhook().start() as manager:
        job.produce("alerts", [alert("lost", "resolved", 4)])
        arguments = arguments_of(tmp_path, alertmanager=f"http://{manager.address}", repeat="100ms",
                                 resolved_for="1s")
        with Run(job, *arguments) as run:
            manager.wait(3)
            run.stop()
        ends = {request.json[0]["endsAt"] for request in manager.requests}
        assert len(ends) == 1 and ms_of(ends.pop()) <= now_ms()
        while state_of(job):
            job.call("run", "--until-end", *arguments)


def test_who_it_is_is_said(tmp_path):
    job = job_in(tmp_path)
    (tmp_path / "password").write_text("geheim\n")
    (tmp_path / "token").write_text("t0ken\n")
    with Webhook().start() as manager:
        for revision, options in enumerate([
                {"alertmanager_user": "me", "alertmanager_password_file": tmp_path / "password"},
                {"alertmanager_token_file": tmp_path / "token"}], 1):
            job.produce("alerts", [alert("lost", revision=revision)])
            run_until_told(job, *arguments_of(tmp_path, alertmanager=f"http://{manager.address}", **options))
        basic, bearer = (manager.requests[i].headers["authorization"] for i in (0, -1))
        assert basic == "Basic " + base64.b64encode(b"me:geheim").decode()
        assert bearer == "Bearer t0ken"
