"""Every command on a real broker, what it refuses, and that secrets stay secret."""

import json
import re
import signal
import time

import confluent_kafka.admin
import pytest

from tests.flow.test_commands import by_id, click, damaged, impression, raw_values
from tests.kafka import cluster, feed


@pytest.fixture
def job(make_job):
    return make_job()


# ---- topics ----


def test_a_run_without_topics_names_the_command_that_creates_them(make_job):
    job = make_job(create=False)
    errors = job.call("run", "--until-end", status=1).stderr
    assert f"isotope topics {job.topology} --create" in errors
    job.create_topics()
    job.call("run", "--until-end")


def test_topics_are_created_once_and_listed(job):
    job.create_topics()
    job.produce("impressions", [impression(number) for number in range(20)])
    rows = [json.loads(line) for line in job.call("topics", "--json").stdout.splitlines()]
    ours = [row for row in rows if row["topic"] == job.topic("impressions")]
    assert [row["partition"] for row in ours] == [0, 1, 2, 3]
    assert sum(row["last_offset"] - row["first_offset"] + 1 for row in ours) >= 20
    listed = job.broker.tool("TopicCommand", "--describe", "--topic", job.journal).decode()
    assert "PartitionCount: 4" in listed and "cleanup.policy=delete" in listed and "retention.ms=-1" in listed


def listed_records(job, *arguments):
    rows = map(json.loads, job.call("topics", "--json", "--total", *arguments).stdout.splitlines())
    return {row["topic"]: row["records"] for row in rows}


def test_topics_counts_records_and_not_the_markers_of_transactions(job):
    for number in range(3):
        job.produce("impressions", [impression(number * 10 + more) for more in range(10)])
        job.call("run", "--until-end")
    records = listed_records(job)
    assert records[job.topic("impressions")] == 30
    assert records[job.topic("outcomes")] == len(job.outcomes()) == 30
    assert records[job.journal] == len(job.messages(job.journal)) > 0
    assert records[job.topic("engagements")] == 0


def test_topics_says_how_many_records_there_are_at_most_where_counting_takes_long(make_job):
    job = make_job(partitions=1, scores=False)
    feed.produce(job, 0, 100_001)
    assert listed_records(job)[job.topic("impressions")] is None
    table = job.call("topics", "--total").stdout
    assert re.search(rf"^{job.topic('impressions')} +1 +<=100001 ", table, flags=re.M), table
    assert listed_records(job, "--count")[job.topic("impressions")] == 100_001


@pytest.mark.parametrize("topic", ("engagements", "outcomes"))
def test_a_topic_with_another_count_of_partitions_is_refused(make_job, topic):
    job = make_job(create=False)
    admin = job.broker.admin()
    admin.create_topics([confluent_kafka.admin.NewTopic(job.topic(topic), 3, 1)])[job.topic(topic)]\
        .result(cluster.TIMEOUT_S)
    errors = job.call("topics", "--create", status=1).stderr + job.call("run", "--until-end", status=1).stderr
    assert job.topic(topic) in errors and re.search(r"\b3\b.*\b4\b|\b4\b.*\b3\b", errors)


# ---- produce, consume, deadletter, state ----


def test_what_is_produced_is_consumed(job):
    assert job.produce("impressions", [impression(number) for number in range(50)]).stderr.startswith("50 records to ")
    rows = job.rows("impressions", "--with-metadata")
    assert by_id([row["value"] for row in rows]) == by_id(job.rows("impressions"))
    assert {(row["key"], row["partition"]) for row in rows} == \
        {(message.key().decode(), message.partition()) for message in job.messages("impressions")}
    assert len(job.rows("impressions", "--from", 3, "--partition", 0)) < len(job.rows("impressions", "--partition", 0))
    assert job.rows("impressions", "--from", "end") == [] and len(job.rows("impressions", "--max", 7)) == 7


def test_consume_follows_a_topic_until_it_is_stopped(job):
    tail = job.start("consume", job.topic("impressions"), "--from", "beginning")
    job.produce("impressions", [impression(1)])
    assert json.loads(tail.stdout.readline())["impression_id"] == "i1"
    job.produce("impressions", [impression(2)])
    assert json.loads(tail.stdout.readline())["impression_id"] == "i2"
    tail.send_signal(signal.SIGTERM)
    assert tail.communicate(timeout=cluster.TIMEOUT_S) == ("", "")


def test_a_bad_line_leaves_nothing_behind(job):
    job.produce("impressions", [impression(1)], status=0)
    job.call("produce", job.topic("impressions"), given=json.dumps(impression(2)) + "\n{}\n", status=1)
    assert len(job.rows("impressions")) == 1
    assert len(job.messages("impressions")) == 1


def test_what_cannot_be_processed_is_a_dead_letter_that_can_be_replayed(job):
    job.produce("impressions", [impression(number) for number in range(10)])
    values = raw_values(SameTopics(job), "impressions")
    job.call("produce", job.topic("impressions"), "--raw", given=f"i99\t{damaged(values[0])}\n")
    job.call("run", "--until-end")
    assert len(job.outcomes()) == 10
    listed = [json.loads(line) for line in job.call("deadletter", "list", "--json", "--topic", job.topic("impressions"))
              .stdout.splitlines()]
    assert [letter["operator"] for letter in listed] == [job.operator]
    assert job.topic("impressions") in job.call("deadletter", "show", listed[0]["id"]).stdout
    job.call("deadletter", "replay", "--topic", job.topic("impressions"))
    job.call("run", "--until-end")
    assert len(job.outcomes()) == 10 and len(job.messages("impressions")) == 12


class SameTopics:
    """A job whose commands take short names of topics too."""

    def __init__(self, job):
        self.job = job

    def call(self, name, topic, *arguments, **rest):
        return self.job.call(name, self.job.topic(topic), *arguments, **rest)


def test_state_shows_what_an_operator_keeps(job):
    job.produce("impressions", [impression(number) for number in range(10)])
    job.produce("engagements", [click(3)])
    job.call("run", "--until-end")
    entries = [json.loads(line) for line in job.call("state", job.operator).stdout.splitlines()]
    assert sorted(entry["key"] for entry in entries) == [f"i{number}" for number in range(10)]
    assert "i3" in job.call("state", job.operator, "i3").stdout


# ---- runs and groups ----


def test_a_bounded_run_is_refused_while_another_process_runs_the_same_operator(job, tmp_path):
    job.produce("impressions", [impression(1)])
    process = job.start("run")
    cluster.wait_until(lambda: job.broker.group_members(job.group) == 1, "the first member")
    errors = job.beside(tmp_path / "other").call("run", "--until-end", status=1).stderr
    assert job.group in errors and "running elsewhere" in errors
    process.terminate()
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == 0, errors
    job.beside(tmp_path / "other").call("run", "--until-end")
    assert len(job.outcomes()) == 1


def test_a_job_that_is_idle_shows_no_lag_to_kafkas_own_tool(job):
    """Of inputs and journals: behind the last record, markers of transactions have offsets, and so has what was
    aborted, which comes here when all has been read and committed."""
    process = job.start("run", "--log-level", "warn")
    job.produce("impressions", [impression(number) for number in range(40)])
    job.produce("engagements", [click(number) for number in range(40)])
    cluster.wait_until(lambda: job.positions(job.operator, "engagements", 4) >= 40, "all is read")
    writer = job.broker.producer(**{"transactional.id": job.name})
    writer.init_transactions()
    writer.begin_transaction()
    for partition in range(4):
        writer.produce(job.topic("impressions"), b"aborted", b"key", partition)
    writer.flush()
    writer.abort_transaction()
    inputs = {name: job.ends(name, 4) for name in ("impressions", "engagements")}
    cluster.wait_until(lambda: all(job.committed(job.operator, name, 4) == ends for name, ends in inputs.items()),
                       f"positions at {inputs}", every_s=0.5)
    process.terminate()
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == 0, errors
    table = job.broker.tool("ConsumerGroupCommand", "--describe", "--group", job.group).decode()
    rows = [line.split() for line in table.splitlines() if line.startswith(job.group + " ")]
    assert {row[1] for row in rows} >= {job.topic("impressions"), job.topic("engagements"), job.journal}, table
    assert {row[5] for row in rows} == {"0"}, table


def test_a_group_that_was_deleted_changes_nothing(make_job):
    """Positions are the journal's: a broker forgets those of a group that was not there for a week."""
    job = make_job(scores=False)
    feed.produce(job, 0, 1_000)
    job.call("run", "--until-end")
    out = job.broker.tool("ConsumerGroupCommand", "--delete", "--group", job.group).decode()
    assert "successful" in out
    count = feed.produce(job, 1_000, 2_000)
    done = job.call("run", "--until-end")
    assert re.search(rf"^{job.operator}: {count:,} in, ", done.stderr, re.M), done.stderr
    feed.assert_once(job, 2_000)


# ---- secrets ----


SOON_S = 15
LOGIN = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": cluster.USER}


@pytest.mark.parametrize("kind", ("ENV", "FILE"))
def test_a_secret_comes_from_the_environment_or_a_file(make_job, broker, tmp_path, monkeypatch, kind):
    (tmp_path / "password").write_text(f"{cluster.PASSWORD}\n", encoding="utf-8")
    monkeypatch.setenv("TEST_PASSWORD", cluster.PASSWORD)
    value = "${ENV:TEST_PASSWORD}" if kind == "ENV" else f"${{FILE:{tmp_path}/password}}"
    job = make_job(address=broker.login, log={**LOGIN, "sasl.password": value})
    job.produce("impressions", [impression(1)])
    done = job.call("run", "--until-end", "--log-level", "debug")
    assert len(job.rows("impressions")) == 1 and len(job.messages("outcomes")) == 1
    assert cluster.PASSWORD not in done.stderr


@pytest.mark.parametrize("value, message", [("wrong-word-in-plain", "uthentication"),
                                            ("${ENV:ISOTOPE_NO_SUCH_VARIABLE}", "ISOTOPE_NO_SUCH_VARIABLE"),
                                            ("${FILE:/nowhere/password}", "/nowhere/password")])
def test_a_wrong_secret_is_refused_without_being_said(make_job, broker, value, message):
    job = make_job(address=broker.login, create=False, log={**LOGIN, "sasl.password": value})
    began = time.monotonic()
    done = job.call("run", "--until-end", "--log-level", "debug", status=1)
    assert message in done.stderr
    assert time.monotonic() - began < SOON_S, "it is said soon"
    assert "wrong-word" not in done.stderr + done.stdout
