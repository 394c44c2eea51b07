"""What a run waits for, and what it does not take for an answer."""

import time

from tests.kafka import cluster, feed

SHORT = {"window": "2s", "before": "1s", "grace": "0s", "correction_horizon": "3s", "orphan_wait": "5s"}


def send(job, producer, number, shown_at, partition):
    key = feed.impression_id(number)
    producer.produce(job.topic("impressions"), feed.IMPRESSION.encode(key, feed.varint(shown_at)), key, partition)


def numbers(job):
    return {int(row["impression_id"][1:]) for row in job.outcomes() if row["final"]}


def test_an_open_transaction_does_not_make_an_input_idle(make_job):
    """Two partitions, both without a visible record for longer than idle_after; but in one of them somebody's
    transaction is open. The other goes on by the clock, this one waits, and takes the records when they are there."""
    job = make_job(partitions=2, scores=False, join=SHORT, topic={"idle_after": "1s", "out_of_orderness": "100ms"})
    began = int(time.time() * 1000)
    plain = job.broker.producer()
    send(job, plain, 0, began, 0)
    send(job, plain, 1, began, 1)
    send(job, plain, 2, began + 5_000, 0)
    plain.flush()
    writer = job.broker.producer(**{"transactional.id": job.name, "transaction.timeout.ms": 120_000})
    writer.init_transactions()
    writer.begin_transaction()
    for number in range(10, 30):
        send(job, writer, number, began + 100 + number, 1)
    writer.flush()
    process = job.start("run")
    cluster.wait_until(lambda: {0, 2} <= numbers(job), "the partition without a transaction goes on")
    assert 1 not in numbers(job), "the partition with an open transaction was taken for an idle one"
    writer.commit_transaction()
    cluster.wait_until(lambda: {0, 1, 2, *range(10, 30)} <= numbers(job), "the other one")
    process.terminate()
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == 0, errors
    assert not job.dead_letters()


def test_a_bounded_run_names_the_open_transaction_that_it_waits_for(make_job):
    job = make_job(partitions=1, scores=False, join=SHORT)
    began = int(time.time() * 1000)
    writer = job.broker.producer(**{"transactional.id": job.name, "transaction.timeout.ms": 120_000})
    writer.init_transactions()
    writer.begin_transaction()
    send(job, writer, 1, began, 0)
    writer.flush()
    process = job.start("run", "--until-end")
    line = next(line for line in process.stderr if " transaction_wait " in line)
    assert f"topic={job.topic('impressions')} partition=0 position=0 end=1 " in line
    writer.commit_transaction()
    _, errors = process.communicate(timeout=cluster.TIMEOUT_S)
    assert process.returncode == 0, errors
    assert numbers(job) == {1}


def test_a_wrong_address_is_given_up_after_the_outage(make_job):
    job = make_job(create=False)
    errors = job.call("run", "--set", "log.bootstrap.servers=127.0.0.1:1", "--set", "outage=1s", status=1).stderr
    assert "no broker of bootstrap.servers (127.0.0.1:1) answers" in errors
