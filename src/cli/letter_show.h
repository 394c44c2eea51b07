/* One dead letter whole, for a person. */
#ifndef CLI_LETTER_SHOW_H
#define CLI_LETTER_SHOW_H

#include "cli/letters.h"

/* Several lines: where it stood, why it failed, its key, its value as JSON where it decodes with the schema of the
 * topology's topic, else as hex; base64 either way. */
void letter_show(const struct topology *topology, const struct letter *letter, struct buffer *out);

#endif
