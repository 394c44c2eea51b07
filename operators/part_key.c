#include "operators/part_key.h"

struct key
part_key(struct context *context, struct bytes whole, uint32_t part, size_t size)
{
	uint8_t *key = context_take(context, whole.size + size);

	if (whole.size)
		memcpy(key, whole.data, whole.size);
	for (size_t i = 0; i < size; i++)
		key[whole.size + i] = (uint8_t)(part >> 8 * (size - 1 - i));
	return key_of(bytes_of(key, whole.size + size));
}

struct bytes
part_key_whole(struct bytes key, size_t size)
{
	return bytes_of(key.data, key.size - size);
}

void
part_share(const struct share_part *part, struct share *share, size_t size)
{
	share_whole(share, share_task_of(share, part_key_whole(part->key, size)));
}
