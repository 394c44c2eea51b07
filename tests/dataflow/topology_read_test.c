#include "dataflow/topology_read.h"

#include "tests/dataflow/topology_fixture.h"
#include "tests/test.h"

TEST(an_unknown_key_is_named_with_the_closest)
{
	check_override("comit_interval=1s", "--set:1:1: unknown key \"comit_interval\" in the topology; did you mean "
					    "\"commit_interval\"?\n");
	check_override("operators.join.windw=1s",
		       "--set:1:16: unknown key \"windw\" in operator join (match); did you mean \"window\"?\n");
	check_override("topics.clicks.keys=id",
		       "--set:1:15: unknown key \"keys\" in topic clicks; did you mean \"key\"?\n");
}

TEST(a_wrong_value_says_what_was_expected)
{
	check_override("operators.join.window=30",
		       "--set:1:23: window is \"30\"; expected a duration such as 250ms, 5s, 10min or 1h\n");
	check_override("memory=1MiB", "--set:1:8: memory is 1MiB; expected at least 16MiB\n");
	check_override("topics.clicks.partitions=5000", "--set:1:26: partitions is 5000; expected at most 4096\n");
	check_override("guarantee=exactly_one",
		       "--set:1:11: guarantee is \"exactly_one\"; expected one of exactly_once, "
		       "at_least_once; did you mean \"exactly_once\"?\n");
	check_override("topics.clicks.retention=long", "--set:1:25: retention is \"long\"; expected a duration "
						       "such as 250ms, 5s, 10min or 1h, or forever\n");
	check_override("topics.clicks.compaction_lag=long",
		       "--set:1:30: compaction_lag is \"long\"; expected a duration "
		       "such as 250ms, 5s, 10min or 1h\n");
	check_override("workers=", "--set:1:9: workers has no value; expected a whole number such as 42\n");
	check_problems("name: [a]\ntopics: {}\n", NULL, "t.yaml:1:7: name is a list; expected a text\n");
}

TEST(a_missing_key_is_named)
{
	check_problems("topics: {}\n", NULL,
		       "t.yaml:1:1: the topology has no \"name\"; expected a text (The application's "
		       "name: journals and groups are named after it.)\n");
	check_problems("name: a\n", NULL,
		       "t.yaml:1:1: the topology has no \"topics\"; expected a map such as topics: "
		       "{clicks: {schema: click.avsc, key: id}}\n");
	check_problems("name: a\ntopics:\n  t: {key: id}\n", NULL,
		       "t.yaml:3:3: topic t has no \"schema\"; expected a text (The file with the Avro schema of its "
		       "records.)\n");
	check_problems("name: a\ntopics: {}\noperators:\n  j: {window: 1s}\n", NULL,
		       "t.yaml:4:3: operator j has no \"type\"; expected one of match, pass, tick\n");
}

TEST(a_section_of_the_wrong_kind_is_refused)
{
	check_problems(
		"name: a\ntopics: [b]\n", NULL,
		"t.yaml:2:9: topics is a list; expected a map such as {clicks: {schema: click.avsc, key: id}}\n");
	check_problems("name: a\ntopics: {t: x.avsc}\n", NULL,
		       "t.yaml:2:13: topic t is a text; expected a map such as {schema: x.avsc, key: id}\n");
	check_problems("name: a\ntopics: {}\noperators: {j: match}\n", NULL,
		       "t.yaml:3:16: operator j is a text; expected a map such as {type: ..., inputs: {...}, "
		       "outputs: {...}}\n");
	check_override("operators.join.inputs=clicks",
		       "--set:1:23: inputs of operator join is a text; expected a map of ports and topics such as "
		       "{clicks: TOPIC}\n");
}

TEST(an_unknown_operator_type_is_named_with_the_closest)
{
	check_override("operators.join.type=mtach",
		       "--set:1:21: unknown operator type \"mtach\"; did you mean \"match\"?\n");
	check_override("operators.join.type=q",
		       "--set:1:21: unknown operator type \"q\"; expected one of match, pass, tick\n");
}

TEST(names_have_letters_digits_and_a_few_signs)
{
	check_problems(
		"name: a b\ntopics: {}\n", NULL,
		"t.yaml:1:7: the name \"a b\" of the topology cannot be taken; expected 1 to 249 letters, digits, "
		"'.', '_' or '-'\n");
	check_problems(
		"name: a\ntopics:\n  ..: {schema: click.avsc}\n  a/b: {schema: click.avsc}\n", NULL,
		"t.yaml:3:3: the name \"..\" of a topic cannot be taken; expected 1 to 249 letters, digits, '.', '_' "
		"or '-'\n"
		"t.yaml:4:3: the name \"a/b\" of a topic cannot be taken; expected 1 to 249 letters, digits, '.', "
		"'_' or '-'\n");
}

TEST(an_unknown_type_of_log_names_the_closest)
{
	check_override("log.type=kafak", "--set:1:10: unknown log type \"kafak\"; did you mean \"kafka\"?\n");
}

TEST(framing_schema_id_and_writers_go_together)
{
	check_override("topics.views.framing=confluent",
		       "t.yaml:4:3: topic views has no \"schema_id\"; confluent framing writes it before each value: "
		       "expected the schema's id in the registry\n");
	check_override("topics.views.schema_id=3",
		       "--set:1:14: schema_id means nothing with single-object framing; expected "
		       "\"framing: confluent\" beside it\n");
	check_override("topics.views.writers=old_view.avsc",
		       "--set:1:22: writers is a text; expected a list such as [old.avsc]\n");
	check_problems("name: a\ntopics: {t: {schema: view.avsc, framing: confluent, schema_id: 1, writers: {x: "
		       "old_view.avsc}}}\n",
		       NULL, "t.yaml:2:77: \"x\" is no schema id; expected a whole number such as 7\n");
}

/* ---- maps of named groups ---- */

static const char with_rules[] = "name: shop\n"
				 "topics:\n"
				 "  clicks: {schema: click.avsc, key: id, time: at, partitions: 4}\n"
				 "  pairs:  {schema: click.avsc, key: id, time: at, partitions: 4}\n"
				 "operators:\n"
				 "  join:\n"
				 "    type: match\n"
				 "    inputs: {clicks: clicks}\n"
				 "    outputs: {pairs: pairs}\n"
				 "    label: x\n"
				 "    rules:\n"
				 "      lost: {above: 3}\n"
				 "      late: {above: 4}\n";

static const struct match_rule *
rule(int number)
{
	const struct match *self = topology->operators[0].self;

	check(number < self->rules.count);
	return &((const struct match_rule *)self->rules.items)[number];
}

TEST(groups_are_read_in_their_order_and_a_set_reaches_into_them)
{
	load_sound(with_rules, "operators.join.rules.late.above=7");
	check_text(rule(0)->name, "lost");
	check_int(rule(0)->above, 3);
	check_text(rule(1)->name, "late");
	check_int(rule(1)->above, 7);
	topology_free(&topology);
	load_sound(sound, "operators.join.rules.new.above=5");
	check_text(rule(0)->name, "new");
	check_int(rule(0)->above, 5);
	topology_free(&topology);
}

TEST(what_is_wrong_in_a_group_is_named_with_its_place)
{
	check_problems(with_rules, "operators.join.rules.late.abov=7",
		       "--set:1:27: unknown key \"abov\" in rules.late of operator join (match); did you mean "
		       "\"above\"?\n");
	check_problems(with_rules, "operators.join.rules.lost.above=101",
		       "--set:1:33: above is 101; expected at most 100\n");
	check_problems(with_rules, "operators.join.rules.lost=x",
		       "--set:1:27: rules.lost of operator join (match) is a text; expected a map such as {KEY: "
		       "VALUE}\n");
	check_problems(with_rules, "operators.join.rules=x",
		       "--set:1:22: rules is a text; expected a map of named groups such as {NAME: {KEY: VALUE}}\n");
	check_problems(with_rules, "operators.join.rules.third.above=1",
		       "t.yaml:12:7: rules has 3 groups; expected at most 2\n");
}

TEST(a_group_that_lacks_what_it_needs_is_named)
{
	static const char rules[] =
		"name: a\ntopics: {}\noperators:\n  j: {type: match, label: x, rules: {lost: {}}}\n";

	write_schemas();
	write_text("t.yaml", rules);
	check_int(load(NULL), -1);
	check(strstr(said,
		     "t.yaml:4:38: rules.lost of operator j (match) has no \"above\"; expected a whole number such "
		     "as 42 (How many are too many.)\n") != NULL);
}

TEST(topics_that_are_one_on_the_log_are_refused)
{
	check_problems(
		"name: a\ntopics:\n  t: {schema: click.avsc, key: id}\n"
		"  u: {schema: click.avsc, key: id, name: t}\n"
		"  v: {schema: click.avsc, key: id, name: a.dead_letters}\n",
		NULL,
		"t.yaml:4:3: topics t and u are both t on the log; expected a \"name\" of its own for each\n"
		"t.yaml:5:3: topics v and dead_letters are both a.dead_letters on the log; expected a \"name\" of "
		"its own for each\n");
	check_problems(
		"name: a\ntopics:\n  t: {schema: click.avsc, key: id, name: x y}\n", NULL,
		"t.yaml:3:42: the name \"x y\" of a topic cannot be taken; expected 1 to 249 letters, digits, '.', "
		"'_' or '-'\n");
}
