/*
 * The feature store in Redis. Rows are calls of a script, which compares and writes in one step (redis_calls.h); a
 * batch is one pipeline of such calls. The script is called by its hash and loaded with each connection, and again
 * when the server says that it does not know it (SCRIPT FLUSH, a failover).
 *
 * What a reply means for a row: it is settled (written; older than what is there; refused, since the server will never
 * take it), or it stays pending and the flush fails with RETRY. A connection that was used before and turns out to be
 * broken is replaced once without a word: servers close idle ones.
 */
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/memory.h"
#include "sinks/redis.h"
#include "sinks/redis_calls.h"

#define ROUNDS_MAX 3 /* of one flush: the first, one on a new connection, one with the script loaded anew */
#define HASH_SIZE 40 /* a SHA-1 in hexadecimal */

struct store {
	struct redis_config config;
	char hash[HASH_SIZE + 1]; /* of the script */
};

struct writer {
	const struct store *store;
	struct redis *redis; /* NULL: not connected */
	bool loaded;	     /* the server knows the script */
	struct redis_calls calls;
	/* Used again and again. */
	struct buffer sending;
	size_t *sent; /* numbers of the calls that were sent */
	size_t sent_capacity;
};

/* ---- the store ---- */

static void
hash_script(char hash[HASH_SIZE + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size;

	insist(EVP_Digest(redis_calls_script, strlen(redis_calls_script), digest, &size, EVP_sha1(), NULL) == 1 &&
	       size * 2 == HASH_SIZE);
	bytes_write_hex(bytes_of(digest, size), hash);
}

static int
store_check(const struct feature_store_config *config, struct error *err)
{
	const struct redis_config redis = {
		.address = config->address,
		.password = config->password,
		.password_file = config->password_file,
		.tls_certificate = config->tls_certificate,
		.tls_key = config->tls_key,
	};

	return redis_check(&redis, err);
}

static int
store_open(const struct feature_store_config *config, void **out, struct error *err)
{
	struct store *store;

	if (store_check(config, err) < 0)
		return -1;
	store = memory_new(sizeof(*store));
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
	writer->calls.hash = writer->store->hash;
	return writer;
}

static void
writer_close(void *self)
{
	struct writer *writer = self;

	redis_close(&writer->redis);
	redis_calls_fini(&writer->calls);
	buffer_fini(&writer->sending);
	memory_free(&writer->sent);
	memory_free(&writer);
}

static void
clear(void *self)
{
	redis_calls_clear(&((struct writer *)self)->calls);
}

static size_t
batch_bytes(const void *self)
{
	return redis_calls_bytes(&((const struct writer *)self)->calls);
}

static void
put(void *self, const struct feature_view *view, const struct feature_row *row)
{
	redis_calls_put(&((struct writer *)self)->calls, view, row);
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
settle(struct round *round, size_t row, const redisReply *reply)
{
	struct feature_result *result = &round->results[row];
	enum redis_advice advice;

	if (result->outcome != FEATURE_PENDING)
		return; /* by an earlier call, of which others of its rows were sent again */
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

/* The reply to a call has one for each row; an error is that of all of them. */
static void
on_reply(void *argument, size_t index, const redisReply *reply)
{
	struct round *round = argument;
	const struct redis_call *call = &round->writer->calls.calls[round->writer->sent[index]];
	bool each = reply->type == REDIS_REPLY_ARRAY && reply->elements == call->count;

	for (size_t i = 0; i < call->count; i++)
		settle(round, call->rows[i], each ? reply->element[i] : reply);
}

static bool
is_pending(const struct redis_call *call, const struct feature_result *results)
{
	for (size_t i = 0; i < call->count; i++)
		if (results[call->rows[i]].outcome == FEATURE_PENDING)
			return true;
	return false;
}

/* The calls with rows that are pending, and where there are deletions all that follow, as one run of commands; the
 * whole batch as it stands where all of it is. */
static struct bytes
gather(struct writer *writer, const struct feature_result *results, size_t *sent)
{
	const struct redis_calls *calls = &writer->calls;

	if (calls->count > writer->sent_capacity) {
		writer->sent_capacity = calls->capacity;
		writer->sent = memory_resize_array(writer->sent, calls->capacity, sizeof(*writer->sent));
	}
	*sent = 0;
	for (size_t i = 0; i < calls->count; i++)
		if (is_pending(&calls->calls[i], results) || (calls->deletes && *sent > 0))
			writer->sent[(*sent)++] = i;
	if (*sent == calls->count)
		return buffer_bytes(&calls->commands);
	buffer_clear(&writer->sending);
	for (size_t i = 0; i < *sent; i++) {
		const struct redis_call *call = &calls->calls[writer->sent[i]];

		buffer_put(&writer->sending, calls->commands.data + call->offset, call->size);
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
	struct bytes arguments[] = {bytes_of_text("SCRIPT"), bytes_of_text("LOAD"), bytes_of_text(redis_calls_script)};
	int result;

	buffer_clear(&writer->sending);
	redis_command(&writer->sending, arguments, 3);
	result = redis_exchange(writer->redis, buffer_bytes(&writer->sending), 1, on_load, round, err);
	writer->loaded = result == 0 && round->pending == 0;
	return result;
}

static int
send_round(struct writer *writer, struct round *round, struct error *err)
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
	commands = gather(writer, round->results, &sent);
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

	redis_calls_complete(&writer->calls);
	insist(writer->calls.rows == count);
	for (int number = 1;; number++) {
		struct round round = {.writer = writer, .results = results};
		bool used = writer->redis != NULL;

		if (send_round(writer, &round, err) < 0) {
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
	.check = store_check,
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
