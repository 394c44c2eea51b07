#include "record/utf8.h"

/* What may follow a lead byte: how many bytes, and the bounds of the first of them, which keep out over-long forms,
 * surrogates and what lies beyond Unicode. */
static bool
lead_byte(uint8_t lead, size_t *follow, uint8_t *least, uint8_t *most)
{
	*least = 0x80;
	*most = 0xbf;
	if (lead >= 0xc2 && lead <= 0xdf) {
		*follow = 1;
	} else if (lead >= 0xe0 && lead <= 0xef) {
		*follow = 2;
		if (lead == 0xe0)
			*least = 0xa0;
		if (lead == 0xed)
			*most = 0x9f;
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		*follow = 3;
		if (lead == 0xf0)
			*least = 0x90;
		if (lead == 0xf4)
			*most = 0x8f;
	} else {
		return false;
	}
	return true;
}

bool
utf8_valid_any(const uint8_t *data, size_t size)
{
	size_t i = 0;

	while (i < size) {
		uint8_t least, most;
		size_t follow;

		if (data[i] < 0x80) {
			i++;
			continue;
		}
		if (!lead_byte(data[i], &follow, &least, &most) || size - i <= follow)
			return false;
		if (data[i + 1] < least || data[i + 1] > most)
			return false;
		for (size_t k = 2; k <= follow; k++)
			if ((data[i + k] & 0xc0) != 0x80)
				return false;
		i += follow + 1;
	}
	return true;
}
