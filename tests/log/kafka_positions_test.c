#include "log/kafka_log.h"
#include "tests/log/kafka_cluster.h"
#include "tests/test.h"

#define OFFSET_FETCH 9 /* the number of the request */

static struct error err;

TEST(a_group_without_a_position_has_none)
{
	struct cluster cluster;
	int64_t offset;

	cluster_open(&cluster);
	check_ok(log_position(cluster.log, "test.join", cluster.topic, 0, &offset, &err));
	check_int(offset, -1);
	cluster_close(&cluster);
}

/* librdkafka looks for the coordinator of the handle's own group then, whichever group was asked for. */
TEST(a_coordinator_that_has_moved_is_asked_again_later)
{
	static const rd_kafka_resp_err_t errors[] = {RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
						     RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
						     RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE};
	struct cluster cluster;
	int64_t offset;

	cluster_open(&cluster);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		rd_kafka_mock_push_request_errors(cluster.mock, OFFSET_FETCH, 1, errors[i]);
		if (log_position(cluster.log, "test.join", cluster.topic, 0, &offset, &err) < 0) {
			check(err.action == RETRY);
			check_ok(log_position(cluster.log, "test.join", cluster.topic, 0, &offset, &err));
		}
		check_int(offset, -1);
	}
	cluster_close(&cluster);
}
