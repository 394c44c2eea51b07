/* The command line -> one of the commands. */
#include "cli/cli.h"

int
main(int count, char **arguments)
{
	return cli_main(count, arguments);
}
