"""Global tables on a broker: each process holds the whole table, whoever is killed."""

from tests.flow import feature_feed
from tests.flow.test_embedding import ITEMS, TOPOLOGY, item_vectors, rows_of
from tests.kafka import cluster, operators
from tests.kafka.crew import Crew
from tests.reference import embedding_reference

WRONG_SIZES = (0, 63, 65)
WRONG_AT = "2020-01-01T00:00:00Z"


def test_embeddings_are_those_of_the_formula_and_each_wrong_vector_is_one_dead_letter(broker, tmp_path):
    job = cluster.BrokerJob.of(TOPOLOGY.read_text(), broker, tmp_path)
    engagements, vectors = feature_feed.feed(21, 4_000), item_vectors(21, items=ITEMS - len(WRONG_SIZES))
    people = Crew(job, tmp_path, static=True, seed=21, count=2,
                  arguments=["--operators", "by_user,embedding", "--set", "commit_interval=20ms"])
    try:
        job.create_topics()
        job.produce("item_vectors", rows_of(vectors))
        job.produce("item_vectors", [
            {"item_id": f"x{ITEMS - 1 - i}", "vector": [1.0] * size, "updated_at": WRONG_AT, "space": "v1"}
            for i, size in enumerate(WRONG_SIZES)])
        people.start_all()
        operators.produce_engagements(job, engagements)
        operators.kill_while_working(
            people, 3, lambda: job.positions("by_user", "engagements", operators.PARTITIONS), len(engagements))
        people.finish()
        embedding_reference.check_rows(job.decoded("user_embeddings", "user_embedding"),
                                       embedding_reference.embeddings(engagements, vectors))
        letters = job.dead_letters()
        assert sorted(letter["reason"].split(";")[0] for letter in letters) == [
            f"the vector has {size} components instead of 64" for size in WRONG_SIZES]
    finally:
        people.abandon()
        job.end()
