#include "dataflow/yaml.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/test.h"

static struct yaml yaml;
static struct yaml_problems problems;
static char said[65536];

/* Loads `text` as the file t.yaml. What was found wrong is in `said`. */
static int
load(const char *text, size_t size)
{
	struct buffer lines = {0};
	FILE *file;
	int result;

	check(chdir(test_directory()) == 0);
	file = fopen("t.yaml", "wb");
	fwrite(text, 1, size, file);
	fclose(file);
	problems = (struct yaml_problems){.file = "t.yaml"};
	yaml = (struct yaml){0};
	result = yaml_load(&yaml, "t.yaml", 60000, &problems);
	yaml_problems_print(&problems, &lines);
	snprintf(said, sizeof(said), "%.*s", bytes_arguments(buffer_bytes(&lines)));
	buffer_fini(&lines);
	check((result < 0) == (problems.count > 0));
	return result;
}

static void
done(void)
{
	yaml_problems_fini(&problems);
	yaml_fini(&yaml);
}

static void
check_refused(const char *text, const char *wanted)
{
	check_int(load(text, strlen(text)), -1);
	check_text(said, wanted);
	done();
}

static void
override(const char *text)
{
	check_int(yaml_override(&yaml, text, 1, "log", &problems), 0);
}

static const char *
text_at(const char *first, const char *second, const char *third)
{
	const struct yaml_entry *entry = yaml_find(yaml.root, first);

	if (second)
		entry = yaml_find(entry->value, second);
	if (third)
		entry = yaml_find(entry->value, third);
	return entry && entry->value->kind == YAML_TEXT ? entry->value->text : "(none)";
}

TEST(maps_lists_and_texts_know_their_place)
{
	static const char text[] = "# comment\na: 1\nb: {c: [x, 'y z']}\n";
	const struct yaml_entry *b, *c;

	check_int(load(text, strlen(text)), 0);
	check_text(text_at("a", NULL, NULL), "1");
	b = yaml_find(yaml.root, "b");
	check_int(b->place.line, 3);
	check_int(b->place.column, 1);
	c = yaml_find(b->value, "c");
	check_int(c->value->kind, YAML_LIST);
	check_int(c->value->count, 2);
	check_text(c->value->entries[1].value->text, "y z");
	check_int(c->value->entries[1].place.line, 3);
	check_int(c->value->entries[1].place.column, 12);
	check(!yaml_find(yaml.root, "c"));
	done();
}

TEST(a_byte_order_mark_is_passed_over)
{
	static const char text[] = "\xef\xbb\xbf"
				   "a: 1\nb: 2\n";

	check_int(load(text, strlen(text)), 0);
	check_text(text_at("a", NULL, NULL), "1");
	check_int(yaml_find(yaml.root, "a")->place.column, 1);
	done();
}

TEST(only_unquoted_nothing_is_empty)
{
	static const char text[] = "a:\nb: ~\nc: null\nd: ''\ne: 'null'\n";

	check_int(load(text, strlen(text)), 0);
	check(yaml_find(yaml.root, "a")->value->empty);
	check(yaml_find(yaml.root, "b")->value->empty);
	check(yaml_find(yaml.root, "c")->value->empty);
	check(!yaml_find(yaml.root, "d")->value->empty);
	check(!yaml_find(yaml.root, "e")->value->empty);
	done();
}

TEST(a_map_may_grow)
{
	struct buffer text = {0};

	for (int i = 0; i < 1000; i++)
		buffer_print(&text, "k%d: %d\n", i, i);
	check_int(load((const char *)text.data, text.size), 0);
	check_int(yaml.root->count, 1000);
	check_text(text_at("k999", NULL, NULL), "999");
	buffer_fini(&text);
	done();
}

TEST(what_is_not_yaml_is_refused_with_its_place)
{
	check_refused("a: [1, 2\nb: 3\n", "t.yaml:2:2: this is not YAML: did not find expected ',' or ']' "
					  "while parsing a flow sequence\n");
	check_refused("a: 'x\n", "t.yaml:2:1: this is not YAML: found unexpected end of stream while scanning a "
				 "quoted "
				 "scalar\n");
}

TEST(bytes_that_are_no_utf_8_are_refused)
{
	check_int(load("a: \xff\xfe\n", 6), -1);
	check_contains(said, "this is not YAML: invalid leading UTF-8 octet at byte 3");
	done();
}

TEST(a_zero_byte_in_a_text_is_refused)
{
	check_refused("a: \"x\\0y\"\n", "t.yaml:1:4: a text has a zero byte in it\n");
}

TEST(an_empty_document_is_refused)
{
	check_refused("", "t.yaml:1:1: the file is empty; expected a map of keys such as \"name: x\"\n");
	check_refused("# nothing\n", "t.yaml:1:1: the file is empty; expected a map of keys such as \"name: x\"\n");
	check_refused("- a\n- b\n", "t.yaml:1:1: the document is a list; expected a map of keys such as \"name: "
				    "x\"\n");
	check_refused("hello\n", "t.yaml:1:1: the document is a text; expected a map of keys such as \"name: x\"\n");
}

TEST(a_duplicate_key_is_refused)
{
	check_refused("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: duplicate key \"a\"; it stands in line 1 already\n");
}

TEST(a_key_must_be_a_name)
{
	check_refused("? [a]\n: 1\n", "t.yaml:1:3: a key is a map or a list; expected a name\n");
}

TEST(anchors_and_aliases_are_refused)
{
	static const char wanted[] = "anchors (&) and aliases (*) are not taken; write the value out\n";

	check_int(load("a: &x [1]\nb: *x\n", 16), -1);
	check_contains(said, "t.yaml:1:4: ");
	check_contains(said, wanted);
	done();
	check_int(load("a: *x\n", 6), -1);
	check_contains(said, wanted);
	done();
}

TEST(a_second_document_is_refused)
{
	check_refused("a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document begins here; expected one\n");
}

TEST(nesting_has_a_limit)
{
	char text[4096];

	memset(text, '[', sizeof(text));
	memcpy(text, "a: ", 3);
	check_int(load(text, sizeof(text)), -1);
	check_contains(said, "more than 32 maps and lists inside each other");
	done();
}

TEST(entries_of_one_list_have_a_limit)
{
	struct buffer text = {0};

	buffer_print(&text, "a:\n");
	for (int i = 0; i <= YAML_ENTRIES_MAX; i++)
		buffer_print(&text, "- %d\n", i);
	check_int(load((const char *)text.data, text.size), -1);
	check_contains(said, "t.yaml:4002:3: more than 4000 entries in one map or list");
	buffer_fini(&text);
	done();
}

TEST(a_file_has_a_largest_size)
{
	static char text[60001];

	memset(text, '#', sizeof(text));
	check_int(load(text, sizeof(text)), -1);
	check_text(said, "t.yaml:1:1: the file is larger than 60000 bytes\n");
	done();
}

TEST(a_missing_file_says_why)
{
	problems = (struct yaml_problems){.file = "none.yaml"};
	check(chdir(test_directory()) == 0);
	check_int(yaml_load(&yaml, "none.yaml", 100, &problems), -1);
	check_int(problems.count, 1);
	done();
}

TEST(problems_come_in_the_order_of_the_document)
{
	struct buffer lines = {0};

	problems = (struct yaml_problems){.file = "t.yaml"};
	yaml_problems_add(&problems, (struct yaml_place){.line = 3, .column = 1}, "third");
	yaml_problems_add(&problems, (struct yaml_place){.overridden = true, .line = 1, .column = 4}, "last");
	yaml_problems_add(&problems, (struct yaml_place){.line = 2, .column = 9}, "second\n\033[1m");
	yaml_problems_add(&problems, (struct yaml_place){.line = 2, .column = 1}, "first");
	yaml_problems_print(&problems, &lines);
	check_bytes(buffer_bytes(&lines), bytes_of_text("t.yaml:2:1: first\nt.yaml:2:9: second??[1m\n"
							"t.yaml:3:1: third\n--set:1:4: last\n"));
	buffer_fini(&lines);
	yaml_problems_fini(&problems);
}

TEST(only_so_many_problems_are_kept)
{
	struct buffer lines = {0};

	problems = (struct yaml_problems){.file = "t.yaml"};
	for (int i = 0; i < YAML_PROBLEMS_MAX + 5; i++)
		yaml_problems_add(&problems, (struct yaml_place){.line = i + 1, .column = 1}, "x");
	yaml_problems_print(&problems, &lines);
	buffer_put_u8(&lines, 0);
	check_contains((const char *)lines.data, "t.yaml:100:1: x\nt.yaml:1:1: 5 more problems are not shown\n");
	buffer_fini(&lines);
	yaml_problems_fini(&problems);
}

TEST(an_override_replaces_adds_and_makes_what_is_on_the_way)
{
	static const char text[] = "a: {b: {c: 1}}\n";

	check_int(load(text, strlen(text)), 0);
	override("a.b.c=2");
	check_text(text_at("a", "b", "c"), "2");
	override("a.b.d=x=y z");
	check_text(text_at("a", "b", "d"), "x=y z");
	override("n.e.w=3");
	check_text(text_at("n", "e", "w"), "3");
	override("a.b=4");
	check_text(text_at("a", "b", NULL), "4");
	override("a=");
	check(yaml_find(yaml.root, "a")->value->empty);
	done();
}

TEST(an_override_finds_keys_with_dots_in_them)
{
	static const char text[] = "topics: {my.topic: {key: id}, my: {key: a}}\n";

	check_int(load(text, strlen(text)), 0);
	override("topics.my.topic.key=other");
	check_text(text_at("topics", "my.topic", "key"), "other");
	check_text(text_at("topics", "my", "key"), "a");
	override("topics.my.key=b");
	check_text(text_at("topics", "my", "key"), "b");
	done();
}

TEST(below_the_log_the_rest_of_an_override_is_one_key)
{
	static const char text[] = "a: 1\n";

	check_int(load(text, strlen(text)), 0);
	override("log.bootstrap.servers=host:9092");
	check_text(text_at("log", "bootstrap.servers", NULL), "host:9092");
	override("log.type=kafka");
	check_text(text_at("log", "type", NULL), "kafka");
	done();
}

TEST(an_override_knows_its_place)
{
	static const char text[] = "a: {b: 1}\n";
	const struct yaml_entry *entry;

	check_int(load(text, strlen(text)), 0);
	check_int(yaml_override(&yaml, "a.c=5", 3, NULL, &problems), 0);
	entry = yaml_find(yaml_find(yaml.root, "a")->value, "c");
	check(entry->place.overridden && entry->value->place.overridden);
	check_int(entry->place.line, 3);
	check_int(entry->place.column, 3);
	check_int(entry->value->place.column, 5);
	done();
}

TEST(an_override_that_cannot_be_says_why)
{
	static const char *const wrong[] = {"abc", "=x", "a.b.c=1", "l.x=1", ".a=1", "a..b=1", "a.=1", NULL};
	static const char text[] = "a: {b: 1}\nl: [1]\n";
	struct buffer lines = {0};

	check_int(load(text, strlen(text)), 0);
	for (int i = 0; wrong[i]; i++)
		check_int(yaml_override(&yaml, wrong[i], i + 1, NULL, &problems), -1);
	yaml_problems_print(&problems, &lines);
	check_bytes(buffer_bytes(&lines),
		    bytes_of_text("--set:1:1: \"abc\" cannot be set; expected path.to.key=value\n"
				  "--set:2:1: \"=x\" cannot be set; expected path.to.key=value\n"
				  "--set:3:5: \"a.b.c=1\" cannot be set: \"a.b\" is no map\n"
				  "--set:4:3: \"l.x=1\" cannot be set: \"l\" is no map\n"
				  "--set:5:1: \".a=1\" cannot be set: \"\" has an empty key behind it\n"
				  "--set:6:3: \"a..b=1\" cannot be set: \"a\" has an empty key behind it\n"
				  "--set:7:3: \"a.=1\" cannot be set: \"a\" has an empty key behind it\n"));
	buffer_fini(&lines);
	done();
}
