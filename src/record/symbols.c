#include "record/symbols.h"

#include <string.h>

#include "base/buffer.h"

static int
number_of(const char *symbol, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], symbol) == 0)
			return i;
	return -1;
}

static int
refuse(const struct schema *enumeration, const char *symbol, const char *const *names, int count, struct error *err)
{
	struct buffer list = {0};

	for (int i = 0; i < count; i++)
		buffer_print(&list, "%s%s", i ? ", " : "", names[i]);
	fail(err, FATAL, "the enum %s has the symbol %s; expected %.*s", schema_short_name(enumeration), symbol,
	     bytes_arguments(buffer_bytes(&list)));
	buffer_fini(&list);
	return -1;
}

int
symbol_map_init(struct symbol_map *map, const struct schema *enumeration, const char *const *names, int count,
		struct error *err)
{
	insist(count <= SYMBOLS_MAX);
	if (enumeration->symbol_count > SYMBOLS_MAX)
		return fail(err, FATAL, "the enum %s has %d symbols; expected at most %d",
			    schema_short_name(enumeration), enumeration->symbol_count, SYMBOLS_MAX);
	for (int i = 0; i < count; i++)
		map->to_symbol[i] = -1;
	for (int i = 0; i < enumeration->symbol_count; i++) {
		int number = number_of(enumeration->symbols[i], names, count);

		if (number < 0)
			return refuse(enumeration, enumeration->symbols[i], names, count, err);
		map->to_number[i] = number;
		map->to_symbol[number] = i;
	}
	return 0;
}

int
symbol_map_complete(const struct symbol_map *map, const struct schema *enumeration, const char *const *names, int count,
		    struct error *err)
{
	for (int i = 0; i < count; i++)
		if (map->to_symbol[i] < 0)
			return fail(err, FATAL, "the enum %s has no symbol %s; add it, since it is written",
				    schema_short_name(enumeration), names[i]);
	return 0;
}
