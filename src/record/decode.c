/*
 * Runs a plan over encoded bytes. run() is the inner loop: it keeps the position in a register and does the simple
 * values itself; what calls other routines or is rare is done by run_other, with the position in the state.
 */
#include "record/decode.h"

#include "base/memory.h"
#include "record/plan.h"
#include "record/value.h"
#include "record/wire.h"

struct decoder {
	struct plan plan;
	const struct schema *reader;
	bool same; /* the bytes are encoded in the reader's schema */
};

struct state {
	const uint8_t *at, *end;
	struct arena *arena;
	int depth;
	size_t items, slots; /* of arrays and maps so far */
	struct fault fault;
};

static int run(struct state *state, const struct routine *routine, union slot *slots);

/* ---- simple values that depend on their operation ---- */

/* Strings in a row. On failure *op and *at are those of the one that is wrong. */
static inline const uint8_t *
read_strings(const uint8_t **at, const uint8_t *end, const struct op **op, union slot *to)
{
	const struct op *last = *op + (*op)->count - 1;

	for (;; ++*op) {
		const uint8_t *next = read_string(*at, end, &to++->bytes);

		if (*op == last || !next)
			return next;
		*at = next;
	}
}

static const uint8_t *
read_mapped(const uint8_t *at, const uint8_t *end, const struct op *op, int64_t *out)
{
	const int32_t *table = op->table;

	at = read_index(at, end, op->count, out);
	if (!at)
		return NULL;
	*out = table[*out];
	return *out >= 0 ? at : NULL;
}

/* Reads the branch; where it is null, goes past the operations for the value. */
static inline const uint8_t *
read_nullable(const uint8_t *at, const uint8_t *end, const struct op **op, union slot *to)
{
	const struct op *here = *op;
	int64_t branch;

	if (at == end || *at > 2 || (*at & 1))
		return NULL;
	branch = *at >> 1;
	if (branch != here->null_index) {
		to->integer = here->value_branch;
		return at + 1;
	}
	/* What an earlier record left in the value's slots must not be taken for a value. */
	memset(to + 1, 0, (size_t)(here->width - 1) * sizeof(*to));
	to->integer = here->null_branch;
	*op += here->skip;
	return at + 1;
}

/* ---- what went wrong: found out only when something has ---- */

static int
explain_size(struct state *state, bool text)
{
	uint64_t raw = 0;
	const uint8_t *at = read_varint(state->at, state->end, &raw);

	if (!at)
		return fault_set(&state->fault, "the size is cut short or longer than 10 bytes");
	if (raw & 1)
		return fault_set(&state->fault, "the size is negative");
	if (raw >> 1 > (uint64_t)(state->end - at))
		return fault_set(&state->fault, "the size is %llu bytes, but only %td are left",
				 (unsigned long long)(raw >> 1), state->end - at);
	return fault_set(&state->fault, text ? "the text is not valid UTF-8" : "the bytes cannot be read");
}

static int
explain_integer(struct state *state, const struct op *op, int code)
{
	uint64_t raw = 0;
	long long value;

	if (!read_varint(state->at, state->end, &raw))
		return fault_set(&state->fault, "the number is cut short or longer than 10 bytes");
	value = zigzag_decode(raw);
	if (code == OP_NULLABLE)
		return fault_set(&state->fault, "branch %lld of a union of 2", value);
	if (code == OP_ENUM_MAPPED && value >= 0 && value < op->count)
		return fault_set(&state->fault,
				 "symbol %lld is unknown to the reader's schema, which has no default for it", value);
	if (code == OP_ENUM || code == OP_ENUM_MAPPED)
		return fault_set(&state->fault, "symbol %lld of an enum of %d", value,
				 op->code == OP_SKIP_VALUE ? op->width : op->count);
	return fault_set(&state->fault, "%lld is out of the range of an int", value);
}

static int
explain(struct state *state, const struct op *op)
{
	int code = op->code == OP_SKIP_VALUE ? op->count : op->code;

	switch (code) {
	case OP_STRING:
	case OP_BYTES:
		explain_size(state, code == OP_STRING);
		break;
	case OP_BOOLEAN:
		if (state->at < state->end)
			fault_set(&state->fault, "a boolean must be 0 or 1, not %d", *state->at);
		else
			fault_set(&state->fault, "the data ends before it");
		break;
	case OP_FLOAT:
	case OP_DOUBLE:
	case OP_FIXED:
		fault_set(&state->fault, "the data ends in the middle of it, or before");
		break;
	default:
		explain_integer(state, op, code);
	}
	return op->name ? fault_in(&state->fault, ".%s", op->name) : -1;
}

/* ---- arrays and maps ---- */

struct items {
	union slot *slots;
	size_t count, capacity;
};

/* Room for one more. What is claimed is believed only as far as bytes are left to back it. */
static void
items_grow(struct state *state, struct items *items, uint64_t claimed, size_t width)
{
	size_t left = (size_t)(state->end - state->at) + 1;
	size_t capacity = items->count + (size_t)(claimed < left ? claimed : left);
	union slot *slots;

	if (capacity < items->count * 2)
		capacity = items->count * 2;
	slots = arena_take(state->arena, capacity * width * sizeof(*slots));
	if (items->count)
		memcpy(slots, items->slots, items->count * width * sizeof(*slots));
	items->slots = slots;
	items->capacity = capacity;
}

/* The head of a block: how many items (0: the end) and, where it is given, where the block must end. */
static int
read_block(struct state *state, int64_t *count, const uint8_t **block_end)
{
	int64_t size;
	const uint8_t *at = read_integer(state->at, state->end, count);

	*block_end = NULL;
	if (at && *count < 0) {
		at = read_integer(at, state->end, &size);
		if (at && (*count == INT64_MIN || size < 0 || size > state->end - at))
			return fault_set(&state->fault, "a block of %lld items in %lld bytes, but only %td are left",
					 (long long)*count, (long long)size, state->end - at);
		*count = -*count;
		*block_end = at ? at + size : NULL;
	}
	if (!at)
		return fault_set(&state->fault, "the number of items is cut short or longer than 10 bytes");
	state->at = at;
	return 0;
}

static int
count_items(struct state *state, uint64_t count, size_t width)
{
	if (count > DECODE_ITEMS_MAX - state->items)
		return fault_set(&state->fault, "more than %d items in one record", DECODE_ITEMS_MAX);
	state->items += (size_t)count;
	if (count * width > DECODE_SLOTS_MAX - state->slots)
		return fault_set(&state->fault, "the items of one record have more than %d parts", DECODE_SLOTS_MAX);
	state->slots += (size_t)count * width;
	return 0;
}

/* Embeddings are arrays of float: no call for each. Returns false where the items are something else. */
static bool
run_floats(struct state *state, const struct routine *item, struct items *items, int64_t count)
{
	if (item->ops[0].code != OP_FLOAT || item->ops[1].code != OP_END || count > (state->end - state->at) / 4)
		return false;
	if (items->capacity - items->count < (size_t)count)
		items_grow(state, items, (uint64_t)count, 1);
	for (int64_t i = 0; i < count; i++)
		state->at = read_float(state->at, state->end, &items->slots[items->count++].real);
	return true;
}

static int
run_block(struct state *state, const struct op *op, struct items *items, int64_t count)
{
	const struct routine *item = op->table;
	size_t width = (size_t)op->width;

	if (op->code == OP_ARRAY && run_floats(state, item, items, count))
		return 0;
	for (int64_t i = 0; i < count; i++, items->count++) {
		if (items->count == items->capacity && width)
			items_grow(state, items, (uint64_t)(count - i), width);
		if (run(state, item, items->slots + items->count * width) < 0)
			return fault_in(&state->fault, "[%zu]", items->count);
	}
	return 0;
}

static int
run_array(struct state *state, const struct op *op, struct items *items)
{
	const uint8_t *block_end;
	int64_t count;

	for (;;) {
		if (read_block(state, &count, &block_end) < 0)
			return -1;
		if (count == 0)
			return 0;
		if (count_items(state, (uint64_t)count, (size_t)op->width) < 0 ||
		    run_block(state, op, items, count) < 0)
			return -1;
		if (block_end && state->at != block_end)
			return fault_set(&state->fault, "a block ends %td bytes from where its size says",
					 state->at - block_end);
	}
}

/* ---- the rest ---- */

static int
run_union(struct state *state, const struct op *op, union slot *slots)
{
	const struct routine *const *branches = op->table;
	int64_t branch;
	const uint8_t *at = read_int(state->at, state->end, &branch);

	if (!at)
		return fault_set(&state->fault, "the branch of the union is cut short or out of range");
	if (branch < 0 || branch >= op->count)
		return fault_set(&state->fault, "branch %lld of a union of %d", (long long)branch, op->count);
	state->at = at;
	if (op->width)
		memset(slots + op->slot, 0, (size_t)op->width * sizeof(*slots));
	return run(state, branches[branch], slots);
}

static int
run_skip(struct state *state, const struct op *op)
{
	struct op simple = {.code = (uint8_t)op->count, .count = op->width};
	const uint8_t *at;
	union slot unused;

	switch (op->count) {
	case OP_NULL:
		return 0;
	case OP_STRING:
		at = read_string(state->at, state->end, &unused.bytes);
		break;
	case OP_BYTES:
		at = read_bytes(state->at, state->end, &unused.bytes);
		break;
	case OP_FIXED:
		at = read_fixed(state->at, state->end, (size_t)simple.count, &unused.bytes);
		break;
	case OP_BOOLEAN:
		at = read_boolean(state->at, state->end, &unused.integer);
		break;
	case OP_INT:
		at = read_int(state->at, state->end, &unused.integer);
		break;
	case OP_LONG:
		at = read_integer(state->at, state->end, &unused.integer);
		break;
	case OP_ENUM:
		at = read_index(state->at, state->end, simple.count, &unused.integer);
		break;
	case OP_FLOAT:
		at = read_float(state->at, state->end, &unused.real);
		break;
	default:
		at = read_double(state->at, state->end, &unused.real);
	}
	if (!at)
		return explain(state, op);
	state->at = at;
	return 0;
}

static int
run_promotion(struct state *state, const struct op *op, union slot *to)
{
	bool narrow = op->code == OP_INT_TO_FLOAT || op->code == OP_INT_TO_DOUBLE;
	bool to_float = op->code == OP_INT_TO_FLOAT || op->code == OP_LONG_TO_FLOAT;
	int64_t value;
	const uint8_t *at = narrow ? read_int(state->at, state->end, &value)
				   : read_integer(state->at, state->end, &value);

	if (!at)
		return explain(state, op);
	state->at = at;
	to->real = to_float ? (double)(float)value : (double)value;
	return 0;
}

static int
run_unit(struct state *state, const struct op *op, union slot *to)
{
	int64_t value;
	const uint8_t *at = read_integer(state->at, state->end, &value);

	if (!at)
		return explain(state, op);
	if (op->count < 0) {
		to->integer = value / -op->count - (value % -op->count < 0);
	} else if (__builtin_mul_overflow(value, op->count, &to->integer)) {
		fault_set(&state->fault, "the time %lld times %d is out of range", (long long)value, op->count);
		return op->name ? fault_in(&state->fault, ".%s", op->name) : -1;
	}
	state->at = at;
	return 0;
}

static int
run_composite(struct state *state, const struct op *op, union slot *slots)
{
	struct items items = {0};
	union slot *to = slots + op->slot;
	int result;

	switch (op->code) {
	case OP_RECORD:
		return run(state, op->table, to);
	case OP_RECORD_APART:
		to->array.count = 1;
		to->array.items = arena_take(state->arena, (size_t)op->width * sizeof(*to));
		return run(state, op->table, to->array.items);
	case OP_UNION:
		return run_union(state, op, slots);
	case OP_SKIP_ARRAY:
		return run_array(state, op, &items);
	case OP_ARRAY:
		result = run_array(state, op, &items);
		to->array.items = items.slots;
		to->array.count = items.count;
		return result;
	default:
		insist(op->code == OP_REFUSE);
		return fault_set(&state->fault, "%s", (const char *)op->table);
	}
}

static int
run_other(struct state *state, const struct op *op, union slot *slots)
{
	union slot *to = slots + op->slot;

	switch (op->code) {
	case OP_NULL:
		to->integer = 0;
		return 0;
	case OP_BRANCH:
		to->integer = op->count;
		return 0;
	case OP_DEFAULT:
		memcpy(to, op->table, (size_t)op->width * sizeof(*to));
		return 0;
	case OP_SKIP_VALUE:
		return run_skip(state, op);
	case OP_INT_TO_FLOAT:
	case OP_INT_TO_DOUBLE:
	case OP_LONG_TO_FLOAT:
	case OP_LONG_TO_DOUBLE:
		return run_promotion(state, op, to);
	case OP_UNIT:
		return run_unit(state, op, to);
	default:
		if (run_composite(state, op, slots) < 0)
			return op->name ? fault_in(&state->fault, ".%s", op->name) : -1;
		return 0;
	}
}

static int
run_ops(struct state *state, const struct op *op, union slot *slots)
{
	const uint8_t *at = state->at, *const end = state->end;

	for (;; op++) {
		union slot *to = slots + op->slot;
		const uint8_t *next;

		switch (op->code) {
		case OP_STRING:
			next = read_strings(&at, end, &op, to);
			break;
		case OP_INT:
			next = read_int(at, end, &to->integer);
			break;
		case OP_LONG:
			next = read_integer(at, end, &to->integer);
			break;
		case OP_DOUBLE:
			next = read_double(at, end, &to->real);
			break;
		case OP_FLOAT:
			next = read_float(at, end, &to->real);
			break;
		case OP_ENUM:
			next = read_index(at, end, op->count, &to->integer);
			break;
		case OP_BOOLEAN:
			next = read_boolean(at, end, &to->integer);
			break;
		case OP_NULLABLE:
			next = read_nullable(at, end, &op, to);
			break;
		case OP_BYTES:
			next = read_bytes(at, end, &to->bytes);
			break;
		case OP_FIXED:
			next = read_fixed(at, end, (size_t)op->count, &to->bytes);
			break;
		case OP_ENUM_MAPPED:
			next = read_mapped(at, end, op, &to->integer);
			break;
		case OP_END:
			state->at = at;
			return 0;
		default:
			state->at = at;
			if (run_other(state, op, slots) < 0)
				return -1;
			next = state->at;
		}
		if (!next) {
			state->at = at;
			return explain(state, op);
		}
		at = next;
	}
}

static int
run(struct state *state, const struct routine *routine, union slot *slots)
{
	int result;

	/* The caller sets all but the fault, which is written before it is read. */
	/* cppcheck-suppress ctuuninitvar */
	if (state->depth >= SCHEMA_DEPTH_MAX)
		return fault_set(&state->fault, "values are nested deeper than %d levels", SCHEMA_DEPTH_MAX);
	state->depth++;
	result = run_ops(state, routine->ops, slots);
	state->depth--;
	return result;
}

/* ---- decoders ---- */

int
decoder_new(const struct schema *writer, const struct schema *reader, struct decoder **out, struct error *err)
{
	struct decoder *decoder = memory_new(sizeof(*decoder));
	char *written, *read;

	*out = NULL;
	if (plan_init(&decoder->plan, writer, reader, err) < 0) {
		memory_free(&decoder);
		return -1;
	}
	written = schema_meaning(writer);
	read = schema_meaning(reader);
	decoder->reader = reader;
	decoder->same = strcmp(written, read) == 0;
	memory_free(&written);
	memory_free(&read);
	*out = decoder;
	return 0;
}

void
decoder_free(struct decoder **decoder)
{
	if (!*decoder)
		return;
	plan_fini(&(*decoder)->plan);
	memory_free(decoder);
}

static int
raise_at(const struct state *state, const struct decoder *decoder, struct bytes body, struct error *err)
{
	fault_raise(&state->fault, SKIP, decoder->reader, err);
	return fail_in(err, "at byte %td of %zu", state->at - body.data, body.size);
}

int
decoder_run(const struct decoder *decoder, struct bytes body, struct record *record, struct arena *arena,
	    struct error *err)
{
	static const uint8_t nothing[1];
	struct state state;

	insist(record->schema == decoder->reader);
	if (!body.data)
		body = bytes_of(nothing, 0);
	state.at = body.data;
	state.end = body.data + body.size;
	state.arena = arena;
	state.depth = 0;
	state.items = 0;
	state.slots = 0;
	record->body = decoder->same ? body : bytes_of(NULL, 0);
	if (run(&state, decoder->plan.root, record->slots) < 0)
		return raise_at(&state, decoder, body, err);
	if (state.at == state.end)
		return 0;
	fault_set(&state.fault, "%td bytes are left over: was it written with another schema?", state.end - state.at);
	return raise_at(&state, decoder, body, err);
}

int
decoder_defaults(const struct schema *schema, struct record *record, struct arena *arena, struct error *err)
{
	struct value_reader reader = {.rules = VALUE_DEFAULT, .arena = arena};

	insist(record->schema == schema);
	for (int i = 0; i < schema->field_count; i++) {
		const struct schema_field *field = &schema->fields[i];
		union slot *to = record->slots + field->slot;

		if (!field->initial) {
			value_zero(field->schema, to, arena);
		} else if (value_read(&reader, field->schema, field->initial, to) < 0) {
			fault_in(&reader.fault, ".%s", field->name);
			return fault_raise(&reader.fault, FATAL, schema, err);
		}
	}
	return 0;
}
