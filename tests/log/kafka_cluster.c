#include "tests/log/kafka_cluster.h"

#include "tests/test.h"

void
cluster_open(struct cluster *cluster)
{
	char text[256];
	const char *properties[] = {"bootstrap.servers", NULL, NULL};
	struct log_config config = {
		.type = "kafka",
		.directory = test_directory(),
		.memory_bytes = 1 << 20,
		.clock = &clock_system,
		.application = "test",
		.at_least_once = true,
		.properties = properties,
	};
	struct error err;

	test_skip_under_the_thread_sanitizer();
	cluster->host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	check(cluster->host != NULL);
	cluster->mock = rd_kafka_mock_cluster_new(cluster->host, 1);
	check(rd_kafka_mock_topic_create(cluster->mock, "rows", 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
	properties[1] = rd_kafka_mock_cluster_bootstraps(cluster->mock);
	check_ok(log_open(&config, &cluster->log, &err));
	check_ok(log_topic(cluster->log, "rows", &cluster->topic, &err));
}

void
cluster_close(struct cluster *cluster)
{
	log_close(&cluster->log);
	rd_kafka_mock_cluster_destroy(cluster->mock);
	rd_kafka_destroy(cluster->host);
}
