#include "cli/manual_topology.h"

#include <string.h>

#include "cli/help.h"
#include "cli/manual.h"
#include "dataflow/topology.h"
#include "dataflow/topology_keys.h"
#include "log/log.h"

struct page {
	const char *name, *help;
	const char *manual;
	const char *example;
	const struct option *const *tables;
};

#define TEXT_OF(number) #number
#define NUMBER(macro) TEXT_OF(macro)

/* clang-format off */
static const struct page pages[] = {
	{.name = "topology",
	 .help = "The keys of a topology file itself.",
	 .manual = "A topology is one YAML file of at most " NUMBER(TOPOLOGY_FILE_SIZE_MAX) " bytes, with at most "
		   NUMBER(TOPOLOGY_TOPICS_MAX) " topics and " NUMBER(TOPOLOGY_OPERATORS_MAX) " operators of at most "
		   NUMBER(TOPOLOGY_PORTS_MAX) " inputs, outputs and tables each. `isotope validate` says what is wrong "
		   "with it, and where.\n"
		   "Any value may name a variable or a file: ${ENV:NAME}, ${FILE:path}, also inside a text "
		   "(\"${ENV:HOST}:9092\"). A file is taken without the line ends at its end. $${ stands for ${ "
		   "itself. What is filled in is never printed.\n"
		   "log: {type: embedded} keeps topics in the data directory. {type: kafka, bootstrap.servers: "
		   "\"host:9092\"} is a cluster: all other keys go to librdkafka under its own names, but "
		   "replication.factor, which new topics get. What exactly-once depends on cannot be set: "
		   "enable.idempotence, isolation.level, group.id and the like.\n"
		   "topics and operators are maps by name: `isotope operators topics`, `isotope operators TYPE`.\n",
	 .example = "name: NAME\n  log: {type: embedded}\n  topics:\n    TOPIC: {schema: FILE.avsc}\n  operators:\n"
		    "    NAME: {type: TYPE}\n",
	 .tables = topology_keys},
	{.name = "topics",
	 .help = "The keys of a topic, below topics.NAME.",
	 .manual = "The event time of a record is its `time` field. Wrong clocks meet four bounds. A record before "
		   "not_before, or ahead by more than max_ahead, is a dead letter. One that runs ahead of its "
		   "partition "
		   "by more than max_jump moves no watermark until it is confirmed, and is a dead letter if the next "
		   "record is back on course. One behind the watermark (out_of_orderness) is late: what becomes of it "
		   "is on the operator's page. Times further than 2^50 ms from 1970 are always dead letters.\n"
		   "A partition that has been silent for idle_after no longer holds the watermark back; what it brings "
		   "afterwards may be late.\n"
		   "`writers` names further schemas that values may have been written with: a list of files, or with "
		   "confluent framing a map of id and file; fewer than " NUMBER(CODEC_WRITERS_MAX) ". They are "
		   "resolved "
		   "by Avro's rules.\n"
		   "The name of a topic has 1 to " NUMBER(LOG_TOPIC_NAME_SIZE_MAX) " letters, digits, '.', '_' or '-'. "
		   "A record has at most " NUMBER(LOG_RECORD_SIZE_MAX) " bytes of key and value, on Kafka also no more "
		   "than its topic takes (max.message.bytes). A larger row is a dead letter; `produce` refuses it.\n",
	 .example = "topics:\n    NAME: {schema: FILE.avsc, key: FIELD, time: FIELD, partitions: 4}\n",
	 .tables = topology_topic_keys},
};
/* clang-format on */

static void
put_page(struct buffer *out, const struct page *page)
{
	buffer_print(out, "%s: ", page->name);
	help_wrap(out, page->help, (int)strlen(page->name) + 2, MANUAL_INDENT);
	manual_paragraphs(out, page->manual);
	buffer_print(out, "\nIn a topology\n  %s\nKeys\n", page->example);
	for (const struct option *const *table = page->tables; *table; table++)
		manual_options(out, *table);
}

bool
manual_topology(struct buffer *out, const char *name)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(pages[i].name, name) == 0) {
			put_page(out, &pages[i]);
			return true;
		}
	return false;
}
