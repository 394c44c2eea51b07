#include "sinks/redis_calls.h"

#include "base/memory.h"
#include "sinks/redis.h"

#define TOMBSTONE_MS "86400000" /* longer than a writer that has lost its partition may be late */

/*
 * KEYS: of each row the entity, and where there is one the vector's key.
 * A TTL below 0: the rows are deleted.
 * ARGV: number of fields, TTL in ms, keys of a row, the beginning of a tombstone's key, what offsets count; the fields'
 * names, those of time and revision first; and of each row: time in ms (not of a deletion), offset, the vector where
 * there is one, the fields' values.
 *
 * A deletion leaves a tombstone with its offset, in a key of its own, for a day: what the record before it led to, sent
 * late by a writer that has lost its partition or again after a crash, is older, and so is the deletion itself. A row
 * that comes while there is one has a space behind its revision, so that only such rows cost a look at it.
 *
 * The time that stands there is read as Feast writes it, a google.protobuf.Timestamp, since other writers of the view
 * write nothing else. Numbers stay below 2^53, so Lua's are exact.
 */
const char redis_calls_script[] =
	"local ARGV, KEYS, call = ARGV, KEYS, redis.pcall\n"
	"local function number_at(bytes, at)\n"
	"	local value, factor, first = 0, 1, at\n"
	"	while bytes[at] and bytes[at] >= 128 do\n"
	"		value, factor, at = value + (bytes[at] - 128) * factor, factor * 128, at + 1\n"
	"	end\n"
	"	if not bytes[at] then return nil end\n"
	"	if at - first < 9 then return value + bytes[at] * factor, at + 1 end\n"
	"	value = 0\n" /* ten bytes: a negative one, and all its bits but the highest are turned over */
	"	for i = at - 1, first, -1 do value = value * 128 + 255 - bytes[i] end\n"
	"	return -value - 1, at + 1\n"
	"end\n"
	"local function time_of(text)\n"
	"	if #text > 64 then return nil end\n"
	"	local bytes, time, at, value, tag = {text:byte(1, -1)}, {[8] = 0, [16] = 0}, 1, nil, nil\n"
	"	while bytes[at] do\n"
	"		tag = bytes[at]\n"
	"		value, at = number_at(bytes, at + 1)\n"
	"		if not value then return nil end\n"
	"		time[tag] = value\n"
	"	end\n"
	"	return time[8], time[16]\n"
	"end\n"
	/* Seconds from 1978 to 3058 take five bytes: read at once, since nearly all rows are newer by some. */
	"local function seconds_of(text)\n"
	"	local tag, a, b, c, d, e = text:byte(1, 6)\n"
	"	if tag ~= 8 or not e or a < 128 or b < 128 or c < 128 or d < 128 or e >= 128 then return nil end\n"
	"	return a - 128 + 128 * (b - 128 + 128 * (c - 128 + 128 * (d - 128 + 128 * e)))\n"
	"end\n"
	"local function is_newer(ms, revision, old)\n"
	"	local new_seconds, seconds, nanos = math.floor(ms / 1000), seconds_of(old[1]), nil\n"
	"	if not seconds or seconds == new_seconds then seconds, nanos = time_of(old[1]) end\n"
	"	if not seconds then return true end\n"
	"	if new_seconds ~= seconds then return new_seconds > seconds end\n"
	"	local ahead = ms % 1000 * 1000000 - nanos\n"
	"	if ahead ~= 0 then return ahead > 0 end\n"
	"	return not old[2] or tonumber(revision) > (tonumber(old[2]) or -1)\n"
	"end\n"
	"local function failed(reply)\n"
	"	return type(reply) == 'table' and reply.err\n"
	"end\n"
	"local fields, ttl, keys = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
	"local stones, origin = ARGV[4], ARGV[5]\n"
	"local hset = {'HSET'}\n"
	"for i = 1, fields do hset[2 * i + 1] = ARGV[5 + i] end\n"
	"local function deleted_at(key)\n"
	"	local stone = call('GET', stones .. key)\n"
	"	if type(stone) ~= 'string' then return nil end\n"
	"	local offset, from = stone:match('^(%d+) (.*)$')\n"
	"	return from == origin and tonumber(offset) or nil\n"
	"end\n"
	"local function write(key, vector_key, at)\n"
	"	local old, stone = call('HMGET', key, ARGV[6], ARGV[7]), nil\n"
	"	if failed(old) then return old end\n"
	"	if not old[1] or (old[2] and old[2]:byte(-1) == 32) then stone = deleted_at(key) end\n"
	"	if stone and tonumber(ARGV[at + 2]) <= stone then return 0 end\n"
	"	if old[1] and not is_newer(tonumber(ARGV[at + 1]), ARGV[at + keys + 3], old) then return 0 end\n"
	"	if vector_key then\n"
	"		local reply\n"
	"		if ARGV[at + 3] == '' then reply = call('DEL', vector_key)\n"
	"		else reply = call('HSET', vector_key, 'vector', ARGV[at + 3]) end\n"
	"		if failed(reply) then return reply end\n"
	"		if ttl > 0 then call('PEXPIRE', vector_key, ttl) end\n"
	"	end\n"
	"	hset[2] = key\n"
	"	for i = 1, fields do hset[2 * i + 2] = ARGV[at + keys + 1 + i] end\n"
	"	if stone then hset[6] = hset[6] .. ' ' end\n"
	"	local reply = call(unpack(hset))\n"
	"	if failed(reply) then return reply end\n"
	"	if ttl > 0 then call('PEXPIRE', key, ttl) end\n"
	"	return 1\n"
	"end\n"
	"local function remove(key, vector_key, offset)\n"
	"	local stone = deleted_at(key)\n"
	"	if stone and tonumber(offset) <= stone then return 1 end\n"
	"	if vector_key then\n"
	"		local reply = call('DEL', vector_key)\n"
	"		if failed(reply) then return reply end\n"
	"	end\n"
	"	local reply = call('HDEL', key, unpack(ARGV, 6, 5 + fields))\n"
	"	if failed(reply) then return reply end\n"
	"	reply = call('SET', stones .. key, offset .. ' ' .. origin, 'PX', " TOMBSTONE_MS ")\n"
	"	return failed(reply) and reply or 1\n"
	"end\n"
	"local replies, at = {}, 5 + fields\n"
	"if ttl < 0 then\n"
	"	for i = 1, #KEYS, keys do\n"
	"		at = at + 1\n"
	"		replies[#replies + 1] = remove(KEYS[i], keys == 2 and KEYS[i + 1], ARGV[at])\n"
	"	end\n"
	"	return replies\n"
	"end\n"
	"for i = 1, #KEYS, keys do\n"
	"	replies[#replies + 1] = write(KEYS[i], keys == 2 and KEYS[i + 1], at)\n"
	"	at = at + keys + 1 + fields\n"
	"end\n"
	"return replies\n";

#define OWN_FIELDS 2 /* time and revision */

struct redis_calls_open {
	const struct feature_view *view;
	size_t count;
	size_t rows[REDIS_CALL_ROWS_MAX];
	struct buffer keys, values; /* arguments as the server reads them */
};

void
redis_calls_fini(struct redis_calls *calls)
{
	for (size_t i = 0; i < calls->open_count; i++) {
		buffer_fini(&calls->open[i].keys);
		buffer_fini(&calls->open[i].values);
	}
	memory_free(&calls->open);
	memory_free(&calls->calls);
	buffer_fini(&calls->commands);
	buffer_fini(&calls->part);
}

static void
clear_open(struct redis_calls_open *open)
{
	open->count = 0;
	buffer_clear(&open->keys);
	buffer_clear(&open->values);
}

void
redis_calls_clear(struct redis_calls *calls)
{
	for (size_t i = 0; i < calls->open_count; i++)
		clear_open(&calls->open[i]);
	calls->count = calls->rows = 0;
	calls->deletes = false;
	buffer_clear(&calls->commands);
}

size_t
redis_calls_bytes(const struct redis_calls *calls)
{
	size_t bytes = calls->commands.size;

	for (size_t i = 0; i < calls->open_count; i++)
		bytes += calls->open[i].keys.size + calls->open[i].values.size;
	return bytes;
}

/* ---- rows ---- */

static struct redis_calls_open *
open_of(struct redis_calls *calls, const struct feature_view *view)
{
	size_t i = 0;

	while (i < calls->open_count && calls->open[i].view != view)
		i++;
	if (i == calls->open_count) {
		calls->open = memory_resize_array(calls->open, ++calls->open_count, sizeof(*calls->open));
		calls->open[i] = (struct redis_calls_open){.view = view};
	}
	return &calls->open[i];
}

static bool
has_vector(const struct feature_view *view)
{
	return view->vector >= 0;
}

static void
put_keys(struct redis_calls_open *open, const struct feature_row *row, struct buffer *part)
{
	buffer_clear(part);
	feature_view_key(open->view, row->keys, part);
	redis_argument(&open->keys, buffer_bytes(part));
	if (!has_vector(open->view))
		return;
	buffer_clear(part);
	feature_view_vector_key(open->view, row->keys, part);
	redis_argument(&open->keys, buffer_bytes(part));
}

static void
put_values(struct redis_calls_open *open, const struct feature_row *row, struct buffer *part)
{
	const struct feature_view *view = open->view;
	int64_t seconds = row->time_ms / 1000 - (row->time_ms % 1000 < 0);
	int32_t nanos = (int32_t)(row->time_ms - seconds * 1000) * 1000000;

	redis_number(&open->values, row->time_ms);
	redis_number(&open->values, row->offset);
	if (has_vector(view)) {
		const struct feature_value *vector = &row->features[view->vector];

		redis_argument(&open->values,
			       bytes_of(vector->items, vector->null ? 0 : vector->count * sizeof(float)));
	}
	buffer_clear(part);
	feast_timestamp(seconds, nanos, part);
	redis_argument(&open->values, buffer_bytes(part));
	redis_number(&open->values, row->revision);
	for (int i = 0; i < view->feature_count; i++) {
		buffer_clear(part);
		feast_value(&view->spec.features[i], &row->features[i], part);
		redis_argument(&open->values, buffer_bytes(part));
	}
}

/* The call has all its rows. */
static void
finish(struct redis_calls *calls, struct redis_calls_open *open, bool deletes)
{
	const struct feature_view *view = open->view;
	struct buffer *out = &calls->commands;
	size_t offset = out->size, fields, keys;
	struct redis_call *call;

	if (open->count == 0) /* the view may be gone */
		return;
	fields = OWN_FIELDS + (size_t)view->feature_count;
	keys = has_vector(view) ? 2 : 1;
	redis_command_begin(out, 3 + keys * open->count + 5 + fields + (deletes ? 1 : keys + 1 + fields) * open->count);
	redis_argument(out, bytes_of_text("EVALSHA"));
	redis_argument(out, bytes_of_text(calls->hash));
	redis_number(out, (int64_t)(keys * open->count));
	buffer_put_bytes(out, buffer_bytes(&open->keys));
	redis_number(out, (int64_t)fields);
	redis_number(out, deletes ? -1 : view->spec.ttl_ms);
	redis_number(out, (int64_t)keys);
	redis_argument(out, bytes_of_text(view->tombstones));
	redis_argument(out, bytes_of_text(view->spec.origin));
	redis_argument(out, bytes_of_text(view->time_field));
	redis_argument(out, bytes_of_text(view->revision_field));
	for (int i = 0; i < view->feature_count; i++)
		redis_argument(out, bytes_of(view->fields[i], FEAST_FIELD_SIZE));
	buffer_put_bytes(out, buffer_bytes(&open->values));
	if (calls->count == calls->capacity) {
		calls->capacity = calls->capacity ? 2 * calls->capacity : 64;
		calls->calls = memory_resize_array(calls->calls, calls->capacity, sizeof(*calls->calls));
	}
	call = &calls->calls[calls->count++];
	*call = (struct redis_call){.offset = offset, .size = out->size - offset, .count = open->count};
	memcpy(call->rows, open->rows, open->count * sizeof(*call->rows));
	clear_open(open);
}

void
redis_calls_put(struct redis_calls *calls, const struct feature_view *view, const struct feature_row *row)
{
	struct redis_calls_open *open = open_of(calls, view);

	if (!row->features) /* the rows before it go first */
		finish(calls, open, false);
	put_keys(open, row, &calls->part);
	if (row->features)
		put_values(open, row, &calls->part);
	else
		redis_number(&open->values, row->offset);
	open->rows[open->count++] = calls->rows++;
	calls->deletes |= !row->features;
	if (!row->features || open->count == REDIS_CALL_ROWS_MAX)
		finish(calls, open, !row->features);
}

void
redis_calls_complete(struct redis_calls *calls)
{
	for (size_t i = 0; i < calls->open_count; i++)
		finish(calls, &calls->open[i], false);
}
