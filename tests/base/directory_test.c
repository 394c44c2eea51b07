#include "base/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/test.h"

TEST(what_lacks_above_is_made_too_and_what_is_there_is_left)
{
	char *path = memory_format("%s/a//b/c/", test_directory());

	check_int(directory_make(path), 0);
	check_int(access(path, W_OK), 0);
	check_int(directory_make(path), 0);
	check_int(directory_sync(path), 0);
	memory_free(&path);
}

TEST(a_relative_path_is_made_below_the_working_directory)
{
	check_int(chdir(test_directory()), 0);
	check_int(directory_make("one"), 0);
	check_int(directory_make("two/three"), 0);
	check_int(access("one", F_OK), 0);
	check_int(access("two/three", F_OK), 0);
	check_int(chdir("/"), 0);
}

TEST(what_cannot_be_made_says_why)
{
	char *file = memory_format("%s/file", test_directory());
	char *path = memory_format("%s/below", file);

	close(open(file, O_CREAT | O_WRONLY, 0666));
	errno = 0;
	check_int(directory_make(path), -1);
	check_int(errno, ENOTDIR);
	check_int(directory_sync(path), -1);
	check_int(errno, ENOTDIR);
	memory_free(&path);
	memory_free(&file);
}
