"""The manual pages: of the operators, of topics and of a topology's own keys."""

import re

from tests.flow.test_commands import isotope


def operator_types():
    table, _ = isotope("operators").stdout.split("\n\n")
    return [line.split()[0] for line in table.splitlines()[1:]]


def test_operators_are_listed_and_explained():
    assert re.search(r"^engagement_join  +\w", isotope("operators").stdout, re.M)
    page = isotope("operators", "engagement_join").stdout
    assert re.search(r"^  window: duration.*, default 10min", page, re.M)
    assert re.search(r"^  impressions: impression, keyed by impression_id, required$", page, re.M)
    assert re.search(r"^      above 0, at most 1: propensity, sampled_pct$", page, re.M)
    assert all(title in page for title in ("Inputs", "Outputs", "Parameters", "Stores", "Counters"))


def keys_of(page):
    return set(re.findall(r"^  (\w+): [a-z]+.*, (?:default|required)", page, re.M))


def test_the_keys_of_a_topology_and_of_topics_have_pages_with_every_limit():
    page = isotope("operators", "topics").stdout
    assert {"schema", "key", "time", "partitions", "out_of_orderness", "max_ahead", "max_jump", "not_before",
            "idle_after", "retention", "retention_bytes", "cleanup", "table_size", "framing"} <= keys_of(page)
    assert "at most 1000000 bytes of" in " ".join(page.split())
    page = isotope("operators", "topology").stdout
    assert {"name", "guarantee", "commit_interval", "commit_bytes", "memory", "disk", "workers", "outage",
            "schemas"} <= keys_of(page)
    assert "at most 1000 topics" in " ".join(page.split())


def test_what_all_operators_have_is_on_each_page():
    for name in operator_types():
        page = isotope("operators", name).stdout
        assert {"workers"} <= keys_of(page)
        assert ("tasks" in keys_of(page)) == (name == "traffic")
        assert ("dead_letter_limit" in keys_of(page)) == (name != "traffic")
        assert ("longer than 4096 bytes" in " ".join(page.split())) == (name != "traffic")


def test_an_unknown_operator_type_fails_with_the_closest():
    assert 'did you mean "engagement_join"?' in isotope("operators", "engagment_join", status=1).stderr


def test_every_operator_has_a_manual_page():
    types = operator_types()
    assert {"rekey", "reconcile", "embedding_update", "alert_sink"} < set(types)
    for name in types:
        page = isotope("operators", name).stdout
        what, manual = page.split("\n\n")[:2]
        assert re.match(rf"{name}: [A-Z]", what) and what.rstrip().endswith("."), what
        assert len(manual.split()) > 20, manual
        assert f"In a topology\n  operators:\n    NAME:\n      type: {name}\n" in page
        assert max(map(len, page.splitlines())) <= 100
