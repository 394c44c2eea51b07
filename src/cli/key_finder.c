#include "cli/key_finder.h"

void
key_finder_init(struct key_finder *finder, const struct topology_topic *topic)
{
	*finder = (struct key_finder){.topic = topic};
	record_init(&finder->record, codec_schema(topic->codec));
}

void
key_finder_fini(struct key_finder *finder)
{
	record_fini(&finder->record);
	arena_fini(&finder->arena);
}

struct bytes
key_finder_of_record(const struct key_finder *finder)
{
	struct bytes key;

	if (!finder->topic->key)
		return (struct bytes){0};
	key = record_bytes(&finder->record, finder->topic->key_field);
	return key.data ? key : bytes_of("", 0); /* an empty key is a key */
}

struct bytes
key_finder_of_value(struct key_finder *finder, struct bytes value)
{
	struct error err;

	arena_reset(&finder->arena);
	if (!finder->topic->key || codec_decode(finder->topic->codec, value, &finder->record, &finder->arena, &err) < 0)
		return (struct bytes){0};
	return key_finder_of_record(finder);
}
