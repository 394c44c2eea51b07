#include "base/lock_file.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

TEST(a_second_process_is_refused_with_the_number_of_the_first)
{
	char path[4200], first[64];
	struct error err;
	int fd, status;
	pid_t child;

	snprintf(path, sizeof(path), "%s/lock", test_directory());
	check_ok(lock_file_take(path, &fd, &err));
	snprintf(first, sizeof(first), "is held by process %d:", (int)getpid());
	child = fork();
	if (child == 0) {
		int mine;

		_exit(lock_file_take(path, &mine, &err) < 0 && strstr(err.text, first) ? 0 : 1);
	}
	check_int(waitpid(child, &status, 0), child);
	check_int(status, 0);
	close(fd);
	check_ok(lock_file_take(path, &fd, &err));
	close(fd);
}

TEST(a_directory_that_is_not_there_is_named)
{
	struct error err;
	int fd;

	check_fails(lock_file_take("/nowhere/lock", &fd, &err), "/nowhere/lock cannot be made");
}
