#include "dataflow/topology_graph.h"

#include "tests/dataflow/topology_fixture.h"
#include "tests/test.h"

TEST(an_unknown_port_is_named_with_those_there_are)
{
	check_override("operators.join.inputs.viewz=views",
		       "--set:1:23: operator join (match) has no input \"viewz\"; expected one of clicks, views; "
		       "did you mean \"views\"?\n");
	check_override("operators.join.outputs.late=pairs",
		       "--set:1:24: operator join (match) has no output \"late\"; expected one of pairs, rest\n");
	check_problems("name: a\ntopics: {t: {schema: click.avsc}}\noperators: {s: {type: tick, inputs: {in: t}}}\n",
		       NULL, "t.yaml:3:38: operator s (tick) has no input \"in\"; expected none\n");
}

TEST(an_unknown_topic_is_named_with_the_closest)
{
	check_override("operators.join.inputs.views=view",
		       "--set:1:29: unknown topic \"view\"; did you mean \"views\"?\n");
	check_override("operators.join.inputs.clicks=",
		       "--set:1:30: input \"clicks\" has no value; expected the name of a topic\n");
}

TEST(a_required_port_must_be_connected)
{
	check_problems("name: a\ntopics: {v: {schema: view.avsc, key: id}}\noperators:\n  j:\n    type: match\n"
		       "    inputs: {views: v}\n    label: x\n",
		       NULL,
		       "t.yaml:4:3: output \"pairs\" of operator j (match) is not connected; expected outputs: "
		       "{pairs: TOPIC}\n"
		       "t.yaml:6:5: input \"clicks\" of operator j (match) is not connected; expected inputs: "
		       "{clicks: TOPIC}\n");
	check_problems("name: a\ntopics: {}\noperators: {p: {type: pass}}\n", NULL,
		       "t.yaml:3:13: operator p has no input connected; expected at least one\n");
}

TEST(an_input_keyed_by_something_else_needs_a_rekey)
{
	check_override(
		"topics.clicks.key=user",
		"t.yaml:9:22: input clicks of operator join must be keyed by id; topic clicks is keyed by user; put "
		"a rekey operator in between\n");
	check_override("topics.pairs.key=user",
		       "t.yaml:10:22: output pairs of operator join is keyed by id; topic pairs is "
		       "keyed by user: give it \"key: id\"\n");
	check_override("topics.clicks.key=", "--set:1:19: key has no value; expected a text\n");
	check_problems(
		"name: a\ntopics: {c: {schema: click.avsc}}\noperators: {j: {type: match, label: x, inputs: "
		"{clicks: c}, outputs: {pairs: d}}}\n",
		"topics.d.schema=click.avsc",
		"t.yaml:3:57: input clicks of operator j must be keyed by id; topic c has no key: give it \"key: "
		"id\"\n"
		"t.yaml:3:78: output pairs of operator j must be keyed by id; topic d has no key: give it \"key: "
		"id\"\n");
}

TEST(inputs_of_one_operator_have_equal_partitions)
{
	check_override(
		"topics.views.partitions=2",
		"t.yaml:9:37: inputs of operator join must have equal numbers of partitions: topic clicks has 4, "
		"topic views has 2\n");
}

TEST(an_operator_may_not_read_what_it_writes)
{
	check_override(
		"operators.join.outputs.pairs=clicks",
		"t.yaml:7:3: operator join reads and writes topic clicks; expected another topic for one of them\n");
}

TEST(a_cycle_is_told_with_its_way)
{
	check_problems(
		chain, "operators.last.outputs.out=b",
		"t.yaml:7:3: operators form a cycle: last reads c of middle reads b of last; expected a graph in "
		"which nothing flows back\n");
}

TEST(a_topic_may_not_have_the_name_of_a_journal)
{
	check_problems("name: a\ntopics:\n  t: {schema: click.avsc}\n  a.p.journal: {schema: click.avsc}\n"
		       "operators: {p: {type: pass, inputs: {in: t}}}\n",
		       NULL, "t.yaml:4:3: topic a.p.journal is the journal of operator p; expected another name\n");
}

TEST(tasks_are_for_sources)
{
	check_override("operators.join.tasks=2",
		       "--set:1:16: tasks is for operators without inputs; operator join has one "
		       "task for each partition of its inputs\n");
}

TEST(one_topic_cannot_be_two_inputs)
{
	static const struct port both_inputs[] = {{.name = "a"}, {.name = "b"}, {.name = NULL}};
	static const struct operator_type both = {.name = "both", .inputs = both_inputs, .self_size = 1};
	static const struct operator_type *const only[] = {&both, NULL};
	struct error err;

	write_schemas();
	write_text("t.yaml", "name: a\ntopics: {t: {schema: click.avsc}}\n"
			     "operators: {p: {type: both, inputs: {a: t, b: t}}}\n");
	check_fails(topology_load("t.yaml", NULL, only, &topology, NULL, &err),
		    "t.yaml:3:47: topic t is connected to two inputs of operator p, a and b; expected one");
}
