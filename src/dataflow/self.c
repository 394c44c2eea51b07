#include "dataflow/self.h"

#include <string.h>

#include "base/memory.h"
#include "dataflow/context.h"

/* open() may ask for schemas and the count of tasks: a context without a task behind it. */
int
self_open(struct self *self, struct job *job, struct job_operator *operator, struct error *err)
{
	struct context context;
	int result;

	self->type = operator->spec->type;
	self->of = memory_new(self->type->self_size);
	if (self->type->self_size != 0)
		memcpy(self->of, operator->spec->self, self->type->self_size);
	result = context_init(&context, job, operator, -1, NULL, err);
	if (result == 0 && self->type->open)
		result = self->type->open(self->of, &context, err);
	self->opened = result == 0;
	context_fini(&context);
	if (result < 0)
		fail_in(err, "operator %s", operator->spec->name);
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
