#include "log/kafka_admin.h"

#include "base/error.h"

void
kafka_admin_open(struct kafka_admin *admin, rd_kafka_t *handle, rd_kafka_admin_op_t request, int timeout_ms)
{
	char text[ERROR_TEXT_SIZE / 2];

	*admin = (struct kafka_admin){
		.options = rd_kafka_AdminOptions_new(handle, request),
		.queue = rd_kafka_queue_new(handle),
	};
	rd_kafka_AdminOptions_set_request_timeout(admin->options, timeout_ms, text, sizeof(text));
}

bool
kafka_admin_wait(struct kafka_admin *admin, int wait_ms)
{
	if (!admin->answer)
		admin->answer = rd_kafka_queue_poll(admin->queue, wait_ms);
	return admin->answer != NULL;
}

void
kafka_admin_close(struct kafka_admin *admin)
{
	if (admin->answer)
		rd_kafka_event_destroy(admin->answer);
	rd_kafka_queue_destroy(admin->queue);
	rd_kafka_AdminOptions_destroy(admin->options);
}
