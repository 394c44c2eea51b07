/* The vectors of the Avro project: schemas with their canonical forms and fingerprints (tests/data/avro). */
/* It would tear JSON and its macros apart. */
/* clang-format off */
#include <stdio.h>

#include "tests/record/support.h"

static char *
read_file(const char *name)
{
	char *path = memory_format("%s/tests/data/avro/%s", test_source_root(), name);
	char *text = memory_new(100000);
	FILE *file = fopen(path, "re");

	check(file != NULL);
	check(fread(text, 1, 99999, file) > 0);
	fclose(file);
	memory_free(&path);
	return text;
}

/* The text behind "<<name ", up to the line's end or, with nothing on that line, up to the line "name". */
static char *
section(char *at, const char *name, char **rest)
{
	char start[32], *end;

	snprintf(start, sizeof(start), "\n<<%s", name);
	at = strstr(at, start);
	if (!at)
		return NULL;
	at += strlen(start);
	if (*at == '\n') {
		snprintf(start, sizeof(start), "\n%s\n", name);
		end = strstr(at, start);
	} else {
		end = strchr(at, '\n');
	}
	*rest = end;
	return strndup(at + 1, (size_t)(end - at - 1));
}

static void
check_vector(char *at, char *end, int *fingerprints)
{
	char *rest, *json = section(at, "INPUT", &rest), *canonical = section(rest, "canonical", &rest), *number = NULL;
	struct schema_document *document = parse(json);
	char *got = schema_canonical(document->root);

	check_text(got, canonical);
	if (rest < end && strncmp(rest, "\n<<fingerprint ", 15) == 0)
		number = section(rest, "fingerprint", &rest);
	if (number) {
		check_int((int64_t)document->fingerprint, strtoll(number, NULL, 10));
		++*fingerprints;
	}
	schema_free(&document);
	memory_free(&got);
	free(json);
	free(canonical);
	free(number);
}

TEST(canonical_forms_and_fingerprints_are_those_of_the_specification)
{
	char *text = read_file("schema-tests.txt");
	int vectors = 0, fingerprints = 0;

	for (char *at = strstr(text, "\n// 0"); at; vectors++) {
		char *next = strstr(at + 1, "\n// 0");

		check_vector(at, next ? next : at + strlen(at), &fingerprints);
		at = next;
	}
	check_int(vectors, 34);
	check_int(fingerprints, 26);
	memory_free(&text);
}

TEST(what_does_not_change_the_encoding_is_left_out)
{
	struct schema_document *document = parse("{\"type\":\"record\",\"name\":\"r\",\"namespace\":\"n\","
		"\"doc\":\"d\",\"fields\":[" "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"e\","
		"\"symbols\":[\"A\"],\"default\":\"A\"},\"default\":\"A\"},"
		"{\"name\":\"again\",\"type\":\"e\"}," "{\"name\":\"t\",\"type\":{\"type\":\"long\","
		"\"logicalType\":\"timestamp-millis\"}}]}");
	char *canonical = schema_canonical(document->root);

	check_text(canonical,
		   "{\"name\":\"n.r\",\"type\":\"record\",\"fields\":[{\"name\":\"e\",\"type\":{\"name\":\"n.e\","
		   "\"type\":\"enum\",\"symbols\":[\"A\"]}},{\"name\":\"again\",\"type\":\"n.e\"},"
		   "{\"name\":\"t\",\"type\":\"long\"}]}");
	memory_free(&canonical);
	schema_free(&document);
}

static struct schema_document *
parsed(const char *json)
{
	struct schema_document *document;
	struct error err;

	check_ok(schema_parse(bytes_of_text(json), &document, &err));
	return document;
}

#define TIMES(unit) "{\"type\":\"record\",\"name\":\"r\",\"fields\":[" NULLABLE(LONG_OF(unit)) "]}"
#define NULLABLE(type) "{\"name\":\"n\",\"type\":[\"null\"," type "]}"
#define LONG_OF(unit) "{\"type\":\"long\",\"logicalType\":\"timestamp-" unit "\"}"

TEST(what_a_schema_means_has_the_units_of_its_timestamps)
{
	struct schema_document *document = parsed(TIMES("micros")), *again;
	char *meaning = schema_meaning(document->root), *twice;

	check_text(meaning, "{\"name\":\"r\",\"type\":\"record\",\"fields\":[{\"name\":\"n\",\"type\":[\"null\","
			    "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}]}]}");
	again = parsed(meaning);
	twice = schema_meaning(again->root);
	check_text(twice, meaning);
	check_int((int64_t)again->fingerprint, (int64_t)document->fingerprint);
	memory_free(&meaning);
	memory_free(&twice);
	schema_free(&document);
	schema_free(&again);
}
