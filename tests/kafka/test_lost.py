"""What retention takes from a running process before it has read it is said, counted, and ends the run on demand."""

import re
import signal

import pytest

from tests.kafka import cluster, feed
from tests.kafka.crew import JOIN, TOPIC

READ, FIRST, GONE_TO, ALL = 1_000, 1_100, 1_600, 2_000  # offsets of impressions


def lost(job, text):
    """The offsets that are said to be gone, and how many."""
    [numbers] = re.findall(rf" error records_lost topic={job.topic('impressions')} partition=0 from=(\d+) to=(\d+) "
                           r"count=(\d+) ", text)
    start, end, count = map(int, numbers)
    assert READ <= start <= FIRST and end == GONE_TO and count == end - start, text
    return start, count


def hold_and_lose(job, process):
    """While the process stands still. A question that it has asked before is answered with the first records that
    come, and no more: those it may have."""
    cluster.wait_until(lambda: job.committed(job.operator, "impressions", 1) == [READ], "the first records")
    process.send_signal(signal.SIGSTOP)
    feed.produce(job, READ, FIRST)
    feed.produce(job, FIRST, ALL)
    job.delete_records("impressions", 0, GONE_TO)
    process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("on_lost", ("continue", "stop"))
def test_what_retention_takes_from_a_running_process_is_said_and_it_goes_on_or_stops(make_job, tmp_path, on_lost):
    job = make_job(partitions=1, scores=False, join=JOIN, topic=TOPIC)
    feed.produce(job, 0, READ)
    with open(tmp_path / "said", "w", encoding="utf-8") as said:
        process = job.launch("run", "--set", f"on_lost={on_lost}", stderr=said)
        hold_and_lose(job, process)
        if on_lost == "continue":
            cluster.wait_until(lambda: job.committed(job.operator, "impressions", 1) == [ALL], "the others")
            process.terminate()
        assert process.wait(cluster.TIMEOUT_S) == int(on_lost == "stop")
    text = (tmp_path / "said").read_text(encoding="utf-8")
    start, count = lost(job, text)
    assert f"RECORDS_LOST={count}" in text, text
    job.wait_until_left()
    done = job.call("run", "--until-end").stderr
    if on_lost == "stop":
        assert f"has lost the records from offset {start} to {GONE_TO - 1} before they were read" in text, text
        assert "--set on_lost=continue" in text, text
        _, count = lost(job, done)
    else:
        assert "records_lost" not in done, done
    assert len(job.outcomes()) == ALL - count
