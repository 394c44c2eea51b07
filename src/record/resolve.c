/*
 * Schema resolution (Avro 1.11): compiles what the writer wrote and the reader wants into a plan.
 *
 * A branch of a writer's union that has no match is an error only if data uses it, so a failure inside a branch becomes
 * an operation that refuses; everywhere else it refuses the pair. Records may contain themselves: the routine of a pair
 * is known before it is complete, and one that fails is left behind as a refusal, since others may point to it.
 *
 * Timestamps of any unit are longs to Avro, which reads one as the other, wrong by a factor of 1000 or more. Here the
 * unit is converted.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "record/plan.h"
#include "record/resolve_match.h"
#include "record/value.h"

struct compiler {
	struct plan *plan;
	struct fault fault;
};

static int compile(struct compiler *compiler, struct routine *routine, const struct schema *writer,
		   const struct schema *reader, int slot, const char *name);
static int compile_skip(struct compiler *compiler, struct routine *routine, const struct schema *writer,
			const char *name);

/* ---- routines ---- */

static struct routine *
routine_new(struct plan *plan)
{
	struct routine *routine = memory_new(sizeof(*routine));

	routine->next = plan->routines;
	plan->routines = routine;
	return routine;
}

static struct op *
emit(struct compiler *compiler, struct routine *routine, enum op_code code, int slot, const char *name)
{
	struct op *op;

	if (routine->count == routine->capacity) {
		routine->capacity = routine->capacity ? routine->capacity * 2 : 4;
		routine->ops = memory_resize_array(routine->ops, (size_t)routine->capacity, sizeof(*routine->ops));
	}
	compiler->plan->operations++;
	op = &routine->ops[routine->count++];
	*op = (struct op){.code = (uint8_t)code, .slot = slot, .name = name};
	return op;
}

/* Neighbouring strings become one operation; the others stay where they are, for errors and for jumps to them. */
static void
join_strings(struct routine *routine)
{
	for (int i = routine->count - 1; i >= 0; i--) {
		struct op *op = &routine->ops[i];

		if (op->code != OP_STRING)
			continue;
		op->count = 1;
		if (i + 1 < routine->count && op[1].code == OP_STRING && op[1].slot == op->slot + 1)
			op->count += op[1].count;
	}
}

static void
finish(struct compiler *compiler, struct routine *routine)
{
	emit(compiler, routine, OP_END, 0, NULL);
	join_strings(routine);
}

static void
refuse(struct compiler *compiler, struct routine *routine)
{
	const struct fault *fault = &compiler->fault;
	size_t size = sizeof(fault->why) + sizeof(fault->path) + 4;
	char *text = arena_take(&compiler->plan->arena, size);
	const char *path = fault->path + fault->start;

	path += *path == '.';
	snprintf(text, size, "%s%s%s", path, *path ? ": " : "", fault->why);
	routine->count = 0;
	emit(compiler, routine, OP_REFUSE, 0, NULL)->table = text;
	finish(compiler, routine);
}

/* ---- what does not match ---- */

static int
mismatch(struct compiler *compiler, const struct schema *writer, const struct schema *reader)
{
	return fault_set(&compiler->fault, "written as %s%s%s, which cannot be read as %s%s%s",
			 schema_type_name(writer->type), writer->name ? " " : "", writer->name ? writer->name : "",
			 schema_type_name(reader->type), reader->name ? " " : "", reader->name ? reader->name : "");
}

/* ---- simple values ---- */

static enum op_code
simple_op(enum schema_type type)
{
	switch (type) {
	case SCHEMA_NULL:
		return OP_NULL;
	case SCHEMA_BOOLEAN:
		return OP_BOOLEAN;
	case SCHEMA_INT:
		return OP_INT;
	case SCHEMA_LONG:
		return OP_LONG;
	case SCHEMA_FLOAT:
		return OP_FLOAT;
	case SCHEMA_DOUBLE:
		return OP_DOUBLE;
	case SCHEMA_STRING:
		return OP_STRING;
	case SCHEMA_BYTES:
		return OP_BYTES;
	case SCHEMA_FIXED:
		return OP_FIXED;
	default:
		insist(type == SCHEMA_ENUM);
		return OP_ENUM;
	}
}

static enum op_code
promoting_op(enum schema_type from, enum schema_type to)
{
	if (to == SCHEMA_STRING || to == SCHEMA_BYTES)
		return simple_op(to);
	if (to == SCHEMA_LONG || from == SCHEMA_FLOAT)
		return simple_op(from);
	if (from == SCHEMA_INT)
		return to == SCHEMA_FLOAT ? OP_INT_TO_FLOAT : OP_INT_TO_DOUBLE;
	return to == SCHEMA_FLOAT ? OP_LONG_TO_FLOAT : OP_LONG_TO_DOUBLE;
}

static int
compile_enum(struct compiler *compiler, struct routine *routine, const struct schema *writer,
	     const struct schema *reader, int slot, const char *name)
{
	size_t size = (size_t)writer->symbol_count * sizeof(int32_t);
	int32_t *table = arena_take(&compiler->plan->arena, size);
	bool same = writer->symbol_count <= reader->symbol_count;
	struct op *op;

	for (int i = 0; i < writer->symbol_count; i++) {
		table[i] = schema_symbol_find(reader, writer->symbols[i]);
		same = same && table[i] == i;
		if (table[i] < 0)
			table[i] = reader->symbol_default;
	}
	op = emit(compiler, routine, same ? OP_ENUM : OP_ENUM_MAPPED, slot, name);
	op->count = writer->symbol_count;
	op->table = same ? NULL : table;
	return 0;
}

static void
compile_same(struct compiler *compiler, struct routine *routine, const struct schema *writer,
	     const struct schema *reader, int slot, const char *name)
{
	struct op *op;

	if (!writer->ticks || !reader->ticks || writer->ticks == reader->ticks) {
		emit(compiler, routine, simple_op(writer->type), slot, name)->count = writer->fixed_size;
		return;
	}
	op = emit(compiler, routine, OP_UNIT, slot, name);
	op->count = writer->ticks < reader->ticks ? reader->ticks / writer->ticks : -(writer->ticks / reader->ticks);
}

static int
compile_simple(struct compiler *compiler, struct routine *routine, const struct schema *writer,
	       const struct schema *reader, int slot, const char *name)
{
	if (!resolve_types_match(writer, reader))
		return mismatch(compiler, writer, reader);
	if (writer->type == SCHEMA_ENUM)
		return compile_enum(compiler, routine, writer, reader, slot, name);
	if (writer->type == reader->type)
		compile_same(compiler, routine, writer, reader, slot, name);
	else
		emit(compiler, routine, promoting_op(writer->type, reader->type), slot, name);
	return 0;
}

/* ---- records ---- */

/* Which of the reader's fields takes each of the writer's: the one of that name, else one with such an alias. */
static void
match_fields(const struct schema *writer, const struct schema *reader, int *taker, bool *taken)
{
	for (int w = 0; w < writer->field_count; w++) {
		const struct schema_field *same = schema_field_find(reader, writer->fields[w].name);

		taker[w] = same ? (int)(same - reader->fields) : -1;
		if (same)
			taken[taker[w]] = true;
	}
	for (int r = 0; r < reader->field_count; r++)
		for (int i = 0; !taken[r] && reader->fields[r].aliases[i]; i++) {
			const struct schema_field *alias = schema_field_find(writer, reader->fields[r].aliases[i]);

			if (!alias || taker[alias - writer->fields] >= 0)
				continue;
			taker[alias - writer->fields] = r;
			taken[r] = true;
		}
}

static int
compile_default(struct compiler *compiler, struct routine *routine, const struct schema_field *field)
{
	struct value_reader reader = {.rules = VALUE_DEFAULT, .arena = &compiler->plan->arena};
	union slot *slots;
	struct op *op;

	if (!field->initial)
		return fault_set(&compiler->fault,
				 "the writer's schema has no such field, and the reader's no default for it");
	slots = arena_take(&compiler->plan->arena, (size_t)field->schema->width * sizeof(*slots));
	/* schema_parse has read it before. */
	insist(value_read(&reader, field->schema, field->initial, slots) == 0);
	op = emit(compiler, routine, OP_DEFAULT, field->slot, field->name);
	op->width = field->schema->width;
	op->table = slots;
	return 0;
}

static int
compile_fields(struct compiler *compiler, struct routine *routine, const int *taker, const bool *taken)
{
	const struct schema *writer = routine->writer, *reader = routine->reader;

	for (int w = 0; w < writer->field_count; w++) {
		const struct schema_field *from = &writer->fields[w];
		const struct schema_field *to = taker[w] >= 0 ? &reader->fields[taker[w]] : NULL;
		int result;

		routine->field_ops[w] = routine->count;
		if (to)
			result = compile(compiler, routine, from->schema, to->schema, to->slot, to->name);
		else
			result = compile_skip(compiler, routine, from->schema, from->name);
		if (result < 0)
			return fault_in(&compiler->fault, ".%s", from->name);
	}
	for (int r = 0; r < reader->field_count; r++)
		if (!taken[r] && compile_default(compiler, routine, &reader->fields[r]) < 0)
			return fault_in(&compiler->fault, ".%s", reader->fields[r].name);
	return 0;
}

static int
compile_record(struct compiler *compiler, struct routine *routine)
{
	const struct schema *writer = routine->writer, *reader = routine->reader;
	int *taker = memory_new_array((size_t)writer->field_count, sizeof(*taker));
	bool *taken = memory_new_array((size_t)reader->field_count, sizeof(*taken));
	int result;

	match_fields(writer, reader, taker, taken);
	result = compile_fields(compiler, routine, taker, taken);
	memory_free(&taker);
	memory_free(&taken);
	return result;
}

static int
compile_skipped_record(struct compiler *compiler, struct routine *routine)
{
	const struct schema *writer = routine->writer;

	for (int i = 0; i < writer->field_count; i++)
		if (compile_skip(compiler, routine, writer->fields[i].schema, writer->fields[i].name) < 0)
			return fault_in(&compiler->fault, ".%s", writer->fields[i].name);
	return 0;
}

/* The routine of a pair of records, made when it is first needed; `reader` NULL: to skip one. */
static const struct routine *
record_routine(struct compiler *compiler, const struct schema *writer, const struct schema *reader)
{
	struct routine *routine;
	int result;

	for (routine = compiler->plan->routines; routine; routine = routine->next)
		if (routine->writer == writer && routine->reader == reader)
			return routine;
	routine = routine_new(compiler->plan);
	routine->writer = writer;
	routine->reader = reader;
	routine->field_ops = memory_new_array((size_t)writer->field_count, sizeof(int));
	if (compiler->plan->operations > PLAN_OPERATIONS_MAX)
		result = fault_set(&compiler->fault, "the schemas need more than %d operations", PLAN_OPERATIONS_MAX);
	else
		result = reader ? compile_record(compiler, routine) : compile_skipped_record(compiler, routine);
	if (result < 0) {
		refuse(compiler, routine);
		return NULL;
	}
	finish(compiler, routine);
	return routine;
}

static int
compile_call(struct compiler *compiler, struct routine *routine, const struct schema *writer,
	     const struct schema *reader, int slot, const char *name)
{
	const struct routine *called;
	struct op *op;

	if (reader && (writer->type != reader->type || !resolve_names_match(writer, reader)))
		return mismatch(compiler, writer, reader);
	called = record_routine(compiler, writer, reader);
	if (!called)
		return -1;
	op = emit(compiler, routine, reader && reader->by_reference ? OP_RECORD_APART : OP_RECORD, slot, name);
	op->table = called;
	op->width = reader ? reader->slot_count : 0;
	return 0;
}

/* ---- arrays and maps ---- */

/* An item of a map is its key, a string, and then the value. */
static int
compile_array(struct compiler *compiler, struct routine *routine, const struct schema *writer,
	      const struct schema *reader, int slot, const char *name)
{
	int key_width = writer->type == SCHEMA_MAP;
	struct routine *item;
	struct op *op;

	if (reader && writer->type != reader->type)
		return mismatch(compiler, writer, reader);
	item = routine_new(compiler->plan);
	if (key_width && reader)
		emit(compiler, item, OP_STRING, 0, NULL);
	else if (key_width)
		emit(compiler, item, OP_SKIP_VALUE, 0, NULL)->count = OP_STRING;
	if ((reader ? compile(compiler, item, writer->items, reader->items, key_width, NULL)
		    : compile_skip(compiler, item, writer->items, NULL)) < 0)
		return fault_in(&compiler->fault, "[]");
	finish(compiler, item);
	op = emit(compiler, routine, reader ? OP_ARRAY : OP_SKIP_ARRAY, slot, name);
	op->table = item;
	op->width = reader ? key_width + reader->items->width : 0;
	return 0;
}

/* ---- unions ---- */

/* A union of null and one type, to be read as such, costs no call. */
static bool
compile_nullable(struct compiler *compiler, struct routine *routine, const struct schema *writer,
		 const struct schema *reader, const struct routine *value, int slot, const char *name)
{
	int value_index = 1 - writer->null_branch, length = value->count - 1, branch;
	struct op *op;

	if (reader->type != SCHEMA_UNION || reader->null_branch < 0 || value->ops[0].code == OP_REFUSE ||
	    length > UINT16_MAX)
		return false;
	branch = resolve_branch(writer->branches[value_index], reader);
	op = emit(compiler, routine, OP_NULLABLE, slot, name);
	op->null_index = (uint8_t)writer->null_branch;
	op->null_branch = reader->null_branch;
	op->value_branch = branch;
	op->width = reader->width;
	op->skip = (uint16_t)(length - 1);
	/* The first operation of a branch's routine notes the branch, which OP_NULLABLE does itself. */
	for (int i = 1; i < length; i++) {
		const struct op *from = &value->ops[i];

		*emit(compiler, routine, (enum op_code)from->code, from->slot, name) = *from;
		routine->ops[routine->count - 1].name = name;
	}
	return true;
}

static int
compile_writer_union(struct compiler *compiler, struct routine *routine, const struct schema *writer,
		     const struct schema *reader, int slot, const char *name)
{
	size_t size = (size_t)writer->branch_count * sizeof(struct routine *);
	const struct routine **table = arena_take(&compiler->plan->arena, size);
	bool any = writer->branch_count == 0;
	struct op *op;

	for (int i = 0; i < writer->branch_count; i++) {
		struct routine *branch = routine_new(compiler->plan);

		table[i] = branch;
		if (compile(compiler, branch, writer->branches[i], reader, slot, NULL) < 0) {
			refuse(compiler, branch);
		} else {
			finish(compiler, branch);
			any = true;
		}
	}
	if (!any)
		return -1;
	if (writer->branch_count == 2 && writer->null_branch >= 0 &&
	    compile_nullable(compiler, routine, writer, reader, table[1 - writer->null_branch], slot, name))
		return 0;
	op = emit(compiler, routine, OP_UNION, slot, name);
	op->count = writer->branch_count;
	op->table = table;
	op->width = reader->width;
	return 0;
}

static int
compile_reader_union(struct compiler *compiler, struct routine *routine, const struct schema *writer,
		     const struct schema *reader, int slot, const char *name)
{
	int branch = resolve_branch(writer, reader);

	if (branch < 0)
		return mismatch(compiler, writer, reader);
	emit(compiler, routine, OP_BRANCH, slot, name)->count = branch;
	return compile(compiler, routine, writer, reader->branches[branch], slot + 1, name);
}

static int
compile(struct compiler *compiler, struct routine *routine, const struct schema *writer, const struct schema *reader,
	int slot, const char *name)
{
	if (writer->type == SCHEMA_UNION)
		return compile_writer_union(compiler, routine, writer, reader, slot, name);
	if (reader->type == SCHEMA_UNION)
		return compile_reader_union(compiler, routine, writer, reader, slot, name);
	if (writer->type == SCHEMA_RECORD)
		return compile_call(compiler, routine, writer, reader, slot, name);
	if (writer->type == SCHEMA_ARRAY || writer->type == SCHEMA_MAP)
		return compile_array(compiler, routine, writer, reader, slot, name);
	return compile_simple(compiler, routine, writer, reader, slot, name);
}

/* ---- what only the writer has ---- */

static int
compile_skipped_union(struct compiler *compiler, struct routine *routine, const struct schema *writer, const char *name)
{
	size_t size = (size_t)writer->branch_count * sizeof(struct routine *);
	const struct routine **table = arena_take(&compiler->plan->arena, size);
	struct op *op;

	for (int i = 0; i < writer->branch_count; i++) {
		struct routine *branch = routine_new(compiler->plan);

		table[i] = branch;
		if (compile_skip(compiler, branch, writer->branches[i], NULL) < 0)
			return -1;
		finish(compiler, branch);
	}
	op = emit(compiler, routine, OP_UNION, 0, name);
	op->count = writer->branch_count;
	op->table = table;
	return 0;
}

static int
compile_skip(struct compiler *compiler, struct routine *routine, const struct schema *writer, const char *name)
{
	struct op *op;

	switch (writer->type) {
	case SCHEMA_RECORD:
		return compile_call(compiler, routine, writer, NULL, 0, name);
	case SCHEMA_ARRAY:
	case SCHEMA_MAP:
		return compile_array(compiler, routine, writer, NULL, 0, name);
	case SCHEMA_UNION:
		return compile_skipped_union(compiler, routine, writer, name);
	default:
		op = emit(compiler, routine, OP_SKIP_VALUE, 0, name);
		op->count = simple_op(writer->type);
		op->width = writer->type == SCHEMA_ENUM ? writer->symbol_count : writer->fixed_size;
		return 0;
	}
}

/* ---- the whole ---- */

static int
compile_root(struct compiler *compiler, const struct schema *writer, const struct schema *reader)
{
	struct routine *root;

	if (writer->type == SCHEMA_RECORD) {
		if (!resolve_names_match(writer, reader))
			return mismatch(compiler, writer, reader);
		compiler->plan->root = record_routine(compiler, writer, reader);
		return compiler->plan->root ? 0 : -1;
	}
	if (reader->by_reference)
		return fault_set(&compiler->fault, "a record that contains itself must have been written as a record");
	root = routine_new(compiler->plan);
	if (compile(compiler, root, writer, reader, 0, NULL) < 0)
		return -1;
	finish(compiler, root);
	compiler->plan->root = root;
	return 0;
}

int
plan_init(struct plan *plan, const struct schema *writer, const struct schema *reader, struct error *err)
{
	struct compiler compiler = {.plan = plan};

	*plan = (struct plan){0};
	if (reader->type != SCHEMA_RECORD)
		return fail(err, FATAL, "the reader's schema must be a record, not %s", schema_type_name(reader->type));
	if (compile_root(&compiler, writer, reader) == 0)
		return 0;
	fault_raise(&compiler.fault, FATAL, reader, err);
	plan_fini(plan);
	return -1;
}

void
plan_fini(struct plan *plan)
{
	while (plan->routines) {
		struct routine *next = plan->routines->next;

		memory_free(&plan->routines->ops);
		memory_free(&plan->routines->field_ops);
		memory_free(&plan->routines);
		plan->routines = next;
	}
	arena_fini(&plan->arena);
	*plan = (struct plan){0};
}
