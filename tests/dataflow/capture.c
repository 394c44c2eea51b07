#include "tests/dataflow/capture.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/test.h"

#define CAPTURE_SIZE 1048576

static char captured[CAPTURE_SIZE];
static FILE *file;
static int standard_error;

void
capture_begin(void)
{
	file = tmpfile();
	check(file != NULL);
	standard_error = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
}

const char *
capture_text(void)
{
	ssize_t size = pread(fileno(file), captured, CAPTURE_SIZE - 1, 0);

	captured[size > 0 ? size : 0] = 0;
	return captured;
}

const char *
capture_end(void)
{
	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	capture_text();
	fclose(file);
	return captured;
}
