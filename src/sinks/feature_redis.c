/*
 * The feature store in Redis. A row is one call of a script, which compares and writes in one step; a batch is one
 * pipeline of such calls. The script is called by its hash and loaded with each connection, and again when the server
 * says that it does not know it (SCRIPT FLUSH, a failover).
 *
 * What a reply means for a row: it is settled (written; older than what is there; refused, since the server will never
 * take it), or it stays pending and the flush fails with RETRY. A connection that was used before and turns out to be
 * broken is replaced once without a word: servers close idle ones.
 */
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/memory.h"
#include "sinks/feature_backend.h"
#include "sinks/redis.h"

#define ROUNDS_MAX 3 /* of one flush: the first, one on a new connection, one with the script loaded anew */
#define HASH_SIZE 40 /* a SHA-1 in hexadecimal */

/*
 * KEYS: the entity, and where there is one the vector's key.
 * ARGV: names of the fields of time and revision; seconds, nanos, revision, TTL in ms; the vector; fields and values.
 *
 * The time that stands there is read as Feast writes it, a google.protobuf.Timestamp, since other writers of the view
 * write nothing else. Numbers stay below 2^53, so Lua's are exact.
 */
static const char script[] =
	"local function number_at(text, at)\n"
	"	local parts = {}\n"
	"	repeat\n"
	"		local byte = text:byte(at)\n"
	"		if not byte then return nil end\n"
	"		parts[#parts + 1] = byte % 128\n"
	"		at = at + 1\n"
	"	until byte < 128\n"
	"	local negative, value = #parts == 10, 0\n"
	"	for i = negative and 9 or #parts, 1, -1 do\n"
	"		value = value * 128 + (negative and 127 - parts[i] or parts[i])\n"
	"	end\n"
	"	return negative and -value - 1 or value, at\n"
	"end\n"
	"local function time_of(text)\n"
	"	local time, at, value = {[8] = 0, [16] = 0}, 1, nil\n"
	"	while at <= #text do\n"
	"		local tag = text:byte(at)\n"
	"		value, at = number_at(text, at + 1)\n"
	"		if not value then return nil end\n"
	"		time[tag] = value\n"
	"	end\n"
	"	return time[8], time[16]\n"
	"end\n"
	"local function is_newer(seconds, nanos, revision, old)\n"
	"	local old_seconds, old_nanos = time_of(old[1])\n"
	"	if not old_seconds then return true end\n"
	"	if seconds ~= old_seconds then return seconds > old_seconds end\n"
	"	if nanos ~= old_nanos then return nanos > old_nanos end\n"
	"	return not old[2] or revision > (tonumber(old[2]) or -1)\n"
	"end\n"
	"local function failed(reply)\n"
	"	return type(reply) == 'table' and reply.err\n"
	"end\n"
	"local ttl = tonumber(ARGV[6])\n"
	"local old = redis.pcall('HMGET', KEYS[1], ARGV[1], ARGV[2])\n"
	"if failed(old) then return old end\n"
	"if old[1] and not is_newer(tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), old) then return 0 end\n"
	"if KEYS[2] then\n"
	"	local reply\n"
	"	if ARGV[7] == '' then reply = redis.pcall('DEL', KEYS[2])\n"
	"	else reply = redis.pcall('HSET', KEYS[2], 'vector', ARGV[7]) end\n"
	"	if failed(reply) then return reply end\n"
	"	if ttl > 0 then redis.pcall('PEXPIRE', KEYS[2], ttl) end\n"
	"end\n"
	"local reply = redis.pcall('HSET', KEYS[1], unpack(ARGV, 8))\n"
	"if failed(reply) then return reply end\n"
	"if ttl > 0 then redis.pcall('PEXPIRE', KEYS[1], ttl) end\n"
	"return 1\n";

struct store {
	struct redis_config config;
	char hash[HASH_SIZE + 1]; /* of the script */
};

/* A row of the batch: where its command is. */
struct row {
	size_t offset, size;
};

struct writer {
	const struct store *store;
	struct redis *redis; /* NULL: not connected */
	bool loaded;	     /* the server knows the script */
	struct buffer commands;
	struct row *rows;
	size_t count, capacity;
	/* Used again and again. */
	struct buffer parts, sending;
	struct bytes *arguments;
	size_t *places;
	size_t *sent; /* indexes of the rows that were sent */
};

/* ---- the store ---- */

static void
hash_script(char hash[HASH_SIZE + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size;

	insist(EVP_Digest(script, sizeof(script) - 1, digest, &size, EVP_sha1(), NULL) == 1 && size * 2 == HASH_SIZE);
	for (unsigned int i = 0; i < size; i++)
		snprintf(hash + 2 * i, 3, "%02x", digest[i]);
}

static int
store_open(const struct feature_store_config *config, void **out, struct error *err)
{
	struct store *store = memory_new(sizeof(*store));

	(void)err;
	store->config = (struct redis_config){
		.address = memory_text(config->address),
		.user = memory_text(config->user),
		.password = memory_text(config->password),
		.password_file = memory_text(config->password_file),
		.database = config->database,
		.timeout_ms = config->timeout_ms,
		.tls = config->tls,
		.tls_ca = memory_text(config->tls_ca),
		.tls_certificate = memory_text(config->tls_certificate),
		.tls_key = memory_text(config->tls_key),
		.tls_name = memory_text(config->tls_name),
	};
	hash_script(store->hash);
	*out = store;
	return 0;
}

static void
store_close(void *self)
{
	struct store *store = self;

	memory_free(&store->config.address);
	memory_free(&store->config.user);
	memory_free(&store->config.password);
	memory_free(&store->config.password_file);
	memory_free(&store->config.tls_ca);
	memory_free(&store->config.tls_certificate);
	memory_free(&store->config.tls_key);
	memory_free(&store->config.tls_name);
	memory_free(&store);
}

static int
store_read(void *self, const struct feature_view *view, const struct feature_value *keys, struct buffer *out,
	   struct error *err)
{
	const struct store *store = self;

	(void)keys;
	(void)out;
	return fail(err, FATAL, "view %s is in redis %s: read it there, with a Feast client", view->spec.name,
		    store->config.address);
}

/* ---- the batch ---- */

static void *
writer_open(void *self)
{
	struct writer *writer = memory_new(sizeof(*writer));

	writer->store = self;
	return writer;
}

static void
writer_close(void *self)
{
	struct writer *writer = self;

	redis_close(&writer->redis);
	buffer_fini(&writer->commands);
	buffer_fini(&writer->parts);
	buffer_fini(&writer->sending);
	memory_free(&writer->rows);
	memory_free(&writer->arguments);
	memory_free(&writer->places);
	memory_free(&writer->sent);
	memory_free(&writer);
}

static void
clear(void *self)
{
	struct writer *writer = self;

	writer->count = 0;
	buffer_clear(&writer->commands);
}

static size_t
batch_bytes(const void *self)
{
	return ((const struct writer *)self)->commands.size;
}

/* An argument whose bytes stand in `parts` from here on. */
static void
argument_begins(struct writer *writer, size_t *count)
{
	writer->places[(*count)++] = writer->parts.size;
}

static void
number_argument(struct writer *writer, size_t *count, int64_t number)
{
	argument_begins(writer, count);
	buffer_print(&writer->parts, "%lld", (long long)number);
}

static void
text_argument(struct writer *writer, size_t *count, const char *text)
{
	argument_begins(writer, count);
	buffer_put_bytes(&writer->parts, bytes_of_text(text));
}

static void
put_times(struct writer *writer, size_t *count, const struct feature_view *view, const struct feature_row *row)
{
	int64_t seconds = row->time_ms / 1000 - (row->time_ms % 1000 < 0);
	int32_t nanos = (int32_t)(row->time_ms - seconds * 1000) * 1000000;

	text_argument(writer, count, view->time_field);
	text_argument(writer, count, view->revision_field);
	number_argument(writer, count, seconds);
	number_argument(writer, count, nanos);
	number_argument(writer, count, row->revision);
	number_argument(writer, count, view->spec.ttl_ms);
	argument_begins(writer, count);
	if (view->vector >= 0 && !row->features[view->vector].null)
		buffer_put(&writer->parts, row->features[view->vector].items,
			   row->features[view->vector].count * sizeof(float));
	text_argument(writer, count, view->time_field);
	argument_begins(writer, count);
	feast_timestamp(seconds, nanos, &writer->parts);
	text_argument(writer, count, view->revision_field);
	number_argument(writer, count, row->revision);
}

/* Everything is put into `parts`, and what begins where into `places`; `parts` may move while it grows. */
static size_t
put_arguments(struct writer *writer, const struct feature_view *view, const struct feature_row *row)
{
	size_t count = 0;

	buffer_clear(&writer->parts);
	text_argument(writer, &count, "EVALSHA");
	text_argument(writer, &count, writer->store->hash);
	number_argument(writer, &count, view->vector >= 0 ? 2 : 1);
	argument_begins(writer, &count);
	feature_view_key(view, row->keys, &writer->parts);
	if (view->vector >= 0) {
		argument_begins(writer, &count);
		feature_view_vector_key(view, row->keys, &writer->parts);
	}
	put_times(writer, &count, view, row);
	for (int i = 0; i < view->feature_count; i++) {
		argument_begins(writer, &count);
		buffer_put(&writer->parts, view->fields[i], FEAST_FIELD_SIZE);
		argument_begins(writer, &count);
		feast_value(&view->spec.features[i], &row->features[i], &writer->parts);
	}
	return count;
}

#define ARGUMENTS_MAX (16 + 2 * FEATURE_COLUMNS_MAX)

static void
put(void *self, const struct feature_view *view, const struct feature_row *row)
{
	struct writer *writer = self;
	size_t count, offset = writer->commands.size;

	if (!writer->places) {
		writer->places = memory_new_array(ARGUMENTS_MAX + 1, sizeof(*writer->places));
		writer->arguments = memory_new_array(ARGUMENTS_MAX, sizeof(*writer->arguments));
	}
	if (writer->count == writer->capacity) {
		writer->capacity = writer->capacity ? 2 * writer->capacity : 64;
		writer->rows = memory_resize_array(writer->rows, writer->capacity, sizeof(*writer->rows));
		writer->sent = memory_resize_array(writer->sent, writer->capacity, sizeof(*writer->sent));
	}
	count = put_arguments(writer, view, row);
	insist(count <= ARGUMENTS_MAX);
	writer->places[count] = writer->parts.size;
	for (size_t i = 0; i < count; i++)
		writer->arguments[i] = bytes_of(writer->parts.data + writer->places[i],
						writer->places[i + 1] - writer->places[i]);
	redis_command(&writer->commands, writer->arguments, count);
	writer->rows[writer->count++] = (struct row){.offset = offset, .size = writer->commands.size - offset};
}

/* ---- sending it ---- */

/* One pipeline: what was sent, and what the replies asked for. */
struct round {
	struct writer *writer;
	struct feature_result *results;
	size_t pending;		  /* rows that were sent and stay pending */
	enum redis_advice advice; /* of them: the gravest */
	char reason[256];
};

static void
on_reply(void *argument, size_t index, const redisReply *reply)
{
	struct round *round = argument;
	struct feature_result *result = &round->results[round->writer->sent[index]];
	enum redis_advice advice;

	if (reply->type == REDIS_REPLY_INTEGER) {
		result->outcome = reply->integer ? FEATURE_WRITTEN : FEATURE_OLDER;
		return;
	}
	advice = reply->type == REDIS_REPLY_ERROR ? redis_advice(reply->str) : REDIS_NEVER;
	if (advice == REDIS_NEVER) {
		result->outcome = FEATURE_REFUSED;
		result->reason = memory_text(reply->type == REDIS_REPLY_ERROR ? reply->str : "a reply of a wrong type");
		return;
	}
	if (round->pending++ == 0 || advice > round->advice) {
		round->advice = advice;
		snprintf(round->reason, sizeof(round->reason), "%s", reply->str);
	}
}

/* What is pending, as one run of commands; the whole batch as it stands where all of it is. */
static struct bytes
gather(struct writer *writer, const struct feature_result *results, size_t count, size_t *sent)
{
	*sent = 0;
	for (size_t i = 0; i < count; i++)
		if (results[i].outcome == FEATURE_PENDING)
			writer->sent[(*sent)++] = i;
	if (*sent == count)
		return buffer_bytes(&writer->commands);
	buffer_clear(&writer->sending);
	for (size_t i = 0; i < *sent; i++) {
		const struct row *row = &writer->rows[writer->sent[i]];

		buffer_put(&writer->sending, writer->commands.data + row->offset, row->size);
	}
	return buffer_bytes(&writer->sending);
}

static void
on_load(void *argument, size_t index, const redisReply *reply)
{
	struct round *round = argument;

	(void)index;
	if (reply->type != REDIS_REPLY_ERROR)
		return;
	round->pending = 1;
	round->advice = redis_advice(reply->str);
	if (round->advice == REDIS_NEVER)
		round->advice = REDIS_PERSON;
	snprintf(round->reason, sizeof(round->reason), "%s", reply->str);
}

static int
load(struct writer *writer, struct round *round, struct error *err)
{
	struct bytes arguments[] = {bytes_of_text("SCRIPT"), bytes_of_text("LOAD"), bytes_of_text(script)};
	int result;

	buffer_clear(&writer->sending);
	redis_command(&writer->sending, arguments, 3);
	result = redis_exchange(writer->redis, buffer_bytes(&writer->sending), 1, on_load, round, err);
	writer->loaded = result == 0 && round->pending == 0;
	return result;
}

static int
send_round(struct writer *writer, struct round *round, size_t count, struct error *err)
{
	struct bytes commands;
	size_t sent;

	if (!writer->redis) {
		if (redis_open(&writer->store->config, &writer->redis, err) < 0)
			return -1;
		writer->loaded = false;
	}
	if (!writer->loaded && (load(writer, round, err) < 0 || round->pending))
		return round->pending ? 0 : -1;
	commands = gather(writer, round->results, count, &sent);
	return redis_exchange(writer->redis, commands, sent, on_reply, round, err);
}

static int
report(const struct writer *writer, const struct round *round, struct error *err)
{
	return fail(err, round->advice == REDIS_PERSON ? FATAL : RETRY, "redis %s: %s", writer->store->config.address,
		    round->reason);
}

static int
flush(void *self, struct feature_result *results, size_t count, struct error *err)
{
	struct writer *writer = self;

	for (int number = 1;; number++) {
		struct round round = {.writer = writer, .results = results};
		bool used = writer->redis != NULL;

		if (send_round(writer, &round, count, err) < 0) {
			redis_close(&writer->redis);
			if (!used || err->action != RETRY || number == ROUNDS_MAX)
				return -1;
			continue;
		}
		if (round.pending == 0)
			return 0;
		if (round.advice == REDIS_LOAD)
			writer->loaded = false;
		if (round.advice == REDIS_RECONNECT || round.advice == REDIS_PERSON)
			redis_close(&writer->redis);
		if (round.advice != REDIS_LOAD || number == ROUNDS_MAX)
			return report(writer, &round, err);
	}
}

const struct feature_backend feature_redis = {
	.open = store_open,
	.close = store_close,
	.read = store_read,
	.writer_open = writer_open,
	.writer_close = writer_close,
	.put = put,
	.bytes = batch_bytes,
	.flush = flush,
	.clear = clear,
};
