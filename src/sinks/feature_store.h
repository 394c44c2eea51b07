/*
 * The online feature store: where rows are read when a page is ranked. Behind it stands Redis, in the byte layout of
 * Feast, or (the default, where nothing is installed) a directory of this process.
 *
 *     feature_store_open(&config, &store, &err);            one per process, shared by all threads
 *     writer = feature_writer_open(store);                  one per thread: a batch, and a connection
 *     feature_writer_put(writer, view, &row, tag, &err);    again and again: into the batch
 *     feature_writer_flush(writer, &err);                   0: every row of the batch is settled
 *     feature_writer_results(writer, &count);               what became of each
 *     feature_writer_clear(writer);
 *
 * The newest row wins, by (time, revision), decided by the store in one step with the writing: so writing a row again,
 * or after a newer one, changes nothing, and a batch may be sent any number of times. An outage is an error RETRY of
 * the flush: what is settled stays so, and the next flush sends the rest.
 */
#ifndef SINKS_FEATURE_STORE_H
#define SINKS_FEATURE_STORE_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/option.h"

#define FEATURE_KEYS_MAX 8	       /* join keys of a view */
#define FEATURE_COLUMNS_MAX 256	       /* features of a view */
#define FEATURE_NUMBER_MAX (1LL << 53) /* of times and revisions: what the store compares exactly */

/* Types as Feast has them; a list is a type and `list`. */
enum feature_type {
	FEATURE_BYTES,
	FEATURE_STRING,
	FEATURE_INT32,
	FEATURE_INT64,
	FEATURE_DOUBLE,
	FEATURE_FLOAT,
	FEATURE_BOOL,
	FEATURE_UNIX_TIME, /* seconds */
};

struct feature_column {
	const char *name;
	enum feature_type type;
	bool list;
};

/* A feature view. Tables of columns end with one without a name. */
struct feature_view_spec {
	const char *project, *name;
	const struct feature_column *keys; /* join keys: no lists, no FLOAT, DOUBLE, BOOL */
	const struct feature_column *features;
	/* A list of FLOAT among the features that is written raw as well, for vector search; NULL: none. */
	const char *vector;
	const char *vector_prefix; /* of its key; behind it come the join keys as text, with ':' between them */
	int64_t ttl_ms;		   /* the store forgets an entity so long after its last row; 0: never */
	const char *origin;	   /* what the offsets of its rows count, such as a topic; NULL: nothing */
};

/* What of it is used is told by the column. */
struct feature_value {
	bool null;
	struct bytes bytes; /* BYTES, STRING */
	int64_t integer;    /* INT32, INT64, BOOL, UNIX_TIME */
	double real;	    /* DOUBLE, FLOAT */
	/* Lists: `count` of struct bytes, int64_t (BOOL too), double, or for FLOAT float. */
	const void *items;
	size_t count;
};

struct feature_row {
	const struct feature_value *keys, *features; /* in the order of the view's columns */
	int64_t time_ms;			     /* event time */
	int64_t revision;			     /* of rows of one time the higher one wins; 0 or more */
	int64_t offset;				     /* in the view's origin, 0 or more: those of one entity grow */
};

enum feature_outcome {
	FEATURE_PENDING, /* not settled yet */
	FEATURE_WRITTEN,
	FEATURE_OLDER,	 /* the store has this row or a newer one */
	FEATURE_REFUSED, /* the store will never take it: the reason says why */
};

struct feature_result {
	uint64_t tag; /* as given */
	enum feature_outcome outcome;
	const char *reason; /* of FEATURE_REFUSED, else NULL */
	const struct feature_view *view;
	int64_t time_ms;
};

struct feature_view;
struct feature_store;
struct feature_writer;

/* What to configure; set by feature_store_options. */
struct feature_store_config {
	int type; /* enum feature_store_type */
	char *address, *user, *password, *password_file;
	int64_t database, timeout_ms;
	bool tls;
	char *tls_ca, *tls_certificate, *tls_key, *tls_name;
	const char *directory; /* embedded: where it lives; NULL: in memory. Not an option: the runtime says so */
};
enum feature_store_type { FEATURE_STORE_EMBEDDED, FEATURE_STORE_REDIS };
extern const char *const feature_store_types[];
extern const struct option feature_store_options[];

/* The rows of that table for a table of one's own, whose struct has the config at the offset `base`. */
#define FEATURE_STORE_AT(base, field) ((base) + offsetof(struct feature_store_config, field))
/* clang-format off */
#define FEATURE_STORE_OPTIONS(base) \
	{"store", OPTION_CHOICE, FEATURE_STORE_AT(base, type), "embedded", 0, 0, feature_store_types, NULL, \
	 "embedded: a directory of this process; redis: a Redis server, in Feast's layout"}, \
	{"address", OPTION_TEXT, FEATURE_STORE_AT(base, address), "127.0.0.1:6379", 0, 0, NULL, NULL, \
	 "redis: host:port, or unix:/path of a socket"}, \
	{"user", OPTION_TEXT, FEATURE_STORE_AT(base, user), "", 0, 0, NULL, NULL, \
	 "redis: user to authenticate as, where there are users"}, \
	{"password", OPTION_TEXT, FEATURE_STORE_AT(base, password), "", 0, 0, NULL, NULL, \
	 "redis: the password; better kept out of the topology: password_file"}, \
	{"password_file", OPTION_TEXT, FEATURE_STORE_AT(base, password_file), "", 0, 0, NULL, NULL, \
	 "redis: a file whose first line is the password; read again with every connection"}, \
	{"database", OPTION_INTEGER, FEATURE_STORE_AT(base, database), "0", 0, 65535, NULL, NULL, \
	 "redis: number of the database"}, \
	{"timeout", OPTION_DURATION, FEATURE_STORE_AT(base, timeout_ms), "5s", 1, 600000, NULL, "ms", \
	 "redis: how long to wait for a reply before the server counts as unreachable"}, \
	{"tls", OPTION_BOOLEAN, FEATURE_STORE_AT(base, tls), "false", 0, 0, NULL, NULL, \
	 "redis: whether to speak TLS"}, \
	{"tls_ca", OPTION_TEXT, FEATURE_STORE_AT(base, tls_ca), "", 0, 0, NULL, NULL, \
	 "redis: file of the certificates that are trusted; empty: those of the system"}, \
	{"tls_certificate", OPTION_TEXT, FEATURE_STORE_AT(base, tls_certificate), "", 0, 0, NULL, NULL, \
	 "redis: file of our certificate, for servers that ask for one"}, \
	{"tls_key", OPTION_TEXT, FEATURE_STORE_AT(base, tls_key), "", 0, 0, NULL, NULL, \
	 "redis: file of its key"}, \
	{"tls_name", OPTION_TEXT, FEATURE_STORE_AT(base, tls_name), "", 0, 0, NULL, NULL, \
	 "redis: name that the server's certificate must have; empty: the host of the address"}
/* clang-format on */

/* Checks the view (also: that no two of its fields share a hash) and copies it. */
int feature_view_new(const struct feature_view_spec *spec, struct feature_view **out, struct error *err);
void feature_view_free(struct feature_view **view);
const struct feature_view_spec *feature_view_spec(const struct feature_view *view);
/* Views of one project with the same join keys share a hash in Redis: whether some of their fields do too. */
int feature_views_check(const struct feature_view *const *views, size_t count, struct error *err);

/* What is wrong with a configuration by itself, without a server or a directory: FATAL; the text begins with the
 * option's name. */
int feature_store_check(const struct feature_store_config *config, struct error *err);
/* Of a configuration that can be taken. Nothing is connected yet: an outage is an error of the flush. */
int feature_store_open(const struct feature_store_config *config, struct feature_store **out, struct error *err);
void feature_store_close(struct feature_store **store); /* after its writers */

/* An entity's row of a view as JSON: {"time": ms, "revision": n, "features": {...}}, or nothing at all. Only the
 * embedded store is read by us. Thread-safe. */
struct buffer;
int feature_store_read(struct feature_store *store, const struct feature_view *view, const struct feature_value *keys,
		       struct buffer *out, struct error *err);

struct feature_writer *feature_writer_open(struct feature_store *store);
void feature_writer_close(struct feature_writer **writer); /* what is not settled is dropped */
/* SKIP: the row is no row of the view. */
int feature_writer_put(struct feature_writer *writer, const struct feature_view *view, const struct feature_row *row,
		       uint64_t tag, struct error *err);
/*
 * The entity's row is deleted, however new it is: a row with a higher offset is a first one. In Redis one with a lower
 * offset is older for a day, also where it is sent later, by a writer that has lost its partition; and so is this call.
 * (The embedded store is one process': whoever writes has its partition.)
 */
int feature_writer_remove(struct feature_writer *writer, const struct feature_view *view,
			  const struct feature_value *keys, int64_t offset, uint64_t tag, struct error *err);
size_t feature_writer_bytes(const struct feature_writer *writer); /* of the batch */
/* RETRY: some rows are not settled; FATAL: a person has to act (wrong password, a cluster, ...). */
int feature_writer_flush(struct feature_writer *writer, struct error *err);
const struct feature_result *feature_writer_results(const struct feature_writer *writer, size_t *count);
void feature_writer_clear(struct feature_writer *writer);

#endif
