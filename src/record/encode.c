/*
 * Runs the plan of a schema with itself the other way round (plan.h). Room is made for the most that a value may take
 * before it is written; run_ops keeps the position in a register.
 */
#include "record/encode.h"

#include "base/memory.h"
#include "record/plan.h"
#include "record/utf8.h"

struct encoder {
	struct plan plan;
	const struct schema *schema;
};

struct state {
	struct buffer *out;
	int depth;
	struct fault fault;
};

/* Where the next byte goes, and the end of the room there is. */
struct place {
	uint8_t *at, *end;
};

static int run(struct state *state, const struct routine *routine, int first, const union slot *slots);

static inline struct place
place_of(const struct state *state)
{
	return (struct place){.at = state->out->data + state->out->size,
			      .end = state->out->data + state->out->capacity};
}

static inline void
keep_place(struct state *state, struct place place)
{
	state->out->size = (size_t)(place.at - state->out->data);
}

static void
more_room(struct state *state, struct place *place, size_t size)
{
	keep_place(state, *place);
	buffer_grow(state->out, size);
	*place = place_of(state);
}

static inline void
room(struct state *state, struct place *place, size_t size)
{
	if ((size_t)(place->end - place->at) < size)
		more_room(state, place, size);
}

/* ---- simple values ---- */

static inline uint8_t *
write_varint(uint8_t *to, uint64_t value)
{
	if (value < 0x80) {
		*to = (uint8_t)value;
		return to + 1;
	}
	return to + store_varint(to, value);
}

static inline uint8_t *
write_integer(uint8_t *to, int64_t value)
{
	return write_varint(to, zigzag_encode(value));
}

static inline uint8_t *
write_float(uint8_t *to, double value)
{
	float narrow = (float)value;

	memcpy(to, &narrow, sizeof(narrow));
	return to + sizeof(narrow);
}

/* Short runs by two words that may overlap, since a call of memcpy costs more than they do. */
static inline void
copy(uint8_t *to, const uint8_t *from, size_t size)
{
	if (size > 16) {
		memcpy(to, from, size);
	} else if (size >= 8) {
		uint64_t first = load_u64(from), last = load_u64(from + (size - 8));

		store_u64(to, first);
		store_u64(to + (size - 8), last);
	} else if (size >= 4) {
		uint32_t first = load_u32(from), last = load_u32(from + (size - 4));

		store_u32(to, first);
		store_u32(to + (size - 4), last);
	} else {
		for (size_t i = 0; i < size; i++)
			to[i] = from[i];
	}
}

static inline void
write_bytes(struct state *state, struct place *place, struct bytes bytes)
{
	room(state, place, BUFFER_VARINT_SIZE_MAX + bytes.size);
	place->at = write_varint(place->at, (uint64_t)bytes.size << 1);
	copy(place->at, bytes.data, bytes.size);
	place->at += bytes.size;
}

static inline bool
write_strings(struct state *state, struct place *place, const struct op **op, const union slot *from)
{
	const struct op *last = *op + (*op)->count - 1;

	for (;; ++*op, from++) {
		if (!utf8_valid(from->bytes.data, from->bytes.size))
			return false;
		write_bytes(state, place, from->bytes);
		if (*op == last)
			return true;
	}
}

/* The branch; of a null, goes past the operations for the value. */
static inline bool
write_nullable(struct place *place, const struct op **op, int64_t branch)
{
	const struct op *here = *op;

	if (branch == here->value_branch) {
		*place->at++ = (uint8_t)(!here->null_index << 1);
		return true;
	}
	if (branch != here->null_branch)
		return false;
	*place->at++ = (uint8_t)(here->null_index << 1);
	*op += here->skip;
	return true;
}

/* ---- what calls other routines ---- */

/* Embeddings are arrays of float: no call for each. Returns false where the items are something else. */
static bool
run_floats(struct state *state, const struct routine *item, const union slot *items, size_t count)
{
	uint8_t *to;

	if (item->ops[0].code != OP_FLOAT || item->ops[1].code != OP_END)
		return false;
	to = buffer_reserve(state->out, count * sizeof(float));
	for (size_t i = 0; i < count; i++)
		to = write_float(to, items[i].real);
	state->out->size += count * sizeof(float);
	return true;
}

static int
run_items(struct state *state, const struct op *op, const union slot *items, size_t count)
{
	const struct routine *item = op->table;

	if (run_floats(state, item, items, count))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (run(state, item, 0, items + i * (size_t)op->width) < 0)
			return fault_in(&state->fault, "[%zu]", i);
	return 0;
}

static int
run_array(struct state *state, const struct op *op, const union slot *from)
{
	if (from->array.count) {
		buffer_put_varint(state->out, (uint64_t)from->array.count << 1);
		if (run_items(state, op, from->array.items, from->array.count) < 0)
			return -1;
	}
	buffer_put_u8(state->out, 0);
	return 0;
}

static int
run_union(struct state *state, const struct op *op, const union slot *slots)
{
	const struct routine *const *branches = op->table;
	int64_t branch = slots[op->slot].integer;

	if (branch < 0 || branch >= op->count)
		return fault_set(&state->fault, "branch %lld of a union of %d", (long long)branch, op->count);
	buffer_put_varint(state->out, (uint64_t)branch << 1);
	return run(state, branches[branch], 0, slots);
}

static int
run_composite(struct state *state, const struct op *op, const union slot *slots)
{
	const union slot *from = slots + op->slot;

	switch (op->code) {
	case OP_RECORD:
		return run(state, op->table, 0, from);
	case OP_RECORD_APART:
		if (from->array.count != 1 || !from->array.items)
			return fault_set(&state->fault, "the record is not there");
		return run(state, op->table, 0, from->array.items);
	case OP_UNION:
		return run_union(state, op, slots);
	default:
		insist(op->code == OP_ARRAY);
		return run_array(state, op, from);
	}
}

/* Why a value was not written. */
static int
explain(struct state *state, const struct op *op, const union slot *from)
{
	long long value = from->integer;

	switch (op->code) {
	case OP_STRING:
		fault_set(&state->fault, "the text is not valid UTF-8");
		break;
	case OP_INT:
		fault_set(&state->fault, "%lld is out of the range of an int", value);
		break;
	case OP_ENUM:
		fault_set(&state->fault, "symbol %lld of an enum of %d", value, op->count);
		break;
	case OP_BOOLEAN:
		fault_set(&state->fault, "a boolean must be 0 or 1, not %lld", value);
		break;
	case OP_FIXED:
		fault_set(&state->fault, "expected %d bytes, got %zu", op->count, from->bytes.size);
		break;
	default:
		fault_set(&state->fault, "branch %lld of a union of 2", value);
	}
	return op->name ? fault_in(&state->fault, ".%s", op->name) : -1;
}

static int
run_ops(struct state *state, const struct op *op, const union slot *slots)
{
	struct place place = place_of(state);

	for (;; op++) {
		const union slot *from = slots + op->slot;
		bool fits = true;

		room(state, &place, BUFFER_VARINT_SIZE_MAX);
		switch (op->code) {
		case OP_STRING:
			fits = write_strings(state, &place, &op, from);
			break;
		case OP_INT:
			fits = from->integer == (int32_t)from->integer;
			place.at = write_integer(place.at, from->integer);
			break;
		case OP_LONG:
			place.at = write_integer(place.at, from->integer);
			break;
		case OP_DOUBLE:
			memcpy(place.at, &from->real, sizeof(from->real));
			place.at += sizeof(from->real);
			break;
		case OP_FLOAT:
			place.at = write_float(place.at, from->real);
			break;
		case OP_ENUM:
			fits = from->integer >= 0 && from->integer < op->count;
			place.at = write_integer(place.at, from->integer);
			break;
		case OP_BOOLEAN:
			fits = from->integer == 0 || from->integer == 1;
			*place.at++ = (uint8_t)from->integer;
			break;
		case OP_NULLABLE:
			fits = write_nullable(&place, &op, from->integer);
			break;
		case OP_NULL:
		case OP_BRANCH:
			break;
		case OP_BYTES:
			write_bytes(state, &place, from->bytes);
			break;
		case OP_FIXED:
			fits = from->bytes.size == (size_t)op->count;
			room(state, &place, from->bytes.size);
			copy(place.at, from->bytes.data, from->bytes.size);
			place.at += from->bytes.size;
			break;
		case OP_END:
			keep_place(state, place);
			return 0;
		default:
			keep_place(state, place);
			if (run_composite(state, op, slots) < 0)
				return op->name ? fault_in(&state->fault, ".%s", op->name) : -1;
			place = place_of(state);
		}
		if (!fits)
			return explain(state, op, slots + op->slot);
	}
}

static int
run(struct state *state, const struct routine *routine, int first, const union slot *slots)
{
	int result;

	/* The caller sets all but the fault, which is written before it is read. */
	/* cppcheck-suppress ctuuninitvar */
	if (state->depth >= SCHEMA_DEPTH_MAX)
		return fault_set(&state->fault, "values are nested deeper than %d levels", SCHEMA_DEPTH_MAX);
	state->depth++;
	result = run_ops(state, routine->ops + first, slots);
	state->depth--;
	return result;
}

/* ---- encoders ---- */

struct encoder *
encoder_new(const struct schema *schema)
{
	struct encoder *encoder = memory_new(sizeof(*encoder));
	struct error err;

	encoder->schema = schema;
	/* A schema always resolves with itself. */
	insist(plan_init(&encoder->plan, schema, schema, &err) == 0);
	return encoder;
}

void
encoder_free(struct encoder **encoder)
{
	if (!*encoder)
		return;
	plan_fini(&(*encoder)->plan);
	memory_free(encoder);
}

int
encoder_run(const struct encoder *encoder, const struct record *record, struct buffer *out, struct error *err)
{
	const struct routine *root = encoder->plan.root;
	size_t before = out->size;
	struct state state;
	int first = 0;

	insist(record->schema == encoder->schema && record->prefix_fields <= record->schema->field_count);
	state.out = out;
	state.depth = 0;
	if (record->prefix_fields > 0) {
		buffer_put_bytes(out, record->prefix);
		first = record->prefix_fields < record->schema->field_count ? root->field_ops[record->prefix_fields]
									    : root->count - 1;
	}
	buffer_reserve(out, BUFFER_VARINT_SIZE_MAX);
	if (run(&state, root, first, record->slots) == 0)
		return 0;
	out->size = before;
	return fault_raise(&state.fault, SKIP, record->schema, err);
}
