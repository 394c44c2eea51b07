"""alert_sink and webhooks that are away, slow, wrong, or come back; runs that are stopped and killed."""

import re
import subprocess

import pytest

from tests.flow.alerts import Run, Webhook, alert, arguments_of, job_in, state_of
from tests.flow.job import TIMEOUT_S


def taken(job):
    """The alerts that all receivers have taken as they stand."""
    return sorted(name for name, entry in state_of(job).items()
                  if all((word["said"], word["revision"]) == ("taken", entry["revision"])
                         for word in entry["receivers"]))


def until_end(job, *arguments):
    return job.call("run", "--until-end", *arguments).stderr


def test_each_change_of_state_is_told_once_with_a_signature(tmp_path):
    job, fires = job_in(tmp_path), alert("lost")
    with Webhook().start() as hook:
        arguments = arguments_of(tmp_path, webhook=hook.url)
        said = ""
        for row in (fires, {**fires, "revision": 2, "value": 0.5}, alert("lost", "resolved", 3, fires["starts_at"]),
                    alert("lost", "firing", 4)):
            job.produce("alerts", [row])
            said += until_end(job, *arguments)
        assert hook.told == [("lost", "firing", 1), ("lost", "resolved", 3), ("lost", "firing", 4)]
        for request in hook.requests:
            assert request.headers["webhook-signature"] == request.signature()
            assert request.headers["content-type"] == "application/json"
        assert len({request.headers["webhook-id"] for request in hook.requests}) == 3
        first = hook.requests[0].json
        assert first["type"] == "alert.firing"
        assert first["data"]["labels"] == {"dimension": "all", "value": "all"}
        assert first["data"]["alert"] == fires["alert_id"]
        assert "hidden" not in said


def test_a_restart_tells_nothing_twice(tmp_path):
    job = job_in(tmp_path)
    with Webhook().start() as hook:
        arguments = arguments_of(tmp_path, webhook=hook.url)
        job.produce("alerts", [alert("lost"), alert("late")])
        with Run(job, *arguments) as run:
            run.wait_log("alert_told", "lost")
            run.wait_log("alert_told", "late")
            run.stop()
        job.produce("alerts", [alert("altered")])
        until_end(job, *arguments)
        until_end(job, *arguments)
        assert sorted(hook.told[:2]) + hook.told[2:] == [
            ("late", "firing", 1), ("lost", "firing", 1), ("altered", "firing", 1)]


@pytest.mark.parametrize("crash", ["processed:2", "block:2", "committed:2", "processed:3", "committed:3",
                                   "committed:5"])
def test_kill_9_loses_nothing_and_repeats_under_the_same_id_only(tmp_path, crash):
    job, names = job_in(tmp_path), [f"rule{i}" for i in range(30)]
    with Webhook().start() as hook:
        arguments = arguments_of(tmp_path, webhook=hook.url)
        job.produce("alerts", map(alert, names))
        job.run_killed(*arguments, point=crash)
        until_end(job, *arguments)
        ids = {request.headers["webhook-id"]: request.what[0] for request in hook.requests}
        assert sorted(ids.values()) == sorted(names)
        assert taken(job) == sorted(names)
        told = len(hook.told)
        until_end(job, *arguments)
        assert len(hook.told) == told


def test_a_kill_before_a_good_answer_repeats_it_under_the_same_id(tmp_path):
    job = job_in(tmp_path)
    statuses = [500, 500, 500]
    with Webhook(lambda request: statuses.pop() if statuses else 200).start() as hook:
        arguments = arguments_of(tmp_path, webhook=hook.url)
        job.produce("alerts", [alert("lost")])
        with Run(job, *arguments) as run:
            hook.wait(1)
            run.kill()
        until_end(job, *arguments)
        assert set(hook.told) == {("lost", "firing", 1)} and len(hook.told) == 4
        assert len({request.headers["webhook-id"] for request in hook.requests}) == 1
        assert taken(job) == ["lost"]


def test_a_webhook_that_is_away_holds_up_nothing_and_gets_all_once_it_is_back(tmp_path):
    job, names = job_in(tmp_path), [f"rule{i:02}" for i in range(20)]
    with Webhook() as away, Webhook().start() as there:
        arguments = arguments_of(tmp_path, webhook=f"{away.url}, {there.url}")
        job.produce("alerts", map(alert, names))
        with Run(job, *arguments) as run:
            run.wait_log("receiver_fails", away.address)
            for name in names:
                run.wait_log("alert_told", there.address, name)
            run.stop()
        job.produce("alerts", [alert("rule00", "resolved", 2)])
        with Run(job, *arguments) as run:
            run.wait_log("alert_told", there.address, "rule00")
            away.start()
            for name in names:
                run.wait_log("alert_told", away.address, name)
            run.stop()
        # What changed twice while it was away it hears of as it stands now.
        assert sorted(away.told) == [("rule00", "resolved", 2)] + [(name, "firing", 1) for name in names[1:]]
        assert len(there.told) == 21
        until_end(job, *arguments)
        assert len(away.told) == 20 and len(there.told) == 21


def test_a_webhook_that_does_not_answer_holds_up_no_other(tmp_path):
    job = job_in(tmp_path)
    with Webhook() as silent, Webhook().start() as there:
        silent.socket.listen(8)
        arguments = arguments_of(tmp_path, webhook=f"{silent.url},{there.url}", timeout="500ms")
        for row in alert("lost"), alert("late"):
            job.produce("alerts", [row])
            with Run(job, *arguments) as run:
                run.wait_log("alert_told", there.address)
                run.wait_log("receiver_fails", "timed out")
                run.stop()
        assert there.told == [("lost", "firing", 1), ("late", "firing", 1)]


def test_what_is_refused_is_not_sent_again_and_said(tmp_path):
    job = job_in(tmp_path)
    with Webhook(lambda request: 422 if request.what[0] == "lost" else 200).start() as hook:
        arguments = arguments_of(tmp_path, webhook=hook.url)
        job.produce("alerts", [alert("lost"), alert("late")])
        said = until_end(job, *arguments)
        assert sorted(hook.told) == [("late", "firing", 1), ("lost", "firing", 1)]
        assert "alert_refused" in said and "status 422" in said
        job.produce("alerts", [alert("lost", "resolved", 2)])
        until_end(job, *arguments)
        assert hook.told[2:] == [("lost", "resolved", 2)]


def test_a_run_with_an_end_says_what_it_could_not_tell_and_the_next_one_does(tmp_path):
    job = job_in(tmp_path)
    with Webhook() as hook:
        arguments = arguments_of(tmp_path, webhook=hook.url)
        job.produce("alerts", [alert("lost"), alert("late")])
        said = until_end(job, *arguments, "--set", "operators.sink.drain=300ms")
        assert "undelivered" in said and hook.address in said
        hook.start()
        until_end(job, *arguments)
        assert sorted(hook.told) == [("late", "firing", 1), ("lost", "firing", 1)]


def test_what_was_over_for_long_before_the_first_run_is_told_to_nobody(tmp_path):
    job = job_in(tmp_path)
    with Webhook().start() as hook:
        starts_at = alert("lost")["starts_at"] - 3_600_000
        job.produce("alerts", [alert("lost", "firing", 1, starts_at),
                               alert("lost", "resolved", 2, starts_at, ends_at=starts_at + 1000),
                               alert("late", "resolved", 2, starts_at, ends_at=starts_at + 1000), alert("altered")])
        until_end(job, *arguments_of(tmp_path, webhook=hook.url))
        assert ("altered", "firing", 1) in hook.told and "late" not in {name for name, _, _ in hook.told}
        assert ("lost", "firing", 1) not in hook.told


def test_a_certificate_is_checked(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "30", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "certificate"], check=True, capture_output=True)
    job = job_in(tmp_path)
    with Webhook().start(tmp_path / "certificate", tmp_path / "key") as hook:
        job.produce("alerts", [alert("lost")])
        with Run(job, *arguments_of(tmp_path, webhook=hook.url)) as run:
            run.wait_log("receiver_fails", "certificate")
            run.stop()
        assert hook.told == []
        until_end(job, *arguments_of(tmp_path, webhook=hook.url, tls_ca=tmp_path / "certificate"))
        assert hook.told == [("lost", "firing", 1)]


def test_each_change_of_state_is_a_line_in_the_log(tmp_path):
    job, fires = job_in(tmp_path), alert("lost")
    job.produce("alerts", [fires])
    said = until_end(job, *arguments_of(tmp_path))
    assert len(re.findall(r' warn alert_firing name="lost" severity=page value=0.25', said)) == 1
    job.produce("alerts", [{**fires, "revision": 2, "value": 0.5}, alert("lost", "resolved", 3, fires["starts_at"])])
    said = until_end(job, *arguments_of(tmp_path))
    assert "alert_firing" not in said and len(re.findall(r' warn alert_resolved name="lost"', said)) == 1


@pytest.mark.parametrize("options, message", [
    ({"log": "false"}, "no receiver is configured"),
    ({"webhook": "http://127.0.0.1:1/x", "webhook_secret_file": None}, "webhook needs webhook_secret_file"),
    ({"webhook": "ftp://example.com/secret-path"}, "webhook: URL 1 is none"),
    ({"webhook": "https://me:secret-path@example.com/"}, "URL 1 holds a password"),
    ({"alertmanager": "http://127.0.0.1:1,http://127.0.0.1:1/"}, "is listed twice"),
])
def test_wrong_options_are_said_without_secrets(tmp_path, options, message):
    done = job_in(tmp_path).call("run", "--until-end", *arguments_of(tmp_path, **options), status=None)
    assert done.returncode != 0 and message in done.stderr
    assert "secret-path" not in done.stderr.replace(str(tmp_path), "")
