"""Three processes of one job that come and go under load, stopped and killed at random, with dynamic and with static
membership. tools/kafka/soak does the same for as long as one likes."""

import os

import pytest

from tests.kafka import feed
from tests.kafka.crew import JOIN, TOPIC, Crew

SECONDS = float(os.environ.get("ISOTOPE_MEMBERS_S", "20"))
PER_S = 1_000


@pytest.mark.parametrize("static", (False, True), ids=("dynamic", "static"))
def test_members_that_come_and_go_lose_nothing_and_repeat_nothing(make_job, tmp_path, static):
    job = make_job(join=JOIN, topic=TOPIC, scores=False)
    crew = Crew(job, tmp_path, static=static, seed=static)
    try:
        impressions = crew.churn(SECONDS, PER_S)
        crew.finish()
    finally:
        crew.abandon()
    feed.assert_once(job, impressions)
    assert min(crew.counts.values()) > 0, crew.told()
