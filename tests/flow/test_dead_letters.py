"""Dead letters on the embedded log: whose topic they are, what is kept when an operator stops, and how it goes on."""

import json

import pytest

from tests.flow.job import Job

START = 1_700_000_000_000


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "data")


def impression(number):
    return {"impression_id": f"i{number}", "user_id_token": "u", "item_id": "x", "position": 0,
            "shown_at": START + number, "source": "ranked"}


def rubbish(job, count):
    """On the partition of i0."""
    job.call("produce", "impressions", "--raw", given="i0\tAAAA\n" * count)


def stops(job):
    """What a run says that stops for too many dead letters."""
    words = job.call("run", "--until-end", status=1).stderr
    return next(line for line in words.splitlines() if line.startswith("isotope run:"))


def topics(job):
    return {json.loads(line)["topic"] for line in job.call("topics", "--json", "--total").stdout.splitlines()}


def test_an_operator_that_stops_keeps_what_it_has_done_and_stops_again_with_the_same_words(job):
    job.produce("impressions", [impression(0)])
    rubbish(job, 150)
    first = stops(job)
    assert "operator join stops: 101 of the last 102 records of topic impressions" in first
    assert "deadletter TOPOLOGY pass join" in first
    assert len(job.dead_letters()) == 100
    assert stops(job) == first
    assert len(job.dead_letters()) == 100


@pytest.mark.parametrize("named", (["join"], []))
def test_pass_goes_on_past_what_is_there_and_what_comes_later_counts(job, named):
    rubbish(job, 350)
    stops(job)
    done = job.call("deadletter", "pass", *named)
    assert "operator join goes on past all that its topics hold by now" in done.stderr and done.stdout == ""
    job.call("run", "--until-end")
    assert len(job.dead_letters()) == 350
    rubbish(job, 150)
    assert "101 of the last 101 records" in stops(job)
    assert len(job.dead_letters()) == 450
    job.call("deadletter", "pass", "join")
    job.call("run", "--until-end")
    assert len(job.dead_letters()) == 500


def test_pass_names_an_operator_that_is_not_there(job):
    job.produce("impressions", [])
    assert 'no operator "jion"; did you mean "join"?' in job.call("deadletter", "pass", "jion", status=1).stderr


def test_the_topic_is_the_applications_own(job):
    rubbish(job, 1)
    job.call("run", "--until-end")
    assert "dead_letters" in topics(job) and "engagement.dead_letters" not in topics(job)
    assert len(job.rows("dead_letters")) == len(job.rows("engagement.dead_letters")) == 1
    assert "topic 'another.dead_letters' does not exist" in \
        job.call("consume", "dead_letters", "--until-end", "--set", "name=another", status=1).stderr


def test_letters_of_a_topic_that_is_shared_are_found_by_its_name(job):
    shared = ["--set", "topics.dead_letters.name=dead_letters"]
    rubbish(job, 2)
    job.call("run", "--until-end", *shared)
    assert job.rows("dead_letters") == [] and len(job.rows("dead_letters", *shared)) == 2
    assert "1 dead letters replayed\n" in job.call("deadletter", "replay", "0:0", *shared).stderr
    job.call("run", "--until-end")
    letter, = [json.loads(line) for line in job.call("deadletter", "list", "--json").stdout.splitlines()]
    assert letter["id"] == "0:0" and not letter["replayed"]


def test_show_decodes_what_decodes(job):
    job.produce("impressions", [impression(1)])
    value = job.call("consume", "impressions", "--until-end", "--raw").stdout.strip()
    job.call("produce", "impressions", "--raw", given=f"another\t{value}\nk\tAAAA\n")
    job.call("run", "--until-end")
    ids = {letter["key"]: letter["id"] for letter in
           map(json.loads, job.call("deadletter", "list", "--json").stdout.splitlines())}
    shown = job.call("deadletter", "show", ids["another"]).stdout
    row = json.loads(next(line for line in shown.splitlines() if line.startswith("    json "))[len("    json "):])
    assert row["impression_id"] == "i1" and f"base64  {value}" in shown
    damaged = job.call("deadletter", "show", ids["k"]).stdout
    assert "    json" not in damaged and "00 00 00" in damaged and "base64  AAAA" in damaged
