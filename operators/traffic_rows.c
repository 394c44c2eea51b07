#include "operators/traffic_rows.h"

#define TEXT_SIZE 32 /* bytes of an id */

struct column {
	const char *name;
	enum schema_type type;
};

enum impression_column {
	I_ID,
	I_REQUEST,
	I_USER,
	I_ITEM,
	I_SURFACE,
	I_POSITION,
	I_SHOWN_AT,
	I_SOURCE,
	I_EXPLORE_KIND,
	I_MODEL,
	I_GROUP,
	I_STRATEGY,
	I_CLUSTER,
	I_CREATOR,
	I_PLATFORM,
	I_DURATION,
	I_PROPENSITY,
};
enum engagement_column { E_ID, E_IMPRESSION, E_USER, E_ITEM, E_ACTION, E_WATCHED, E_DURATION, E_OCCURRED_AT };
enum score_column { S_IMPRESSION, S_MODEL, S_WATCH, S_ENGAGE, S_SHADOW, S_SCORED_AT };
enum vector_column { V_ITEM, V_VECTOR, V_UPDATED_AT, V_SPACE };
enum delivery_column {
	D_IMPRESSION,
	D_REQUEST,
	D_STAGE,
	D_USER,
	D_ITEM,
	D_POSITION,
	D_GROUP,
	D_STRATEGY,
	D_MODEL,
	D_PLATFORM,
	D_LOGGED_AT,
};
enum fault_column { F_IMPRESSION, F_REQUEST, F_KIND, F_HOP, F_FIELD, F_INJECTED_AT };

static const struct column impression_columns[] = {
	{"impression_id", SCHEMA_STRING},    {"request_id", SCHEMA_STRING},
	{"user_id_token", SCHEMA_STRING},    {"item_id", SCHEMA_STRING},
	{"surface", SCHEMA_STRING},	     {"position", SCHEMA_INT},
	{"shown_at", SCHEMA_LONG},	     {"source", SCHEMA_ENUM},
	{"explore_kind", SCHEMA_ENUM},	     {"model_version", SCHEMA_STRING},
	{"experiment_group", SCHEMA_STRING}, {"strategy_id", SCHEMA_STRING},
	{"item_cluster", SCHEMA_STRING},     {"creator_id", SCHEMA_STRING},
	{"platform", SCHEMA_STRING},	     {"duration_seconds", SCHEMA_DOUBLE},
	{"propensity", SCHEMA_DOUBLE},	     {NULL, SCHEMA_NULL},
};
static const struct column engagement_columns[] = {
	{"engagement_id", SCHEMA_STRING},    {"impression_id", SCHEMA_STRING}, {"user_id_token", SCHEMA_STRING},
	{"item_id", SCHEMA_STRING},	     {"action", SCHEMA_ENUM},	       {"watched_seconds", SCHEMA_DOUBLE},
	{"duration_seconds", SCHEMA_DOUBLE}, {"occurred_at", SCHEMA_LONG},     {NULL, SCHEMA_NULL},
};
static const struct column score_columns[] = {
	{"impression_id", SCHEMA_STRING},
	{"model_version", SCHEMA_STRING},
	{"predicted_watch_seconds", SCHEMA_DOUBLE},
	{"predicted_engage_prob", SCHEMA_DOUBLE},
	{"is_shadow", SCHEMA_BOOLEAN},
	{"scored_at", SCHEMA_LONG},
	{NULL, SCHEMA_NULL},
};
static const struct column vector_columns[] = {
	{"item_id", SCHEMA_STRING}, {"vector", SCHEMA_ARRAY}, {"updated_at", SCHEMA_LONG},
	{"space", SCHEMA_STRING},   {NULL, SCHEMA_NULL},
};
static const struct column delivery_columns[] = {
	{"impression_id", SCHEMA_STRING},    {"request_id", SCHEMA_STRING},  {"stage", SCHEMA_ENUM},
	{"user_id_token", SCHEMA_STRING},    {"item_id", SCHEMA_STRING},     {"position", SCHEMA_INT},
	{"experiment_group", SCHEMA_STRING}, {"strategy_id", SCHEMA_STRING}, {"model_version", SCHEMA_STRING},
	{"platform", SCHEMA_STRING},	     {"logged_at", SCHEMA_LONG},     {NULL, SCHEMA_NULL},
};
static const struct column fault_columns[] = {
	{"impression_id", SCHEMA_STRING}, {"request_id", SCHEMA_STRING}, {"kind", SCHEMA_ENUM}, {"hop", SCHEMA_ENUM},
	{"field", SCHEMA_STRING},	  {"injected_at", SCHEMA_LONG},	 {NULL, SCHEMA_NULL},
};

static const struct column *const columns[TRAFFIC_OUTPUTS] = {
	[TRAFFIC_IMPRESSIONS] = impression_columns, [TRAFFIC_ENGAGEMENTS] = engagement_columns,
	[TRAFFIC_SCORES] = score_columns,	    [TRAFFIC_ITEM_VECTORS] = vector_columns,
	[TRAFFIC_ENGINE_LOG] = delivery_columns,    [TRAFFIC_SERVER_LOG] = delivery_columns,
	[TRAFFIC_CLIENT_LOG] = delivery_columns,    [TRAFFIC_INJECTED_FAULTS] = fault_columns,
};

/* The symbols, in the order of our own enums. */
static const char *const source_symbols[] = {"ranked", "exploration", "cold_start", NULL};
static const char *const explore_symbols[] = {"none", "uniform_random", NULL};
static const char *const action_symbols[] = {"view",   "click",	   "like",  "share", "comment",
					     "follow", "purchase", "watch", "skip",  NULL};
static const char *const stage_symbols[] = {"returned", "delivered", "received", "exposed", NULL};
static const char *const kind_symbols[] = {"lost", "duplicated", "phantom", "altered", "late", NULL};
static const char *const hop_symbols[] = {"engine_server", "server_client", "engine", "server", "client", NULL};

static const char *const altered_fields[] = {"item_id", "position", "experiment_group", "strategy_id", "model_version"};
static const char *const groups[] = {"control", "treatment"};
static const char *const live_models[] = {"ranker-7", "ranker-8"}; /* of the two groups */
static const char *const shadow_model = "ranker-9";
static const char *const altered_model = "ranker-6";
static const char *const strategies[TRAFFIC_STRATEGIES] = {"for_you", "following", "trending", "nearby"};
static const char *const platforms[TRAFFIC_PLATFORMS] = {"web", "android", "ios"};

static int
resolve_symbols(const struct field *field, const char *const *symbols, int *numbers, struct error *err)
{
	for (int i = 0; symbols[i]; i++) {
		numbers[i] = schema_symbol_find(field->schema, symbols[i]);
		if (numbers[i] < 0)
			return fail(err, FATAL, "enum %s has no symbol %s", schema_short_name(field->schema),
				    symbols[i]);
	}
	return 0;
}

static int
resolve_enums(struct traffic_rows *rows, int output, struct error *err)
{
	const struct field *fields = rows->fields[output];

	switch ((enum traffic_output)output) {
	case TRAFFIC_IMPRESSIONS:
		if (resolve_symbols(&fields[I_SOURCE], source_symbols, rows->sources, err) < 0)
			return -1;
		return resolve_symbols(&fields[I_EXPLORE_KIND], explore_symbols, rows->explore_kinds, err);
	case TRAFFIC_ENGAGEMENTS:
		return resolve_symbols(&fields[E_ACTION], action_symbols, rows->actions, err);
	case TRAFFIC_ENGINE_LOG:
	case TRAFFIC_SERVER_LOG:
	case TRAFFIC_CLIENT_LOG:
		return resolve_symbols(&fields[D_STAGE], stage_symbols, rows->stages[output], err);
	case TRAFFIC_INJECTED_FAULTS:
		if (resolve_symbols(&fields[F_KIND], kind_symbols, rows->kinds, err) < 0)
			return -1;
		return resolve_symbols(&fields[F_HOP], hop_symbols, rows->hops, err);
	default:
		return 0;
	}
}

int
traffic_rows_open(struct traffic_rows *rows, const struct context *context, struct error *err)
{
	for (int i = 0; i < TRAFFIC_OUTPUTS; i++) {
		const struct schema *schema = context_output_schema(context, i);

		rows->connected[i] = schema != NULL;
		if (!schema)
			continue;
		for (int j = 0; columns[i][j].name; j++)
			if (record_field(schema, columns[i][j].name, columns[i][j].type, &rows->fields[i][j], err) < 0)
				return -1;
		if (resolve_enums(rows, i, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- texts: no printf, it is the slowest part of a row ---- */

struct text {
	size_t size;
	char bytes[TEXT_SIZE];
};

static void
put_char(struct text *text, char byte)
{
	text->bytes[text->size++] = byte;
}

/* At least `width` digits. */
static void
put_number(struct text *text, uint64_t number, int width)
{
	char digits[20];
	int count = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	for (; width > count; width--)
		put_char(text, '0');
	while (count > 0)
		put_char(text, digits[--count]);
}

static struct bytes
text_bytes(const struct text *text)
{
	return bytes_of(text->bytes, text->size);
}

static struct text
text_of(char letter, uint64_t number)
{
	struct text text = {0};

	put_char(&text, letter);
	put_number(&text, number, 1);
	return text;
}

static struct text
request_text(uint64_t request)
{
	struct text text = {0};

	put_char(&text, 'r');
	put_number(&text, request, 9);
	return text;
}

/* Impressions: i000000012-03; phantoms: p000000012-03; engagements with nothing: o000000012-03. */
static struct text
impression_text(const struct traffic_event *event)
{
	static const char letters[] = {'i', 'p', 'o'};
	struct text text = {0};

	put_char(&text, letters[event->id]);
	put_number(&text, event->request, 9);
	put_char(&text, '-');
	put_number(&text, event->position, 2);
	return text;
}

static struct text
engagement_text(const struct traffic_event *event)
{
	struct text text = impression_text(event);

	text.bytes[0] = event->id == TRAFFIC_ID_ORPHAN ? 'x' : 'e';
	put_char(&text, '-');
	put_number(&text, event->number, 1);
	return text;
}

/* A token is not a number that can be guessed back: sixteen digits of a hash. */
static struct text
user_text(int64_t seed, uint64_t user)
{
	uint64_t token = traffic_mix(traffic_mix(user + 1) ^ (uint64_t)seed);
	struct text text = {0};

	put_char(&text, 'u');
	for (int shift = 60; shift >= 0; shift -= 4)
		put_char(&text, "0123456789abcdef"[token >> shift & 15]);
	return text;
}

/* ---- rows, an output each ---- */

struct row {
	struct record *record;
	const struct field *fields;
};

static void
set_text(struct row row, int column, const char *text)
{
	record_set_bytes(row.record, row.fields[column], bytes_of_text(text));
}

static void
set_bytes(struct row row, int column, const struct text *text)
{
	record_set_bytes(row.record, row.fields[column], text_bytes(text));
}

static void
set_integer(struct row row, int column, int64_t value)
{
	record_set_integer(row.record, row.fields[column], value);
}

static void
set_real(struct row row, int column, double value)
{
	record_set_real(row.record, row.fields[column], value);
}

/* The texts that rows of several outputs share; the row points into them until it is emitted. */
struct texts {
	struct text impression, request, user, item, cluster, creator, engagement;
};

static void
fill_impression(const struct traffic_rows *rows, const struct traffic_model *model, const struct traffic_event *event,
		struct row row, struct texts *texts)
{
	struct traffic_user user;
	struct traffic_item item;

	traffic_request_user(model, event->request, &user);
	traffic_item_of(model, event->item, &item);
	texts->request = request_text(event->request);
	texts->user = user_text(model->parameters->seed, user.number);
	texts->item = text_of('v', event->item);
	texts->cluster = text_of('c', (uint64_t)item.cluster);
	texts->creator = text_of('a', item.creator);
	set_bytes(row, I_ID, &texts->impression);
	set_bytes(row, I_REQUEST, &texts->request);
	set_bytes(row, I_USER, &texts->user);
	set_bytes(row, I_ITEM, &texts->item);
	set_text(row, I_SURFACE, "feed");
	set_integer(row, I_POSITION, event->position);
	set_integer(row, I_SOURCE, rows->sources[event->detail]);
	set_integer(row, I_EXPLORE_KIND, rows->explore_kinds[event->detail == TRAFFIC_EXPLORATION]);
	set_text(row, I_MODEL, live_models[user.treated]);
	set_text(row, I_GROUP, groups[user.treated]);
	set_text(row, I_STRATEGY, strategies[traffic_request_strategy(model, event->request)]);
	set_bytes(row, I_CLUSTER, &texts->cluster);
	set_bytes(row, I_CREATOR, &texts->creator);
	set_text(row, I_PLATFORM, platforms[user.platform]);
	set_real(row, I_DURATION, item.duration_seconds);
	set_real(row, I_PROPENSITY,
		 traffic_propensity(model, (enum traffic_source)event->detail,
				    traffic_request_at_ms(model, event->request)));
}

static void
fill_engagement(const struct traffic_rows *rows, const struct traffic_model *model, const struct traffic_event *event,
		struct row row, struct texts *texts)
{
	struct traffic_user user;
	struct traffic_item item;

	traffic_request_user(model, event->request, &user);
	traffic_item_of(model, event->item, &item);
	texts->engagement = engagement_text(event);
	texts->user = user_text(model->parameters->seed, user.number);
	texts->item = text_of('v', event->item);
	set_bytes(row, E_ID, &texts->engagement);
	set_bytes(row, E_IMPRESSION, &texts->impression);
	set_bytes(row, E_USER, &texts->user);
	set_bytes(row, E_ITEM, &texts->item);
	set_integer(row, E_ACTION, rows->actions[event->detail]);
	if (event->first < 0)
		record_set_null(row.record, row.fields[E_WATCHED]);
	else
		set_real(row, E_WATCHED, (double)event->first);
	set_real(row, E_DURATION, item.duration_seconds);
}

static void
fill_score(const struct traffic_model *model, const struct traffic_event *event, struct row row, struct texts *texts)
{
	struct traffic_user user;

	traffic_request_user(model, event->request, &user);
	set_bytes(row, S_IMPRESSION, &texts->impression);
	set_text(row, S_MODEL, event->detail ? shadow_model : live_models[user.treated]);
	set_real(row, S_WATCH, (double)event->first);
	set_real(row, S_ENGAGE, (double)event->second);
	set_integer(row, S_SHADOW, event->detail);
}

static void
fill_delivery(const struct traffic_rows *rows, const struct traffic_model *model, const struct traffic_event *event,
	      struct row row, struct texts *texts)
{
	int strategy = traffic_request_strategy(model, event->request);
	int altered = event->altered - 1;
	struct traffic_user user;

	traffic_request_user(model, event->request, &user);
	texts->request = request_text(event->request);
	texts->user = user_text(model->parameters->seed, user.number);
	texts->item = text_of('v', event->item + (altered == TRAFFIC_ALTERED_ITEM));
	if (altered == TRAFFIC_ALTERED_STRATEGY)
		strategy = (strategy + 1) % TRAFFIC_STRATEGIES;
	set_bytes(row, D_IMPRESSION, &texts->impression);
	set_bytes(row, D_REQUEST, &texts->request);
	set_integer(row, D_STAGE, rows->stages[event->output][event->detail]);
	set_bytes(row, D_USER, &texts->user);
	set_bytes(row, D_ITEM, &texts->item);
	set_integer(row, D_POSITION, event->shown_at);
	set_text(row, D_GROUP, groups[user.treated != (altered == TRAFFIC_ALTERED_GROUP)]);
	set_text(row, D_STRATEGY, strategies[strategy]);
	set_text(row, D_MODEL, altered == TRAFFIC_ALTERED_MODEL ? altered_model : live_models[user.treated]);
	set_text(row, D_PLATFORM, platforms[user.platform]);
}

static void
fill_fault(const struct traffic_rows *rows, const struct traffic_event *event, struct row row, struct texts *texts)
{
	texts->request = request_text(event->request);
	set_bytes(row, F_IMPRESSION, &texts->impression);
	set_bytes(row, F_REQUEST, &texts->request);
	set_integer(row, F_KIND, rows->kinds[event->detail - TRAFFIC_LOST]);
	set_integer(row, F_HOP, rows->hops[event->number]);
	if (event->altered)
		set_text(row, F_FIELD, altered_fields[event->altered - 1]);
	else
		record_set_null(row.record, row.fields[F_FIELD]);
}

/* Where each output has its event time. */
static const int time_columns[TRAFFIC_OUTPUTS] = {
	[TRAFFIC_IMPRESSIONS] = I_SHOWN_AT, [TRAFFIC_ENGAGEMENTS] = E_OCCURRED_AT,
	[TRAFFIC_SCORES] = S_SCORED_AT,	    [TRAFFIC_ITEM_VECTORS] = V_UPDATED_AT,
	[TRAFFIC_ENGINE_LOG] = D_LOGGED_AT, [TRAFFIC_SERVER_LOG] = D_LOGGED_AT,
	[TRAFFIC_CLIENT_LOG] = D_LOGGED_AT, [TRAFFIC_INJECTED_FAULTS] = F_INJECTED_AT,
};

int
traffic_rows_emit(const struct traffic_rows *rows, const struct traffic_model *model, const struct traffic_event *event,
		  int64_t start_ms, struct context *context, struct error *err)
{
	struct row row = {.record = context_row(context, event->output), .fields = rows->fields[event->output]};
	struct texts texts;
	const struct text *key = &texts.impression;

	if (!row.record)
		return 0;
	texts.impression = impression_text(event);
	row.record->time_ms = start_ms + event->time_ms;
	set_integer(row, time_columns[event->output], row.record->time_ms);
	switch ((enum traffic_output)event->output) {
	case TRAFFIC_IMPRESSIONS:
		fill_impression(rows, model, event, row, &texts);
		break;
	case TRAFFIC_ENGAGEMENTS:
		fill_engagement(rows, model, event, row, &texts);
		break;
	case TRAFFIC_SCORES:
		fill_score(model, event, row, &texts);
		break;
	case TRAFFIC_INJECTED_FAULTS:
		fill_fault(rows, event, row, &texts);
		break;
	default:
		fill_delivery(rows, model, event, row, &texts);
		key = &texts.request;
	}
	return context_emit(context, event->output, text_bytes(key), row.record, err);
}

int
traffic_rows_emit_item(const struct traffic_rows *rows, const struct traffic_model *model, uint32_t number,
		       int64_t start_ms, struct context *context, struct error *err)
{
	struct row row = {.fields = rows->fields[TRAFFIC_ITEM_VECTORS]};
	struct text id = text_of('v', number);
	union slot components[TRAFFIC_DIMENSIONS], *vector;
	struct traffic_item item;

	row.record = context_row(context, TRAFFIC_ITEM_VECTORS);
	if (!row.record)
		return 0;
	traffic_item_of(model, number, &item);
	for (int i = 0; i < TRAFFIC_DIMENSIONS; i++)
		components[i].real = (double)item.vector[i];
	vector = record_set(row.record, row.fields[V_VECTOR]);
	vector->array.items = components;
	vector->array.count = TRAFFIC_DIMENSIONS;
	row.record->time_ms = start_ms + traffic_item_appeared_ms(model, number);
	set_bytes(row, V_ITEM, &id);
	set_integer(row, V_UPDATED_AT, row.record->time_ms);
	set_text(row, V_SPACE, "taste-1");
	return context_emit(context, TRAFFIC_ITEM_VECTORS, text_bytes(&id), row.record, err);
}
