"""Stops at random moments while what the embedded log's runs send to is away. tests/kafka/test_stops.py has those of a
broker that is away."""

import signal

import pytest

from tests.flow import alerts, redis_server
from tests.flow.feature_feed import feed
from tests.flow.job import Job, under_the_thread_sanitizer
from tests.flow.stops import Stops
from tests.flow.test_feature_sink import TOPOLOGY, arguments_of, check

JOBS = 3


@pytest.fixture(autouse=True)
def not_under_the_thread_sanitizer():
    """It holds a signal back until the thread that got it makes a call that it sees: a thread of RocksDB's, whose calls
    it is told to pass over (tests/suppressions/tsan.supp), makes none."""
    if under_the_thread_sanitizer():
        pytest.skip("the thread sanitizer may hold signals back for ever")


@pytest.fixture
def servers():
    started = [redis_server.Server().__enter__() for _ in range(JOBS)]
    yield started
    for server in started:
        server.process.send_signal(signal.SIGCONT)
        server.__exit__()


def freeze(server):
    server.process.send_signal(signal.SIGSTOP)


def thaw(server):
    server.process.send_signal(signal.SIGCONT)


AWAY = {"silent": (freeze, thaw), "gone": (redis_server.Server.kill, redis_server.Server.start)}


@pytest.mark.parametrize("how", AWAY)
def test_a_stop_while_redis_is_away(tmp_path, servers, how):
    """In the middle of the work, and at a start that finds it away. `silent` takes connections and says nothing."""
    go, come_back = AWAY[how]
    jobs = [(Job(tmp_path / f"{number}", TOPOLOGY), server) for number, server in enumerate(servers)]
    rows = [feed(number, count=3_500) for number in range(JOBS)]
    with Stops(tmp_path, how) as stops:
        for (job, _), fed in zip(jobs, rows):
            job.produce("engagements", fed[:3_000])
        runs = [stops.start(job, *arguments_of(server)) for job, server in jobs]
        for (_, server), run in zip(jobs, runs):
            while int(server.ask("DBSIZE")) == 0:
                assert run.process.poll() is None, run.text()
            go(server)
        stops.stop(f"Redis is {how}, at work", runs, 2)
        for (job, _), fed in zip(jobs, rows):
            job.produce("engagements", fed[3_000:])
        runs = [stops.start(job, *arguments_of(server)) for job, server in jobs]
        stops.stop(f"Redis is {how}, at the start", runs, 2)
        assert stops.count == 2 * JOBS
    for (job, server), fed in zip(jobs, rows):
        come_back(server)
        job.call("run", "--until-end", *arguments_of(server))
        check(server, job, fed)


def test_a_stop_while_who_receives_alerts_is_away(tmp_path):
    """Nobody listens; one listens and does not answer."""
    with Stops(tmp_path, "alerts") as stops, alerts.Webhook() as gone, alerts.Webhook() as silent:
        silent.socket.listen()
        jobs = []
        for number, hook in enumerate((gone, gone, silent, silent)):
            (tmp_path / f"{number}").mkdir()
            job = alerts.job_in(tmp_path / f"{number}")
            job.produce("alerts", [alerts.alert(f"a{number}-{more}") for more in range(20)])
            jobs.append((job, alerts.arguments_of(tmp_path / f"{number}", webhook=hook.url)))
        for what, within_s in (("a start", 0.5), ("a while", 2)):
            stops.stop(f"receivers of alerts are away, {what}",
                       [stops.start(job, *arguments) for job, arguments in jobs], within_s)
        assert stops.count == 8
        with alerts.Webhook() as well:
            well.start()
            for number, (job, _) in enumerate(jobs):
                job.call("run", "--until-end", *alerts.arguments_of(tmp_path / f"{number}", webhook=well.url))
            assert {name for name, _, _ in well.told} == \
                {f"a{number}-{more}" for number in range(len(jobs)) for more in range(20)}
