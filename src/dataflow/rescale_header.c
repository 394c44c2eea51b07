#include "dataflow/rescale_header.h"

#include "base/memory.h"
#include "log/log.h"

void
rescale_headers_init(struct rescale_headers *headers, const struct topology *topology,
		     const struct topology_operator *operator, int count)
{
	*headers = (struct rescale_headers){
		.topology = topology,
		.operator = operator,
		.count = count,
		.bytes = memory_new_array((size_t)count, sizeof(*headers->bytes)),
		.headers = memory_new_array((size_t)count, sizeof(*headers->headers)),
	};
	for (int i = 0; i < count; i++)
		headers->headers[i].watermark = TIME_MIN;
}

void
rescale_headers_fini(struct rescale_headers *headers)
{
	for (int i = 0; i < headers->count; i++) {
		task_header_fini(&headers->headers[i]);
		buffer_fini(&headers->bytes[i]);
	}
	memory_free(&headers->headers);
	memory_free(&headers->bytes);
}

int
rescale_headers_put(struct rescale_headers *headers, int task, struct bytes bytes, struct error *err)
{
	struct task_header *header = &headers->headers[task];
	const struct topology_operator *operator = headers->operator;

	if (bytes.size == 0)
		return 0;
	buffer_put_bytes(&headers->bytes[task], bytes);
	if (task_header_read(buffer_bytes(&headers->bytes[task]), header, err) < 0)
		return -1;
	if (header->operator_type.size != 0 && !bytes_equal(header->operator_type, bytes_of_text(operator->type->name)))
		return fail(err, FATAL, "its state was written by an operator of type %.*s, and its type is %s",
			    bytes_arguments(header->operator_type), operator->type->name);
	if (header->partitioner.size != 0 && !bytes_equal(header->partitioner, bytes_of_text(LOG_PARTITIONER)))
		return fail(err, FATAL, "its keys were shared out by %.*s, and this version does it by %s",
			    bytes_arguments(header->partitioner), LOG_PARTITIONER);
	if (header->tasks != 0 && header->tasks != headers->count)
		return fail(err, FATAL, "its journal has %d partitions, and was written by %d tasks", headers->count,
			    header->tasks);
	return 0;
}

/* The input of a task at a port, where it has read the topic that is connected there now; or NULL. */
static const struct task_header_input *
find_input(const struct rescale_headers *headers, int task, int port)
{
	const struct task_header *header = &headers->headers[task];
	const struct topology_operator *operator = headers->operator;
	const char *name = operator->type->inputs[port].name;
	const char *topic = headers->topology->topics[operator->inputs[port]].log_name;

	for (int i = 0; i < header->input_count; i++)
		if (bytes_equal(header->inputs[i].port, bytes_of_text(name)) &&
		    bytes_equal(header->inputs[i].topic, bytes_of_text(topic)))
			return &header->inputs[i];
	return NULL;
}

int64_t
rescale_headers_position(const struct rescale_headers *headers, int task, int port)
{
	const struct task_header_input *input = task < headers->count ? find_input(headers, task, port) : NULL;

	return input ? input->position : 0;
}

/* ---- a new one ---- */

static int64_t
lower(int64_t least, int64_t time)
{
	return time != TIME_MIN && (least == TIME_MIN || time < least) ? time : least;
}

/* The least that any of them has heard, of each upstream task; nothing where they have heard of different numbers. */
static void
merge_upstream(const struct rescale_headers *headers, int port, struct upstream *out)
{
	*out = (struct upstream){0};
	for (int i = 0; i < headers->count; i++) {
		const struct task_header_input *input = find_input(headers, i, port);

		if (!input || input->upstream.count == 0)
			continue;
		if (out->count == 0) {
			out->count = input->upstream.count;
			out->tasks = memory_new_array(out->count, sizeof(*out->tasks));
			memcpy(out->tasks, input->upstream.tasks, out->count * sizeof(*out->tasks));
			continue;
		}
		if (out->count != input->upstream.count) {
			upstream_fini(out);
			return;
		}
		for (uint32_t k = 0; k < out->count; k++) {
			const struct upstream_task *task = &input->upstream.tasks[k];

			if (task->watermark < out->tasks[k].watermark)
				out->tasks[k].watermark = task->watermark;
			out->tasks[k].heard &= task->heard;
			out->tasks[k].idle &= task->idle;
		}
	}
}

static void
write_input(const struct rescale_headers *headers, int task, int port, struct task_header_input *out)
{
	const struct topology_operator *operator = headers->operator;
	const struct task_header_input *own = task < headers->count ? find_input(headers, task, port) : NULL;

	*out = (struct task_header_input){
		.port = bytes_of_text(operator->type->inputs[port].name),
		.topic = bytes_of_text(headers->topology->topics[operator->inputs[port]].name),
		.time_max = TIME_MIN,
		.mark = {.offset = -1},
	};
	if (own) {
		out->position = own->position;
		out->mark = own->mark;
		out->window = own->window;
		memcpy(out->topic_id, own->topic_id, sizeof(out->topic_id));
	}
	for (int i = 0; i < headers->count; i++) {
		const struct task_header_input *input = find_input(headers, i, port);

		if (input)
			out->time_max = lower(out->time_max, input->time_max);
	}
	merge_upstream(headers, port, &out->upstream);
}

/* Letters of partition q are written by task q mod n. */
static void
write_letters(const struct rescale_headers *headers, int task, int tasks, struct task_header *out)
{
	for (int i = 0; i < headers->count; i++)
		for (size_t k = 0; k < headers->headers[i].letters_count; k++) {
			const struct task_letters *letters = &headers->headers[i].letters[k];

			if (letters->partition % tasks != task)
				continue;
			out->letters = memory_resize_array(out->letters, out->letters_count + 1, sizeof(*out->letters));
			out->letters[out->letters_count++] = *letters;
		}
}

void
rescale_headers_write(const struct rescale_headers *headers, int task, int tasks, struct buffer *out)
{
	const struct topology_operator *operator = headers->operator;
	struct task_header header = {
		.watermark = TIME_MIN,
		.operator_type = bytes_of_text(operator->type->name),
		.tasks = tasks,
		.partitioner = bytes_of_text(LOG_PARTITIONER),
	};

	for (int i = 0; i < headers->count; i++) {
		const struct task_header *old = &headers->headers[i];

		header.watermark = lower(header.watermark, old->watermark);
		if (old->incarnation > header.incarnation)
			header.incarnation = old->incarnation;
		if (old->options.size != 0)
			header.options = old->options;
	}
	for (int port = 0; operator->type->inputs[port].name; port++)
		if (operator->inputs[port] >= 0)
			write_input(headers, task, port, &header.inputs[header.input_count++]);
	write_letters(headers, task, tasks, &header);
	task_header_write(&header, out);
	task_header_fini(&header);
}
