"""A schema that changes over running state, on a broker: as on the embedded log (tests/flow/test_state_schema.py)."""

import pytest

from tests.flow.schema_changes import CHANGES, REFUSED, check_change, check_refusal


@pytest.mark.parametrize("how", CHANGES)
def test_what_was_kept_comes_out_in_the_schema_of_today(make_job, how):
    job = make_job()
    check_change(job, job.operator, how)


@pytest.mark.parametrize("how, reason", REFUSED)
def test_a_schema_that_does_not_resolve_is_refused_and_says_what_to_do(make_job, how, reason):
    job = make_job()
    check_refusal(job, job.operator, how, reason)
