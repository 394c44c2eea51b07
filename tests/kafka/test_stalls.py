"""A partition that has records and delivers none (tests/kafka/stall_preload.c) is named, and fetched anew: by itself,
and where that does not help together with all that the worker reads."""

import os
import re
import subprocess

import pytest

from tests.flow.job import ISOTOPE, ROOT
from tests.kafka import cluster, feed
from tests.kafka.crew import JOIN, TOPIC

IMPRESSIONS = 2_000

pytestmark = pytest.mark.skipif(ISOTOPE.parent.name != "release", reason="sanitizers must be loaded first")


@pytest.fixture(scope="module")
def preload(tmp_path_factory):
    library = tmp_path_factory.mktemp("preload") / "stall_preload.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library,
                    ROOT / "tests" / "kafka" / "stall_preload.c", "-ldl"], check=True)
    return library


@pytest.mark.parametrize("starts", (2, 4))
def test_a_partition_that_delivers_nothing_is_fetched_anew(make_job, tmp_path, preload, starts):
    """The journal is read to its end before the first start, and what is known of the topic is compared: neither
    starts the input. With four starts needed the fetcher of the member is another one when it works."""
    job = make_job(partitions=2, scores=False, join=JOIN, topic=TOPIC)
    feed.produce(job, 0, IMPRESSIONS)
    counts = [0, 0]
    for message in job.messages("impressions"):
        counts[message.partition()] += 1
    stall = {"LD_PRELOAD": str(preload), "STALL_TOPIC": job.topic("impressions"), "STALL_PARTITION": "1",
             "STALL_STARTS": str(starts)}
    with open(tmp_path / "said", "w", encoding="utf-8") as said:
        process = job.launch("run", "--set", "stalled_partition=1s", stderr=said, env={**os.environ, **stall})
        cluster.wait_until(lambda: job.committed(job.operator, "impressions", 2) == counts, "all is read", every_s=0.5)
        process.terminate()
        status = process.wait(cluster.TIMEOUT_S)
    text = (tmp_path / "said").read_text(encoding="utf-8")
    assert status == 0, text
    said = re.findall(r" partition_stalled topic=(\S+) partition=(\d+) offset=(\d+) end=(\d+) .*times=(\d)", text)
    assert said == [(job.topic("impressions"), "1", "0", str(counts[1]), str(times))
                    for times in range(1, starts - 1 if starts == 4 else starts)], text
    assert (" abort " in text) == (starts == 4), text
    assert f"STALLED={len(said)}" in text, text
    job.wait_until_left()
    job.call("run", "--until-end")
    feed.assert_once(job, IMPRESSIONS)
