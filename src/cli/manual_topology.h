/* The manual pages of what a topology has beside operators. */
#ifndef CLI_MANUAL_TOPOLOGY_H
#define CLI_MANUAL_TOPOLOGY_H

#include <stdbool.h>

#include "base/buffer.h"

/* The page "topology" or "topics"; false: there is none of that name. */
bool manual_topology(struct buffer *out, const char *name);

#endif
