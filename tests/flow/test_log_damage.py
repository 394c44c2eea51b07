"""Files of the embedded log that are not there or are damaged: an error that names them, never an end of
the topic, and nothing is lost or done twice once they are back."""

import pytest

from tests.flow.job import ROOT, Job

START_MS = 1_767_225_600_000
ROWS = 5_000

TEXT = f"""\
name: damage
schemas: {ROOT}/schemas
topics:
  impressions: {{schema: impression.avsc, key: impression_id, time: shown_at, retention: forever}}
  engagements: {{schema: engagement.avsc, key: impression_id, time: occurred_at, retention: forever}}
  outcomes: {{schema: outcome.avsc, key: impression_id, time: shown_at, retention: forever}}
  late: {{schema: engagement.avsc, key: impression_id, time: occurred_at, retention: forever}}
  orphans: {{schema: engagement.avsc, key: impression_id, time: occurred_at, retention: forever}}
operators:
  join:
    type: engagement_join
    inputs: {{impressions: impressions, engagements: engagements}}
    outputs: {{outcomes: outcomes, late: late, orphans: orphans}}
    window: 1s
    grace: 0s
    correction_horizon: 10s
    orphan_wait: 10s
"""


def impression(number):
    return {"impression_id": f"i{number}", "user_id_token": f"u{number % 10}", "item_id": f"v{number % 100}",
            "position": 1, "shown_at": START_MS + number, "source": "ranked"}


@pytest.fixture
def job(tmp_path):
    topology = tmp_path / "damage.yaml"
    topology.write_text(TEXT)
    job = Job(tmp_path / "data", topology)
    job.produce("impressions", map(impression, range(ROWS)))
    return job


def segments(job, topic):
    """The files of a topic, by its number in the order of the topology."""
    return sorted(job.directory.glob(f"log/segments/{topic}-*"))


def check_whole(job):
    assert sorted(row["impression_id"] for row in job.rows("outcomes")) == sorted(f"i{n}" for n in range(ROWS))


def test_a_segment_that_is_not_there_stops_the_run_and_nothing_is_passed_over(job):
    [path] = segments(job, 0)
    aside = path.rename(job.directory / "aside")
    for arguments in (["run", "--until-end"], ["consume", "impressions", "--until-end"]):
        done = job.call(*arguments, status=1)
        assert f"the batch at offset 0 is in {path}, which is not there" in done.stderr, done.stderr
        assert "topic 'impressions' partition 0 offset 0" in done.stderr
    aside.rename(path)
    job.call("run", "--until-end")
    check_whole(job)


def test_a_journal_that_is_not_there_is_not_a_new_one(job):
    job.call("run", "--until-end")
    check_whole(job)
    [path] = segments(job, 6)
    aside = path.rename(job.directory / "aside")
    for store in job.directory.glob("state/*"):
        store.unlink()
    done = job.call("run", "--until-end", status=1)
    assert f"is in {path}, which is not there" in done.stderr, done.stderr
    aside.rename(path)
    job.call("run", "--until-end")
    check_whole(job)


def test_a_flipped_byte_names_topic_partition_offset_and_file(job):
    [path] = segments(job, 0)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for arguments in (["run", "--until-end"], ["consume", "impressions", "--until-end"]):
        done = job.call(*arguments, status=1)
        assert "topic 'impressions' partition 0 offset " in done.stderr, done.stderr
        assert f"the log is damaged: {path} does not have at byte " in done.stderr
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    job.call("run", "--until-end")
    check_whole(job)


def test_segments_without_their_database_are_no_new_log(job):
    database = job.directory / "log" / "database"
    aside = database.rename(job.directory / "aside")
    done = job.call("run", "--until-end", status=1)
    assert f"there are segments but no {database}/CURRENT" in done.stderr, done.stderr
    assert segments(job, 0)
    if database.exists():
        database.rmdir()
    aside.rename(database)
    job.call("run", "--until-end")
    check_whole(job)
