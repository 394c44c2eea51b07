#include "dataflow/topology_schema.h"

#include "tests/dataflow/topology_fixture.h"
#include "tests/test.h"

TEST(a_schema_that_is_not_there_says_where_it_was_looked_for)
{
	char wanted[8192];

	snprintf(wanted, sizeof(wanted),
		 "--set:1:22: schema \"clik.avsc\" was not found in ., ./../schemas and %s/share/isotope/schemas; did "
		 "you mean \"click.avsc\"?\n",
		 program_prefix());
	check_override("topics.clicks.schema=clik.avsc", wanted);
	check_override("topics.clicks.schema=/nowhere/x.avsc",
		       "--set:1:22: schema \"/nowhere/x.avsc\" cannot be read\n");
}

TEST(a_schema_that_does_not_parse_is_refused_with_the_reason)
{
	static const char *const overrides[] = {"topics.clicks.schema=bad.avsc", NULL};

	write_schemas();
	write_text("t.yaml", sound);
	write_text("bad.avsc", "{\"type\": \"record\", \"name\": \"click\"");
	check_int(load(overrides), -1);
	check_contains(said, "--set:1:22: schema ./bad.avsc");
	write_text("bad.avsc", "\"long\"");
	check_int(load(overrides), -1);
	check_text(said, "--set:1:22: schema ./bad.avsc is of type long; expected a record\n");
}

TEST(the_record_of_a_topic_must_be_the_ports)
{
	check_problems(sound, "topics.views.schema=click.avsc",
		       "t.yaml:9:37: input views of operator join carries records \"view\"; topic views has "
		       "\"click\" (./click.avsc)\n");
}

TEST(key_and_time_must_be_fields)
{
	check_override("topics.pairs.time=att",
		       "--set:1:19: time: record shop.click has no field \"att\"; did you mean \"at\"?\n");
}

TEST(key_and_time_have_types)
{
	check_override("topics.pairs.time=count",
		       "--set:1:19: time is field count of record shop.click, which is of type "
		       "long; expected a long with logicalType timestamp-millis\n");
	check_override("topics.pairs.time=at_us",
		       "--set:1:19: time is field at_us of record shop.click, which is of type "
		       "timestamp-micros; expected a long with logicalType timestamp-millis\n");
	check_override(
		"topics.pairs.key=count",
		"--set:1:18: key is field count of record shop.click, which is of type long; expected a string\n");
	check_override("topics.pairs.key=note",
		       "--set:1:18: key is field note of record shop.click, which is a union; expected a string\n");
}

TEST(a_logical_type_beside_the_name_is_pointed_at)
{
	write_schemas();
	write_text("stray.avsc", "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"at\",\"type\":\"long\","
				 "\"logicalType\":\"timestamp-millis\"}]}");
	write_text("t.yaml", "name: a\ntopics: {t: {schema: stray.avsc, time: at}}\n");
	check_int(load(NULL), -1);
	check_text(said, "t.yaml:2:40: time is field at of record r, which is of type long; expected a long with "
			 "logicalType timestamp-millis. Its logicalType is beside the field's name, where Avro ignores "
			 "it: put it into the type, {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}\n");
}

TEST(a_dead_letters_topic_must_be_as_the_runtime_writes_it)
{
	check_problems("name: a\ntopics: {dead_letters: {schema: dead_letter.avsc, key: reason}}\n", NULL,
		       "t.yaml:2:56: topic dead_letters is keyed by reason; expected \"key: topic\"\n");
	write_schemas();
	write_text("t.yaml", "name: a\ntopics: {dead_letters: {schema: view.avsc, key: id}}\n");
	check_int(load(NULL), -1);
	check_contains(said, "expected the schema dead_letter.avsc");
}
