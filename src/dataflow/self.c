#include "dataflow/self.h"

#include <string.h>

#include "base/memory.h"
#include "dataflow/context.h"

static int
open_in(struct self *self, struct context *context, struct error *err)
{
	const struct topology_operator *spec = context->operator->spec;

	self->type = spec->type;
	self->of = memory_new(self->type->self_size);
	if (self->type->self_size != 0)
		memcpy(self->of, spec->self, self->type->self_size);
	if (self->type->open && self->type->open(self->of, context, err) < 0)
		return -1;
	self->opened = true;
	return 0;
}

/* open() may ask for schemas and the count of tasks: a context without a task behind it. */
int
self_open(struct self *self, struct job *job, struct job_operator *operator, struct error *err)
{
	struct context context;
	int result;

	result = context_init(&context, job, operator, -1, NULL, err);
	if (result == 0)
		result = open_in(self, &context, err);
	if (result == 0 && self->type->start)
		result = self->type->start(self->of, &context, err);
	context_fini(&context);
	if (result < 0)
		fail_in(err, "operator %s", operator->spec->name);
	return result;
}

/* A job that has a topology, and nothing of it open. */
int
self_check(const struct topology *topology, int number, struct error *err)
{
	struct job job = {.topology = topology};
	struct job_operator operator = {.spec = &topology->operators[number]};
	struct context context;
	struct self self = {0};
	int result;

	job.topics = memory_new_array((size_t)topology->topic_count + 1, sizeof(*job.topics));
	result = context_init(&context, &job, &operator, -1, NULL, err);
	if (result == 0)
		result = open_in(&self, &context, err);
	self_close(&self);
	context_fini(&context);
	memory_free(&job.topics);
	return result;
}

void
self_close(struct self *self)
{
	if (self->opened && self->type->close)
		self->type->close(self->of);
	self->opened = false;
	memory_free(&self->of);
}
