#include "dataflow/topology_schema.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define PATH_SIZE 4096	  /* bytes of a path */
#define DIRECTORIES_MAX 4 /* that a schema may be in */
#define NAMES_MAX 256	  /* names that a misspelled one is compared with */
#define INSTALLED_SCHEMAS "share/isotope/schemas"

/* ---- finding ---- */

/* The directories in the order in which they are looked through; NULL behind the last. */
struct directories {
	char paths[DIRECTORIES_MAX][PATH_SIZE];
	int count;
};

/*
 * The program's own schemas, as `make install` puts them: PREFIX/share/isotope/schemas beside PREFIX/bin/isotope. They
 * are looked for from where the program is, not from where it was installed: a tree that was moved finds its own.
 */
static bool
installed_directory(char path[PATH_SIZE])
{
	ssize_t size = readlink("/proc/self/exe", path, PATH_SIZE);
	char *slash;

	if (size <= 0 || size == PATH_SIZE)
		return false;
	path[size] = 0;
	for (int i = 0; i < 2; i++) { /* the file's name, then `bin` */
		slash = strrchr(path, '/');
		if (!slash)
			return false;
		*slash = 0;
	}
	size = (ssize_t)strlen(path);
	return snprintf(path + size, PATH_SIZE - (size_t)size, "/" INSTALLED_SCHEMAS) < PATH_SIZE - size;
}

static void
list_directories(const struct topology_loading *loading, struct directories *out)
{
	const char *own = loading->directory, *given = loading->schemas;

	out->count = 0;
	if (given && *given)
		snprintf(out->paths[out->count++], PATH_SIZE, "%s%s%s", given[0] == '/' ? "" : own,
			 given[0] == '/' ? "" : "/", given);
	snprintf(out->paths[out->count++], PATH_SIZE, "%s", own);
	snprintf(out->paths[out->count++], PATH_SIZE, "%s/../schemas", own);
	if (installed_directory(out->paths[out->count]))
		out->count++;
}

static int
add_names(const char *directory, char **names, int count)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;

	while (stream && count < NAMES_MAX && (entry = readdir(stream)))
		if (strlen(entry->d_name) > 5 && strcmp(entry->d_name + strlen(entry->d_name) - 5, ".avsc") == 0)
			names[count++] = memory_text(entry->d_name);
	if (stream)
		closedir(stream);
	return count;
}

static void
report_not_found(struct topology_loading *loading, const struct directories *directories, struct yaml_place place,
		 const char *file)
{
	char *names[NAMES_MAX + 1] = {0};
	struct buffer places = {0};
	const char *closest;
	int count = 0;

	for (int i = 0; i < directories->count; i++) {
		buffer_print(&places, "%s%s",
			     i == 0			  ? ""
			     : i + 1 < directories->count ? ", "
							  : " and ",
			     directories->paths[i]);
		count = add_names(directories->paths[i], names, count);
	}
	closest = option_closest(file, (const char *const *)names);
	yaml_problems_add(&loading->problems, place, "schema \"%.200s\" was not found in %.*s%s%s%s", file,
			  bytes_arguments(buffer_bytes(&places)), closest ? "; did you mean \"" : "",
			  closest ? closest : "", closest ? "\"?" : "");
	for (int i = 0; i < count; i++)
		memory_free(&names[i]);
	buffer_fini(&places);
}

static bool
find_schema(struct topology_loading *loading, struct yaml_place place, const char *file, char path[PATH_SIZE])
{
	struct directories directories;

	if (file[0] == '/') {
		snprintf(path, PATH_SIZE, "%s", file);
		if (access(path, R_OK) == 0)
			return true;
		yaml_problems_add(&loading->problems, place, "schema \"%.200s\" cannot be read", file);
		return false;
	}
	list_directories(loading, &directories);
	for (int i = 0; i < directories.count; i++)
		if (snprintf(path, PATH_SIZE, "%s/%s", directories.paths[i], file) < PATH_SIZE &&
		    access(path, R_OK) == 0)
			return true;
	report_not_found(loading, &directories, place, file);
	return false;
}

/* Reads one schema file; its root must be a record. */
static struct schema_document *
read_schema(struct topology_loading *loading, struct yaml_place place, const char *file, char path[PATH_SIZE])
{
	struct schema_document *document = NULL;
	struct error err;

	if (!find_schema(loading, place, file, path))
		return NULL;
	if (schema_parse_file(path, &document, &err) < 0) {
		bool named = strncmp(err.text, path, strlen(path)) == 0;

		yaml_problems_add(&loading->problems, place, "schema %s%s%s", named ? "" : path, named ? "" : ": ",
				  err.text);
		return NULL;
	}
	if (document->root->type == SCHEMA_RECORD)
		return document;
	yaml_problems_add(&loading->problems, place, "schema %s is of type %s; expected a record", path,
			  schema_type_name(document->root->type));
	schema_free(&document);
	return NULL;
}

/* ---- fields ---- */

static void
report_no_field(struct topology_loading *loading, struct yaml_place place, const struct schema *record,
		const char *option, const char *name)
{
	const char *names[NAMES_MAX + 1];
	char hint[TOPOLOGY_HINT_SIZE];
	int count = 0;

	for (; count < record->field_count && count < NAMES_MAX; count++)
		names[count] = record->fields[count].name;
	names[count] = NULL;
	yaml_problems_add(&loading->problems, place, "%s: record %s has no field \"%.100s\"%s", option, record->name,
			  name, topology_hint(hint, name, names));
}

static const char *
describe(const struct schema *schema)
{
	return schema->timestamp ? schema->timestamp : schema_type_name(schema->type);
}

/* A key is a text and an event time is a timestamp-millis, neither of them nullable: each record has one. */
static bool
read_field(struct topology_loading *loading, struct yaml_place place, const struct schema *record, const char *option,
	   const char *name, struct field *out)
{
	bool is_key = strcmp(option, "key") == 0;
	const struct schema_field *found = schema_field_find(record, name);
	const struct schema *schema = found ? found->schema : NULL;
	struct error err;

	if (!found) {
		report_no_field(loading, place, record, option, name);
		return false;
	}
	if (is_key ? schema->type != SCHEMA_STRING
		   : schema->type != SCHEMA_LONG || schema->logical != LOGICAL_TIMESTAMP_MILLIS) {
		yaml_problems_add(&loading->problems, place,
				  "%s is field %s of record %s, which is %s%s; expected a %s%s", option, name,
				  record->name, schema->type == SCHEMA_UNION ? "a union" : "of type ",
				  schema->type == SCHEMA_UNION ? "" : describe(schema),
				  is_key ? "string" : "long with logicalType timestamp-millis",
				  is_key || !found->stray_logical
					  ? ""
					  : ". Its logicalType is beside the field's name, where Avro ignores it: put "
					    "it into the type, {\"type\": \"long\", \"logicalType\": "
					    "\"timestamp-millis\"}");
		return false;
	}
	if (record_field(record, name, schema->type, out, &err) == 0)
		return true;
	yaml_problems_add(&loading->problems, place, "%s: %s", option, err.text);
	return false;
}

/* ---- writers ---- */

static void
read_writer(struct topology_loading *loading, struct topology_topic *topic, const struct yaml_node *file, uint32_t id)
{
	struct schema_document *document;
	char path[PATH_SIZE];
	struct error err;

	if (file->kind != YAML_TEXT || file->empty) {
		yaml_problems_add(&loading->problems, file->place,
				  "a writer is %s; expected the file of an Avro schema",
				  file->kind == YAML_TEXT ? "empty" : yaml_kind_name(file->kind));
		return;
	}
	document = read_schema(loading, file->place, file->text, path);
	if (!document)
		return;
	topic->writers[topic->writer_count++] = document;
	if (codec_add_writer(topic->codec, document, id, &err) < 0)
		yaml_problems_add(&loading->problems, file->place, "writer %s does not go with %s: %s", path,
				  topic->schema_file, err.text);
}

static bool
parse_id(const char *text, uint32_t *id)
{
	int64_t value;
	struct error err;
	struct option option = {.name = "id", .type = OPTION_INTEGER, .min = 0, .max = INT32_MAX};

	if (option_parse(&option, text, &value, &err) < 0)
		return false;
	*id = (uint32_t)value;
	return true;
}

/* A list of files; with confluent framing a map of id: file. */
static void
read_writers(struct topology_loading *loading, const struct yaml_entry *topic_entry, struct topology_topic *topic)
{
	const struct yaml_entry *entry = topic_entry ? yaml_find(topic_entry->value, "writers") : NULL;
	bool by_id = topic->framing == FRAMING_CONFLUENT;
	const struct yaml_node *list = entry ? entry->value : NULL;
	uint32_t id = 0;

	if (!entry)
		return;
	if (topic->framing == FRAMING_RAW || list->kind != (by_id ? YAML_MAP : YAML_LIST)) {
		yaml_problems_add(
			&loading->problems, list->place, "writers is %s; expected %s", yaml_kind_name(list->kind),
			by_id				? "a map such as {7: old.avsc}"
			: topic->framing == FRAMING_RAW ? "none, since raw values do not say which schema wrote them"
							: "a list such as [old.avsc]");
		return;
	}
	if (list->count >= CODEC_WRITERS_MAX) {
		yaml_problems_add(&loading->problems, list->place, "writers has %d entries; expected less than %d",
				  list->count, CODEC_WRITERS_MAX);
		return;
	}
	topic->writers = memory_new_array((size_t)list->count + 1, sizeof(struct schema_document *));
	for (int i = 0; i < list->count; i++) {
		const struct yaml_entry *writer = &list->entries[i];

		if (by_id && !parse_id(writer->name, &id))
			yaml_problems_add(&loading->problems, writer->place,
					  "\"%.100s\" is no schema id; expected a whole number such as 7",
					  writer->name);
		else
			read_writer(loading, topic, writer->value, id);
	}
}

/* ---- topics ---- */

static struct yaml_place
place_of_key(const struct topology_loading *loading, const struct yaml_entry *entry, const char *key)
{
	const struct yaml_entry *found = entry ? yaml_find(entry->value, key) : NULL;

	return found ? found->value->place : entry ? entry->place : loading->yaml.root->place;
}

static void
read_topic_schema(struct topology_loading *loading, int number)
{
	struct topology_topic *topic = &loading->topology->topics[number];
	const struct yaml_entry *entry = loading->topic_entries[number];
	struct yaml_place place = place_of_key(loading, entry, "schema");
	const struct schema *record;
	char path[PATH_SIZE];
	struct error err;
	bool good = true;

	topic->schema = read_schema(loading, place, topic->schema_file, path);
	if (!topic->schema)
		return;
	memory_free(&topic->schema_file);
	topic->schema_file = memory_text(path);
	record = topic->schema->root;
	topic->bounds = bounds_new(record);
	if (topic->key)
		good &= read_field(loading, place_of_key(loading, entry, "key"), record, "key", topic->key,
				   &topic->key_field);
	if (topic->time)
		good &= read_field(loading, place_of_key(loading, entry, "time"), record, "time", topic->time,
				   &topic->time_field);
	if (!good || topic->partitions == TOPOLOGY_UNSOUND)
		return;
	if (codec_new((enum framing)topic->framing, topic->schema, (uint32_t)topic->schema_id, &topic->codec, &err) < 0)
		yaml_problems_add(&loading->problems, place, "schema %s: %s", path, err.text);
	else
		read_writers(loading, entry, topic);
}

/* The runtime writes dead letters itself: the topic must be as it expects. */
static void
check_dead_letters(struct topology_loading *loading)
{
	static const struct {
		const char *name;
		enum schema_type type;
	} fields[] = {
		{"topic", SCHEMA_STRING},    {"partition", SCHEMA_INT},	   {"offset", SCHEMA_LONG},
		{"operator", SCHEMA_STRING}, {"reason", SCHEMA_STRING},	   {"key", SCHEMA_BYTES},
		{"value", SCHEMA_BYTES},     {"record_time", SCHEMA_LONG}, {"failed_at", SCHEMA_LONG},
	};
	int number = loading->topology->dead_letters;
	const struct topology_topic *topic = &loading->topology->topics[number];
	struct yaml_place place = place_of_key(loading, loading->topic_entries[number], "schema");
	struct field field;
	struct error err;

	if (!topic->codec)
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		bool nullable = strcmp(fields[i].name, "key") == 0;
		int result = record_field(topic->schema->root, fields[i].name, fields[i].type, &field, &err);

		if (result == 0 && field.branch_slot >= 0 && !nullable)
			result = fail(&err, FATAL, "field %s may be null; expected a plain %s", fields[i].name,
				      schema_type_name(fields[i].type));
		if (result < 0)
			yaml_problems_add(&loading->problems, place, "topic %s: %s; expected the schema %s",
					  topic->name, err.text, TOPOLOGY_DEAD_LETTER_SCHEMA);
	}
	if (!topic->key || strcmp(topic->key, "topic") != 0)
		yaml_problems_add(&loading->problems, place_of_key(loading, loading->topic_entries[number], "key"),
				  "topic %s is keyed by %s; expected \"key: topic\"", topic->name,
				  topic->key ? topic->key : "nothing");
}

void
topology_read_schemas(struct topology_loading *loading)
{
	for (int i = 0; i < loading->topology->topic_count; i++)
		if (loading->topology->topics[i].schema_file)
			read_topic_schema(loading, i);
	check_dead_letters(loading);
}
