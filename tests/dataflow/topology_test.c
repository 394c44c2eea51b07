#include "dataflow/topology.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"
#include "tests/dataflow/topology_fixture.h"
#include "tests/test.h"

/* ---- what a sound topology becomes ---- */

TEST(a_topology_without_faults_is_loaded_with_its_defaults)
{
	load_sound(sound, NULL);
	check_text(topology->name, "shop");
	check_text(topology->file, "t.yaml");
	check_text(topology->log_type, "embedded");
	check(!topology->log_properties[0]);
	check_int(topology->guarantee, EXACTLY_ONCE);
	check_int(topology->commit_interval_ms, 200);
	check_int(topology->commit_bytes, 64 << 20);
	check_int(topology->memory_bytes, 512 << 20);
	check_int(topology->workers, 1);
	check_int(topology->merge_wait_ms, 100);
	check_int(topology->operator_count, 1);
	topology_free(&topology);
	check(!topology);
}

TEST(a_topic_knows_its_schema_and_where_key_and_time_are)
{
	const struct topology_topic *topic;

	load_sound(sound, NULL);
	check_int(topology_topic_find(topology, "views"), 1);
	check_int(topology_topic_find(topology, "view"), -1);
	topic = &topology->topics[0];
	check_text(topic->name, "clicks");
	check_text(topic->schema_file, "./click.avsc");
	check_text(topic->schema->root->name, "shop.click");
	check_text(topic->key, "id");
	check_int(topic->key_field.slot, 0);
	check_int(topic->time_field.slot, 2);
	check_int(topic->partitions, 4);
	check_int(topic->framing, FRAMING_SINGLE_OBJECT);
	check_int(topic->out_of_orderness_ms, 5000);
	check_int(topic->max_ahead_ms, 300000);
	check_int(topic->idle_after_ms, 30000);
	check(!topic->compacted);
	check_int(topic->retention_ms, 7LL * 24 * 3600 * 1000);
	check_int(topic->retention_bytes, LOG_RETENTION_FOREVER);
	check_int(topology->topics[1].out_of_orderness_ms, 1000);
	topology_free(&topology);
}

TEST(an_operator_has_its_parameters_ports_and_tasks)
{
	const struct topology_operator *operator;
	const struct match *match;

	load_sound(sound, NULL);
	check_int(topology_operator_find(topology, "join"), 0);
	check_int(topology_operator_find(topology, "clicks"), -1);
	operator = &topology->operators[0];
	match = operator->self;
	check(operator->type == &match_type);
	check_int(match->window_ms, 30000);
	check_real(match->ratio, 0.5);
	check_text(match->label, "x");
	check_int(operator->inputs[0], topology_topic_find(topology, "clicks"));
	check_int(operator->inputs[1], topology_topic_find(topology, "views"));
	check_int(operator->inputs[2], -1);
	check_int(operator->outputs[0], topology_topic_find(topology, "pairs"));
	check_int(operator->outputs[1], -1);
	check_int(operator->tasks, 4);
	check_int(operator->workers, 1);
	check_real(operator->dead_letter_limit, 0.01);
	check_int(operator->stage, 0);
	topology_free(&topology);
}

TEST(dead_letters_are_declared_where_the_topology_does_not)
{
	const struct topology_topic *topic;

	load_sound(sound, NULL);
	check_int(topology->topic_count, 4);
	topic = &topology->topics[topology->dead_letters];
	check_text(topic->name, "dead_letters");
	check_text(topic->log_name, "shop.dead_letters");
	check_text(topic->schema->root->name, "dead_letter");
	check_text(topic->key, "topic");
	check(!topic->time);
	check_int(topic->partitions, 1);
	topology_free(&topology);
}

TEST(a_declared_dead_letters_topic_is_taken)
{
	load_sound("name: a\ntopics:\n  dead_letters: {schema: dead_letter.avsc, key: topic, partitions: 2, "
		   "retention: 7d}\n",
		   NULL);
	check_int(topology->topic_count, 1);
	check_int(topology->dead_letters, 0);
	check_text(topology->topics[0].log_name, "a.dead_letters");
	check_int(topology->topics[0].partitions, 2);
	check_int(topology->topics[0].retention_ms, 604800000);
	topology_free(&topology);
}

TEST(of_declared_dead_letters_only_what_is_to_be_different_has_to_be_said)
{
	load_sound("name: a\ntopics: {dead_letters: {name: dead_letters}}\n", NULL);
	check_text(topology->topics[0].log_name, "dead_letters");
	check_text(topology->topics[0].schema->root->name, "dead_letter");
	check_text(topology->topics[0].key, "topic");
	check_int(topology->topics[0].retention_ms, 30 * (int64_t)86400000);
	topology_free(&topology);
}

TEST(what_else_stands_under_log_is_kept)
{
	load_sound("name: a\nlog: {type: kafka, bootstrap.servers: \"h:1\"}\ntopics: {}\n", "log.linger.ms=5");
	check_text(topology->log_type, "kafka");
	check_text(topology->log_properties[0], "bootstrap.servers");
	check_text(topology->log_properties[1], "h:1");
	check_text(topology->log_properties[2], "linger.ms");
	check_text(topology->log_properties[3], "5");
	check(!topology->log_properties[4]);
	topology_free(&topology);
}

TEST(all_that_is_wrong_under_log_is_told_with_its_place)
{
	check_problems("name: a\nlog: {type: embedded, linger.ms: 5}\ntopics: {}\n", "log.acks=all",
		       "t.yaml:2:34: log: the embedded log has no property \"linger.ms\"; is \"type: kafka\" meant?\n"
		       "--set:1:10: log: the embedded log has no property \"acks\"; is \"type: kafka\" meant?\n");
	unsetenv("ISOTOPE_TEST_NONE");
	check_problems(
		"name: a\nlog:\n  type: kafka\n  bootstrap.servers: ${ENV:ISOTOPE_TEST_NONE}:9092\n  group.id: g\n"
		"topics: {}\nnmae: b\n",
		NULL,
		"t.yaml:4:22: log: bootstrap.servers: the environment has no variable ISOTOPE_TEST_NONE\n"
		"t.yaml:5:13: log: group.id cannot be set: exactly-once depends on it\n"
		"t.yaml:7:1: unknown key \"nmae\" in the topology; did you mean \"name\"?\n");
}

TEST(settings_of_a_topic_are_read)
{
	const struct topology_topic *topic;

	load_sound("name: a\ntopics:\n  t: {schema: view.avsc, framing: confluent, schema_id: 7, writers: {3: "
		   "old_view.avsc}, cleanup: compact, retention_bytes: 1GiB, max_ahead: 1h, idle_after: 2s}\n",
		   NULL);
	topic = &topology->topics[0];
	check_int(topic->framing, FRAMING_CONFLUENT);
	check_int(topic->schema_id, 7);
	check_int(topic->writer_count, 1);
	check(topic->compacted);
	check_int(topic->retention_bytes, 1 << 30);
	check_int(topic->max_ahead_ms, 3600000);
	check_int(topic->idle_after_ms, 2000);
	check(!topic->key && !topic->time);
	topology_free(&topology);
}

TEST(overrides_are_applied_before_the_document_is_read)
{
	static const char *const overrides[] = {"operators.join.window=1min", "workers=3",
						"topics.clicks.idle_after=9s", "guarantee=at_least_once", NULL};

	write_schemas();
	write_text("t.yaml", sound);
	check_int(load(overrides), 0);
	check_int(((const struct match *)topology->operators[0].self)->window_ms, 60000);
	check_int(topology->operators[0].workers, 3);
	check_int(topology->topics[0].idle_after_ms, 9000);
	check_int(topology->guarantee, AT_LEAST_ONCE);
	topology_free(&topology);
}

TEST(an_operator_stands_above_those_it_reads_from)
{
	load_sound(chain, NULL);
	check_int(topology->operators[3].stage, 0);
	check_int(topology->operators[2].stage, 1);
	check_int(topology->operators[1].stage, 2);
	check_int(topology->operators[0].stage, 3);
	topology_free(&topology);
}

TEST(a_source_has_as_many_tasks_as_it_says)
{
	load_sound(chain, NULL);
	check_int(topology->operators[3].tasks, 3);
	check_int(topology->operators[0].tasks, 1);
	topology_free(&topology);
}

TEST(two_operators_may_write_one_topic)
{
	load_sound("name: a\ntopics: {t: {schema: click.avsc}}\noperators:\n  one: {type: tick, outputs: {out: t}}\n"
		   "  two: {type: tick, outputs: {out: t}}\n",
		   NULL);
	check_int(topology->operators[0].outputs[0], 0);
	check_int(topology->operators[1].outputs[0], 0);
	topology_free(&topology);
}

TEST(schemas_are_looked_for_in_the_directory_that_is_named)
{
	write_schemas();
	check(mkdir("more", 0755) == 0 && rename("view.avsc", "more/view.avsc") == 0);
	write_text("t.yaml", "name: a\nschemas: more\ntopics: {t: {schema: view.avsc}}\n");
	check_int(load(NULL), 0);
	check_text(topology->topics[0].schema_file, "./more/view.avsc");
	topology_free(&topology);
}

/* ---- problems ---- */

TEST(all_problems_come_at_once_in_the_order_of_the_file)
{
	char wanted[8192];

	snprintf(wanted, sizeof(wanted),
		 "t.yaml:2:1: unknown key \"memroy\" in the topology; did you mean \"memory\"?\n"
		 "t.yaml:4:37: key: record shop.click has no field \"idd\"; did you mean \"id\"?\n"
		 "t.yaml:5:19: schema \"vew.avsc\" was not found in ., ./../schemas and %s/share/isotope/schemas; did "
		 "you mean \"view.avsc\"?\n"
		 "t.yaml:5:41: partitions is \"many\"; expected a whole number such as 42\n"
		 "t.yaml:7:40: unknown topic \"click\"; did you mean \"clicks\"?\n"
		 "t.yaml:7:65: unknown topic \"pears\"; expected one of clicks, views, dead_letters\n"
		 "t.yaml:7:90: ratio is \"half\"; expected a number such as 0.05\n",
		 program_prefix());
	check_problems(
		"name: shop\n"
		"memroy: 1GiB\n"
		"topics:\n"
		"  clicks: {schema: click.avsc, key: idd, time: at}\n"
		"  views: {schema: vew.avsc, partitions: many}\n"
		"operators:\n"
		"  join: {type: match, inputs: {clicks: click}, outputs: {pairs: pears}, label: x, ratio: half}\n",
		NULL, wanted);
}

TEST(a_file_that_cannot_be_read_is_one_problem)
{
	struct error err;

	check_fails(topology_load("/nowhere/t.yaml", NULL, types, &topology, NULL, &err),
		    "/nowhere/t.yaml:1:1: the file cannot be opened: No such file or directory");
}

/* ---- any bytes at all ---- */

static size_t
mutate(struct test_random *random, char *text, size_t size)
{
	static const char signs[] = "{}[]:,-#&*!|>'\"%@ \n\t~?.x0";
	size_t at = test_random_below(random, size), length = test_random_below(random, 12);

	switch (test_random_below(random, 4)) {
	case 0:
		text[at] = signs[test_random_below(random, sizeof(signs) - 1)];
		return size;
	case 1:
		text[at] = (char)test_random_below(random, 256);
		return size;
	case 2: /* drop a few bytes */
		length = length < size - at ? length : size - at - 1;
		memmove(text + at, text + at + length, size - at - length);
		return size - length;
	default: /* repeat a few bytes */
		length = length < size - at ? length : size - at;
		memmove(text + at + length, text + at, size - at);
		return size + length;
	}
}

TEST(a_damaged_file_is_loaded_or_refused)
{
	struct test_random random = test_random_of(test_seed(1));
	char text[sizeof(sound) + 1024];
	int refused = 0;

	write_schemas();
	for (int i = 0; i < 3000; i++) {
		size_t size = sizeof(sound) - 1;
		uint64_t changes = 1 + test_random_below(&random, 8);

		memcpy(text, sound, size);
		for (uint64_t change = 0; change < changes; change++)
			size = mutate(&random, text, size);
		write_file("t.yaml", text, size);
		if (load(NULL) < 0)
			refused++;
		else
			topology_free(&topology);
	}
	check(refused > 1000 && refused < 3000);
}
