/* version: of the program, and which files of the libraries below it are loaded. */
#include <link.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

static const struct option version_options[] = {OPTION_END};

static const char *const libraries[] = {"librocksdb", "libjansson", "libyaml", NULL};

/* The name of the file behind the links: it carries the whole version. */
static int
put_library(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct buffer *out = argument;
	const char *slash = strrchr(info->dlpi_name, '/');
	char path[PATH_MAX];

	(void)size;
	for (int i = 0; slash && libraries[i]; i++)
		if (strncmp(slash + 1, libraries[i], strlen(libraries[i])) == 0 && realpath(info->dlpi_name, path))
			buffer_print(out, "%s\n", strrchr(path, '/') + 1);
	return 0;
}

static enum cli_status
version(const struct call *call)
{
	struct output output = {0};
	struct error err;
	int result;

	buffer_print(&output.buffer, "isotope %s\n", ISOTOPE_VERSION);
	dl_iterate_phdr(put_library, &output.buffer);
	result = output_flush(&output, &err);
	output_fini(&output);
	return result < 0 ? cli_failed(call, &err) : CLI_DONE;
}

const struct command command_version = {
	.name = "version",
	.arguments = "",
	.help = "The version of the program and the libraries it runs with.",
	.options = version_options,
	.run = version,
};
