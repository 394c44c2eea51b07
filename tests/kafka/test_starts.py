"""Four processes that start one after the other, each while those before it restore: tools/kafka/soak starts does it
with a gigabyte."""

import os

from tests.kafka import feed, starts

STATE_BYTES = int(os.environ.get("ISOTOPE_STARTS_BYTES", "40000000"))


def test_each_start_leaves_the_restores_of_the_others_what_they_have(broker, tmp_path):
    job = starts.make_job(broker, tmp_path)
    job.create_topics()
    begun = starts.Starts(job, tmp_path, starts.fill(job, tmp_path, STATE_BYTES))
    try:
        with starts.Slowly(job, STATE_BYTES // 12):
            begun.run()
        begun.check_restores()
        begun.people.finish()
    finally:
        begun.people.abandon()
        job.end()
    feed.assert_once(job, begun.impressions)
