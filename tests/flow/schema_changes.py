"""Schemas of a topology that change while state is kept in them, and what that does to the join: rows are what a plain
batch computation gives, as today's schema has it. For jobs on either log."""

import json
import re
import shutil

from tests.flow import two_halves
from tests.flow.job import ROOT
from tests.flow.test_join_random import expected
from tests.reference import join_reference


class Schemas:
    """Those of a job's topology, in a directory of its own, to be changed."""

    def __init__(self, job):
        self.job = job
        self.directory = job.topology.parent
        job.topology.write_text(re.sub("^schemas: .*\n", "", job.topology.read_text(), flags=re.M))
        self.as_shipped()

    def as_shipped(self):
        for file in (ROOT / "schemas").glob("*.avsc"):
            shutil.copy(file, self.directory)

    def change(self, name, how, keep_old=True):
        """`how` changes the list of fields of a schema. The old one is a writer of the topics' records from now on."""
        file = self.directory / f"{name}.avsc"
        schema = json.loads(file.read_text())
        if keep_old:
            old = self.directory / f"{name}.old.avsc"
            if not old.exists():
                shutil.copy(file, old)
                self.job.topology.write_text(self.job.topology.read_text().replace(
                    f"schema: {name}.avsc,", f"schema: {name}.avsc, writers: [{name}.old.avsc],"))
        how(schema["fields"])
        file.write_text(json.dumps(schema))


def at(fields, name):
    return next(i for i, field in enumerate(fields) if field["name"] == name)


def added(fields):
    fields.insert(at(fields, "sampled_pct") + 1, {"name": "campaign", "type": "string", "default": "none"})


def removed(fields):
    del fields[at(fields, "creator_id")]


def reordered(fields):
    i, j = at(fields, "item_cluster"), at(fields, "creator_id")
    fields[i], fields[j] = fields[j], fields[i]


def renamed(fields):
    fields[at(fields, "platform")].update(name="client", aliases=["platform"])


def promoted(fields):
    fields[at(fields, "position")]["type"] = "long"


def more_symbols(fields):
    fields[at(fields, "source")]["type"]["symbols"] = ["cold_start", "house", "exploration", "ranked"]


def without_default(fields):
    fields.insert(at(fields, "sampled_pct"), {"name": "campaign", "type": "string"})


def other_type(fields):
    fields[at(fields, "position")]["type"] = "string"


CHANGES = (added, removed, reordered, renamed, promoted, more_symbols)
REFUSED = ((without_default, "campaign"), (other_type, "position"))


def as_today(how, record):
    """An impression, or an outcome, as it is under the changed schema."""
    record = dict(record)
    if how is added:
        record["campaign"] = "none"
    if how is removed:
        record.pop("creator_id", None)
    if how is renamed and "platform" in record:
        record["client"] = record.pop("platform")
    return record


def written_today(how, records):
    return [(topic, as_today(how, record) if topic == "impressions" else record) for topic, record in records]


def check_rows(job, how, records):
    rows = expected(records, 1, two_halves.PARAMETERS)
    for topic in ("outcomes", "exploration_events"):
        got = job.rows(topic, "--from", "beginning")
        wanted = join_reference.last_revisions(rows[topic][0])
        assert two_halves.without_revision(join_reference.last_revisions(got)) == \
            {key: as_today(how, row) for key, row in two_halves.without_revision(wanted).items()}, topic


def run_with_a_kill(job, operator, point):
    assert job.run_killed(*two_halves.parameters(operator), point=point)
    job.call("run", "--until-end", *two_halves.parameters(operator))


def check_change(job, operator, how):
    schemas, (first, second) = Schemas(job), two_halves.halves(21, 200)
    two_halves.produce(job, first)
    run_with_a_kill(job, operator, "committed:1")
    for name in ("impression", "outcome"):
        schemas.change(name, how)
    two_halves.produce(job, written_today(how, second))
    run_with_a_kill(job, operator, "block:1")
    check_rows(job, how, first + second)


def check_refusal(job, operator, how, reason):
    schemas, (first, second) = Schemas(job), two_halves.halves(22, 200)
    two_halves.produce(job, first)
    run_with_a_kill(job, operator, "committed:1")
    for name in ("impression", "outcome"):
        schemas.change(name, how, keep_old=False)
    done = job.call("run", "--until-end", status=1)
    for part in (f"operator {operator}", "input impressions", f"topic {job.topic('impressions')}", reason,
                 "default or an alias", "another name"):
        assert part in done.stderr, done.stderr
    schemas.as_shipped()
    two_halves.produce(job, second)
    run_with_a_kill(job, operator, "block:1")
    two_halves.check(job, first, second)
