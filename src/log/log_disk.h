/* How much of a disk the log takes, for people who look after it. */
#ifndef LOG_LOG_DISK_H
#define LOG_LOG_DISK_H

#include "log/log.h"

struct log_disk {
	int64_t bytes, limit_bytes; /* of the log's directory; 0: no bound */
	int64_t free_bytes;	    /* on its disk */
	/* By which it grows, over the last minute or two, or since it was opened; may be negative. */
	int64_t bytes_per_minute;
	/* Until the bound or the end of the disk is reached at that rate; TIME_MAX: for ever. */
	int64_t lasts_ms;
};

/* False: this log is on no disk of this machine. */
bool log_disk(struct log *log, struct log_disk *out);

#endif
