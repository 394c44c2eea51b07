"""The program as a user calls it: every command, what it prints where, and its exit status."""

import base64
import datetime
import json
import os
import pty
import re
import signal
import subprocess

import pytest

from tests.flow.job import ISOTOPE, ROOT, TIMEOUT_S, TOPOLOGY, Job, lines_of

COMMANDS = ("validate", "run", "produce", "consume", "topics", "deadletter", "state", "operators", "version")
START_MS = 1767225600000  # 2026-01-01T00:00:00Z


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "data")


def isotope(*arguments, status=0):
    done = subprocess.run([ISOTOPE, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def impression(number, **rest):
    return {"impression_id": f"i{number}", "user_id_token": f"u{number % 10}", "item_id": f"v{number % 100}",
            "position": number % 5, "shown_at": START_MS + number * 10, "source": "ranked", **rest}


def click(number, **rest):
    return {"engagement_id": f"e{number}", "impression_id": f"i{number}", "user_id_token": f"u{number % 10}",
            "item_id": f"v{number % 100}", "action": "click", "occurred_at": START_MS + number * 10 + 500, **rest}


def score(number):
    return {"impression_id": f"i{number}", "model_version": "m", "predicted_watch_seconds": 1.0,
            "predicted_engage_prob": 0.5, "scored_at": START_MS + number * 10}


def by_id(rows):
    return sorted(rows, key=lambda row: int(row["impression_id"][1:]))


def raw_values(job, topic):
    return job.call("consume", topic, "--until-end", "--raw").stdout.split()


def damaged(value):
    """A value that cannot decode: its end is missing."""
    return base64.b64encode(base64.b64decode(value)[:-3]).decode()


# ---- help and wrong usage ----


@pytest.mark.parametrize("command", COMMANDS)
def test_help_goes_to_standard_output_and_succeeds(command):
    done = isotope(command, "--help")
    assert done.stdout.startswith(f"isotope {command} ")
    assert "--log-level" in done.stdout and "--help" in done.stdout
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_help_lists_every_command():
    done = isotope("--help")
    assert all(re.search(rf"^  {command}\b", done.stdout, re.M) for command in COMMANDS)


def test_no_command_is_wrong_usage():
    done = isotope(status=2)
    assert done.stdout == "" and "Commands:" in done.stderr


@pytest.mark.parametrize("arguments, message", [
    (["prodce"], 'there is no command "prodce"; did you mean "produce"?'),
    (["consume", TOPOLOGY], "expected TOPOLOGY TOPIC"),
    (["consume", TOPOLOGY, "outcomes", "--form", "end"], "there is no option --form; did you mean --from?"),
    (["consume", TOPOLOGY, "outcomes", "--from", "yesterday"], "expected beginning, end, an offset such as 1000, or a"),
    (["consume", TOPOLOGY, "outcomes", "--max", "0"], "--max is 0; expected at least 1"),
    (["run", TOPOLOGY, "--for", "20"], "a duration such as"),
    (["run", TOPOLOGY, "--operators", ","], 'expected names of operators'),
    (["run", TOPOLOGY, "--until-end=yes"], "--until-end takes no value"),
    (["deadletter", TOPOLOGY, "reply"], 'expected list, show, replay or pass; did you mean "replay"?'),
    (["deadletter", TOPOLOGY, "show"], "show needs the ID of a letter"),
    (["deadletter", TOPOLOGY, "show", "17"], "expected partition:offset"),
    (["state", TOPOLOGY, "join", "key", "--summary"], "--summary takes no KEY"),
    (["version", "--data-dir", "x"], "there is no option --data-dir"),
    (["produce", TOPOLOGY, "impressions", "--set", "x"], "expected path.to.key=value"),
])
def test_wrong_usage_says_what_was_expected(arguments, message):
    done = isotope(*arguments, status=2)
    assert message in done.stderr
    assert done.stdout == ""


def test_version():
    assert re.match(r"isotope \d+\.\d+\.\d+\n", isotope("version").stdout)
    assert isotope("--version").stdout == isotope("version").stdout
    assert "rocksdb" in isotope("version").stdout


# ---- validate ----


def test_validate_says_ok(job):
    done = job.call("validate")
    assert done.stdout == ""
    assert re.fullmatch(r"ok: engagement, \d+ topics, 1 operators\n", done.stderr)
    assert not job.directory.exists()


def test_validate_prints_the_graph(job):
    graph = job.call("validate", "--graph").stdout
    assert re.search(r"^join \(engagement_join, 4 tasks\)$", graph, re.M)
    assert re.search(r"^ +impressions +<- impressions, 4 partitions, by impression_id$", graph, re.M)
    assert re.search(r"^ +outcomes +-> outcomes", graph, re.M)


def test_validate_names_every_problem(job):
    done = job.call("validate", "--set", "operators.join.windw=1min", "--set", "guarantee=twice", status=1)
    assert done.stdout == ""
    assert "windw" in done.stderr and "twice" in done.stderr
    assert "has 2 problems" in done.stderr.splitlines()[-1]


def test_a_topology_that_is_not_there(job):
    job.topology = job.directory / "none.yaml"
    for command in (["validate"], ["run"], ["topics"], ["consume", "outcomes"], ["produce", "impressions"]):
        assert "none.yaml" in job.call(*command, status=1).stderr


# ---- produce and consume ----


def test_what_is_produced_is_consumed_with_defaults_filled_in(job):
    done = job.produce("impressions", [impression(1), impression(2, shown_at="2026-01-01T01:00:00.250+01:00")])
    assert done.stdout == ""
    assert done.stderr == "2 records to impressions\n"
    first, second = by_id(job.rows("impressions"))
    assert list(first)[:4] == ["impression_id", "request_id", "user_id_token", "item_id"]
    assert first["explore_kind"] == "none" and first["sampled_pct"] == 1 and first["propensity"] is None
    assert second["shown_at"] == START_MS + 250


def test_produce_reads_a_file(job, tmp_path):
    (tmp_path / "i.ndjson").write_text("\n" + lines_of([impression(1)]).rstrip("\n"))
    job.call("produce", "impressions", tmp_path / "i.ndjson")
    assert len(job.rows("impressions")) == 1
    assert "No such file" in job.call("produce", "impressions", tmp_path / "none", status=1).stderr


@pytest.mark.parametrize("line, message", [
    (json.dumps(impression(2, postion=3)), 'did you mean "position"?'),
    (json.dumps(impression(2, source="rankd")), "source"),
    (json.dumps({"impression_id": "i2"}), "user_id_token"),
    ("{", ""),
    ("[]", ""),
])
def test_a_bad_line_is_named_and_nothing_is_appended(job, tmp_path, line, message):
    (tmp_path / "i.ndjson").write_text(lines_of([impression(1)]) + line + "\n" + lines_of([impression(3)]))
    done = job.call("produce", "impressions", tmp_path / "i.ndjson", status=1)
    assert f"{tmp_path}/i.ndjson:2: " in done.stderr and message in done.stderr
    assert "nothing was written to impressions" in done.stderr
    assert job.rows("impressions") == []


def test_bad_lines_can_be_passed_over(job):
    done = job.call("produce", "impressions", "--skip-bad",
                    given="{}\n" + lines_of([impression(1)]) + "x\n" + lines_of([impression(2)]))
    assert "standard input:1: " in done.stderr and "standard input:3: " in done.stderr
    assert done.stderr.endswith("2 records to impressions, 2 bad lines skipped\n")
    assert len(job.rows("impressions")) == 2


def test_a_bad_line_far_in_says_where_to_go_on(job):
    rows = [impression(number) for number in range(10500)]
    done = job.call("produce", "impressions", given=lines_of(rows[:10200]) + "x\n" + lines_of(rows[10200:]), status=1)
    assert "standard input:10201: " in done.stderr
    assert "10000 records, up to line 10000, were written" in done.stderr and "tail -n +10001" in done.stderr
    assert len(job.rows("impressions")) == 10000


def test_an_unknown_topic_is_refused_with_the_closest(job):
    for command in ("produce", "consume"):
        assert 'has no topic "impresions"; did you mean "impressions"?' in \
            job.call(command, "impresions", status=1).stderr


def test_metadata(job):
    before = datetime.datetime.now().timestamp() * 1000 - 1
    job.produce("impressions", [impression(number) for number in range(20)])
    rows = job.rows("impressions", "--with-metadata")
    assert list(rows[0]) == ["topic", "partition", "offset", "timestamp", "key", "value"]
    assert all(row["topic"] == "impressions" and row["key"] == row["value"]["impression_id"] for row in rows)
    assert all(before <= row["timestamp"] <= before + TIMEOUT_S * 1000 for row in rows)
    places = [(row["partition"], row["offset"]) for row in rows]
    assert places == sorted(places) and len({partition for partition, _ in places}) == 4
    assert all(offset == [p for p, _ in places[:index]].count(partition)
               for index, (partition, offset) in enumerate(places))


def test_the_same_key_is_always_on_the_same_partition(job):
    job.produce("impressions", [impression(1), impression(2)] * 5)
    places = {(row["key"], row["partition"]) for row in job.rows("impressions", "--with-metadata")}
    assert len(places) == 2


def test_consume_from_an_offset_a_time_and_the_end(job):
    job.produce("impressions", [impression(number) for number in range(8)])
    old = job.rows("impressions", "--with-metadata")
    job.produce("impressions", [impression(number) for number in range(8, 16)])
    new = [row for row in job.rows("impressions", "--with-metadata") if row not in old]
    assert len(new) == 8
    instant = datetime.datetime.fromtimestamp(min(row["timestamp"] for row in new) / 1000, datetime.timezone.utc)
    time = instant.isoformat(timespec="milliseconds")
    assert job.rows("impressions", "--from", time, "--with-metadata") == new
    assert [row["offset"] for row in job.rows("impressions", "--from", 1, "--with-metadata", "--partition", 0)][0] == 1
    assert job.rows("impressions", "--from", "end") == []
    assert job.rows("impressions", "--from", 1000000) == []


def test_consume_stops_after_max(job):
    job.produce("impressions", [impression(number) for number in range(50)])
    assert job.rows("impressions", "--max", 7) == job.rows("impressions")[:7]
    assert len(job.call("consume", "impressions", "--max", 7).stdout.splitlines()) == 7


def test_consume_refuses_a_partition_that_is_not_there(job):
    job.produce("impressions", [impression(1)])
    assert "has no partition 4; expected 0 to 3" in \
        job.call("consume", "impressions", "--partition", 4, "--until-end", status=1).stderr


def test_consume_follows_a_topic_until_it_is_stopped(job):
    job.produce("impressions", [impression(1)])
    tail = job.start("consume", "impressions", "--from", "beginning")
    assert json.loads(tail.stdout.readline())["impression_id"] == "i1"
    job.produce("impressions", [impression(2)])
    assert json.loads(tail.stdout.readline())["impression_id"] == "i2"
    tail.send_signal(signal.SIGTERM)
    rest, errors = tail.communicate(timeout=TIMEOUT_S)
    assert (tail.returncode, rest, errors) == (0, "", "")


def test_consume_ends_quietly_when_its_reader_goes(job):
    job.produce("impressions", [impression(number) for number in range(1000)])
    tail = job.start("consume", "impressions")
    tail.stdout.readline()
    tail.stdout.close()
    assert tail.wait(TIMEOUT_S) == 0
    assert tail.stderr.read() == ""


def test_a_full_disk_is_a_failure(job):
    job.produce("impressions", [impression(1)])
    with open("/dev/full", "w") as full:
        done = subprocess.run(job.command("consume", "impressions", "--until-end"), stdout=full, text=True,
                              stderr=subprocess.PIPE, timeout=TIMEOUT_S)
    assert done.returncode == 1 and "No space left on device" in done.stderr


# ---- raw ----


def test_raw_values_go_from_one_log_to_another(job, tmp_path):
    job.produce("impressions", [impression(number) for number in range(30)])
    other = Job(tmp_path / "other")
    other.call("produce", "impressions", "--raw", given="\n".join(raw_values(job, "impressions")))
    assert other.rows("impressions") == job.rows("impressions")
    assert [row["key"] for row in other.rows("impressions", "--with-metadata")] == \
        [row["key"] for row in job.rows("impressions", "--with-metadata")]


def test_raw_takes_a_key_and_bytes_that_do_not_decode(job):
    done = job.call("produce", "impressions", "--raw", given="some key\tAAEC\n//8=\n")
    assert done.stderr == "2 records to impressions\n"
    rows = job.rows("impressions", "--raw", "--with-metadata")
    assert sorted((row["value"], row["key"]) for row in rows) == [("//8=", None), ("AAEC", "some key")]


def test_raw_refuses_what_is_not_base64(job):
    assert "standard input:1: " in job.call("produce", "impressions", "--raw", given="!!\n", status=1).stderr


def test_consume_names_what_does_not_decode_and_goes_on(job):
    job.produce("impressions", [impression(1), impression(2)])
    good = raw_values(job, "impressions")
    job.call("produce", "impressions", "--raw", given=damaged(good[0]) + "\n")
    done = job.call("consume", "impressions", "--until-end", status=1)
    assert len(done.stdout.splitlines()) == 2
    assert re.search(r"impressions partition \d offset \d: ", done.stderr)
    assert "1 records of impressions do not decode; 2 were printed" in done.stderr


# ---- topics ----


def test_topics_counts_what_is_there(job):
    job.produce("impressions", [impression(number) for number in range(20)])
    rows = [json.loads(line) for line in job.call("topics", "--json").stdout.splitlines()]
    ours = [row for row in rows if row["topic"] == "impressions"]
    assert [row["partition"] for row in ours] == [0, 1, 2, 3]
    assert sum(row["records"] for row in ours) == 20
    assert all(row["first_offset"] == 0 and row["last_offset"] == row["records"] - 1 for row in ours)
    assert all(row["first_time"] <= row["last_time"] and row["bytes"] > 0 for row in ours)
    empty = [row for row in rows if row["topic"] == "outcomes"][0]
    assert empty["records"] == 0 and empty["first_time"] is None
    table = job.call("topics")
    assert table.stdout.splitlines()[0].split()[:3] == ["TOPIC", "PARTITION", "RECORDS"]
    assert re.search(r"^impressions +0 +\d+ +0 +\d+ +20\d\d-\d\d-\d\dT", table.stdout, re.M)
    assert [row["records"] for row in rows if row["topic"] == "engagement.join.journal"] == [0, 0, 0, 0]


def test_topics_adds_up_partitions_on_request(job):
    job.produce("impressions", [impression(number) for number in range(20)])
    each = [json.loads(line) for line in job.call("topics", "--json").stdout.splitlines()]
    totals = {row["topic"]: row for row in map(json.loads, job.call("topics", "--json", "--total").stdout.splitlines())}
    of_impressions = [row for row in each if row["topic"] == "impressions"]
    assert totals["impressions"]["partitions"] == len(of_impressions)
    for name in ("records", "bytes"):
        assert totals["impressions"][name] == sum(row[name] for row in of_impressions) > 0
    assert totals["impressions"]["last_time"] == max(row["last_time"] or 0 for row in of_impressions)
    assert totals["outcomes"]["first_time"] is None
    assert len(job.call("topics", "--total").stdout.splitlines()) == len(totals) + 1


@pytest.mark.parametrize("command", (["topics"], ["consume", "outcomes", "--until-end"], ["deadletter", "list"],
                                     ["state", "join"]))
def test_reading_where_nothing_is_fails_and_makes_nothing(job, command):
    assert job.call(*command, status=1).stderr.startswith(f"isotope {command[0]}: ")
    assert not job.directory.exists()


# ---- run ----


def test_run_until_end_joins_what_is_there(job):
    job.produce("impressions", [impression(number) for number in range(100)])
    job.produce("engagements", [click(number) for number in range(0, 100, 4)])
    done = job.call("run", "--until-end")
    assert done.stdout == ""
    assert re.search(r"^join: 125 in, 100 out, 0 dead letters in ", done.stderr, re.M)
    rows = by_id(job.rows("outcomes"))
    assert [row["engaged"] for row in rows] == [number % 4 == 0 for number in range(100)]
    assert all(row["final"] and row["revision"] == 1 for row in rows)


def test_a_run_that_keeps_open_says_what_is_pending_and_behind_what(job):
    job.produce("impressions", [impression(number) for number in range(100)])
    words = job.call("run", "--until-end", "--keep-open").stderr
    assert re.search(r"^join: 100 in, 0 out, 0 dead letters in [\d.]+s, 100 pending;", words, re.M)
    assert "kept open: input engagements has had no record in some task" in words and job.rows("outcomes") == []
    job.produce("engagements", [click(number) for number in range(0, 100, 4)])
    job.produce("ranker_scores", [score(number) for number in range(100)])
    words = job.call("run", "--until-end", "--keep-open").stderr
    assert re.search(r"kept open: input \w+ holds the watermark at 20\d\d-", words)
    job.call("run", "--until-end")
    assert [row["engaged"] for row in by_id(job.rows("outcomes"))] == [number % 4 == 0 for number in range(100)]


def test_keeping_open_is_for_bounded_runs(job):
    assert "--until-end is missing" in job.call("run", "--keep-open", status=2).stderr


def test_run_stops_when_its_time_is_over(job):
    assert re.search(r"^join: 0 in, 0 out, 0 dead letters in [\d.]+s;", job.call("run", "--for", "300ms").stderr, re.M)


def test_run_refuses_an_unknown_operator(job):
    assert 'has no operator "jion"; did you mean "join"?' in job.call("run", "--operators", "jion", status=1).stderr


def test_a_pipe_that_does_not_pause_is_committed_all_the_same(job):
    """Lines come faster than what counts as a pause, and far fewer than a whole transaction has."""
    job.produce("impressions", [])
    process = job.start("produce", "impressions", stdin=subprocess.PIPE)
    try:
        for number in range(5000):
            process.stdin.write(lines_of([impression(number)]))
            process.stdin.flush()
            if job.rows("impressions"):
                break
        else:
            pytest.fail("nothing was committed")
    finally:
        process.communicate(timeout=TIMEOUT_S)


@pytest.fixture
def running(job):
    """A job that has begun to work."""
    job.produce("impressions", [impression(1)])
    process = job.start("run", "--summary")
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith("join: "):
            break
    assert seen and seen[-1].startswith("join: "), "".join(seen)
    yield process
    process.kill()
    process.communicate()


def test_the_summary_has_rates_and_counters(running):
    line = running.stderr.readline()
    while not line.startswith("join: "):
        line = running.stderr.readline()
    assert re.match(r"join: [\d,]+/s in, [\d,]+/s out, lag \d+, watermark (-|\S+.* ago), 0 dead letters; \w+=", line)


def on_a_terminal(command):
    """What a command shows on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 4096):
            seen += part
    except OSError:  # how a terminal says that nobody writes to it any more
        pass
    os.close(ours)
    assert process.communicate(timeout=TIMEOUT_S)[0] == b"" and process.returncode == 0
    return seen


def test_the_summary_is_a_table_in_place_on_a_terminal(job):
    job.produce("impressions", [impression(1)])
    seen = on_a_terminal(job.command("run", "--summary", "--for", "1200ms"))
    assert seen.count(b"OPERATOR") >= 2 and re.search(rb"\r\x1b\[\d+A\x1b\[J", seen)
    assert b"join: 1 in, " in seen


def test_the_summary_fits_into_80_columns(job):
    job.produce("impressions", [impression(number) for number in range(2000)])
    longest = "a_join_with_a_long_name"
    words = job.topology.read_text().replace("\n  join:\n", f"\n  {longest}:\n")
    job.topology = job.directory.parent / "long.yaml"
    job.topology.write_text(f"schemas: {ROOT}/schemas\n{words}")
    seen = on_a_terminal(job.command("run", "--summary", "--until-end")).decode()
    assert f"{longest[:12]}~ " in seen and f"{longest}: 2,000 in" in seen
    assert max(len(line) for line in re.sub(r"\x1b\[\??\w+", "", seen).splitlines()) <= 80


@pytest.mark.parametrize("arguments, status", [
    (["run", "--until-end", "--summary"], 0),
    (["run", "--operators", "jon"], 1),
    (["validate", "--set", "operators.join.window=soon"], 1),
    (["validate"], 0),
    (["produce", "impressions"], 1),
    (["deadletter", "replay"], 0),
])
def test_json_is_all_that_standard_error_has_when_it_is_asked_for(job, arguments, status):
    done = job.call(*arguments, "--log-format", "json", "--log-level", "error", given='{"x":1}\n', status=status)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines and all({"time", "level", "event"} <= line.keys() for line in lines)
    if arguments[-1] == "--summary":
        assert lines[-1]["event"] == "totals"
        assert (lines[-1]["operator"], lines[-1]["in"], lines[-1]["dead_letters"]) == ("join", 0, 0)


def test_reading_commands_work_beside_a_running_job(job, running):
    assert len(job.rows("impressions")) == 1
    assert "impressions" in job.call("topics").stdout
    assert job.call("deadletter", "list").stdout.startswith("ID ")
    assert [json.loads(line)["key"] for line in job.call("state", "join").stdout.splitlines()] == ["i1"]
    assert running.poll() is None


@pytest.mark.parametrize("command", (["produce", "impressions"], ["run"], ["deadletter", "replay"],
                                     ["deadletter", "pass"]))
def test_a_second_writer_is_refused_by_the_first_ones_pid(job, running, command):
    assert str(running.pid) in job.call(*command, status=1).stderr
    assert running.poll() is None


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_a_signal_commits_and_ends_well(job, running, number):
    running.send_signal(number)
    _, errors = running.communicate(timeout=TIMEOUT_S)
    assert running.returncode == 0, errors
    assert re.search(r"^join: 1 in, ", errors, re.M)
    assert len(job.call("state", "join").stdout.splitlines()) == 1


# ---- dead letters ----


@pytest.fixture
def with_letters(job):
    """A job with a good record, two that do not decode, and their dead letters."""
    job.produce("impressions", [impression(1), impression(2), impression(3)])
    values = raw_values(job, "impressions")
    job.call("produce", "impressions", "--raw", given=f"k\t{damaged(values[0])}\n{damaged(values[1])}\n")
    job.call("run", "--until-end")
    return job


def letters(job, *arguments):
    return [json.loads(line) for line in job.call("deadletter", "list", "--json", *arguments).stdout.splitlines()]


def test_dead_letters_are_listed_with_their_reason(with_letters):
    listed = letters(with_letters)
    assert len(listed) == 2
    assert all(letter["operator"] == "join" and letter["topic"] == "impressions" and letter["reason"] and
               not letter["replayed"] for letter in listed)
    table = with_letters.call("deadletter", "list").stdout.splitlines()
    assert table[0].split()[0] == "ID" and [row.split()[0] for row in table[1:]] == [row["id"] for row in listed]
    assert letters(with_letters, "--operator", "other") == []
    assert len(letters(with_letters, "--topic", "impressions")) == 2


def test_one_dead_letter_is_shown_whole(with_letters):
    letter = next(letter for letter in letters(with_letters) if letter["key"] == "k")
    shown = with_letters.call("deadletter", "show", letter["id"]).stdout
    assert letter["reason"] in shown and letter["value_base64"] in shown
    assert re.search(r"^ +000000  c3 01 ", shown, re.M)
    assert "there is no dead letter 0:999" in with_letters.call("deadletter", "show", "0:999", status=1).stderr


def test_each_dead_letter_is_replayed_once(with_letters):
    job = with_letters
    first = letters(job)[0]
    before = len(raw_values(job, "impressions"))
    assert "1 dead letters replayed\n" in job.call("deadletter", "replay", first["id"]).stderr
    assert [letter["replayed"] for letter in letters(job)] == [True, False]
    assert "1 dead letters replayed, 1 were replayed before" in job.call("deadletter", "replay").stderr
    assert "0 dead letters replayed, 2 were replayed before" in job.call("deadletter", "replay").stderr
    assert "1 dead letters replayed\n" in job.call("deadletter", "replay", "--again", first["id"]).stderr
    assert "0 dead letters replayed\n" in job.call("deadletter", "replay", "--topic", "engagements").stderr
    assert len(raw_values(job, "impressions")) == before + 3
    again = [row for row in job.rows("impressions", "--raw", "--with-metadata", "--partition", first["partition"])
             if row["value"] == first["value_base64"]]
    assert len(again) == 3 and {row["key"] for row in again} == {first["key"]}


# ---- state ----


def test_state_shows_what_an_operator_remembers(job):
    job.produce("impressions", [impression(number) for number in range(10)])
    job.call("run", "--until-end")
    entries = [json.loads(line) for line in job.call("state", "join").stdout.splitlines()]
    assert sorted(entry["key"] for entry in entries) == sorted(f"i{number}" for number in range(10))
    assert list(entries[0]) == ["store", "key", "timer", "value"] and entries[0]["timer"] > START_MS
    one = job.call("state", "join", "i7").stdout
    assert [json.loads(one)] == [entry for entry in entries if entry["key"] == "i7"]
    assert 'has no entry "i77"' in job.call("state", "join", "i77", status=1).stderr
    assert 'has no operator "jion"; did you mean "join"?' in job.call("state", "jion", status=1).stderr


def test_state_summary_tells_where_each_task_stands(job):
    job.produce("impressions", [impression(number) for number in range(10)])
    job.call("run", "--until-end")
    text = job.call("state", "join", "--summary").stdout
    assert all(re.search(rf"^task {task}: ", text, re.M) for task in range(4))
    positions = [int(offset) for offset in re.findall(r"impressions <- impressions: next offset (\d+)", text)]
    assert len(positions) == 4 and sum(positions) == 10
    assert len(job.call("state", "join", "--summary", "--task", 2).stdout.splitlines()) < len(text.splitlines())
    assert "has no task 9; expected 0 to 3" in job.call("state", "join", "--task", 9, status=1).stderr


def test_a_journal_is_consumed_as_bytes(job):
    job.produce("impressions", [impression(1)])
    job.call("run", "--until-end")
    rows = job.rows("engagement.join.journal", "--with-metadata")
    assert rows and all(base64.b64decode(row["value"]) for row in rows)
