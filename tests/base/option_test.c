#include "base/option.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

static const char *const colours[] = {"red", "green", "blue", NULL};

struct settings {
	bool fast;
	int64_t count, wait_ms, bytes;
	double ratio;
	char *title;
	int colour;
};

static const struct option table[] = {
	{.name = "fast", .type = OPTION_BOOLEAN, .offset = offsetof(struct settings, fast), .initial = "true"},
	{.name = "count",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct settings, count),
	 .initial = "-7",
	 .min = -10,
	 .max = 10},
	{.name = "wait",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct settings, wait_ms),
	 .initial = "90s",
	 .min = 1,
	 .max = 600000},
	{.name = "bytes", .type = OPTION_SIZE, .offset = offsetof(struct settings, bytes), .initial = "64KiB"},
	{.name = "ratio",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct settings, ratio),
	 .initial = "0.05",
	 .min = 0,
	 .max = 1},
	{.name = "title", .type = OPTION_TEXT, .offset = offsetof(struct settings, title)},
	{.name = "colour",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct settings, colour),
	 .initial = "green",
	 .choices = colours},
	OPTION_END,
};

static const struct option wide[] = {
	{.name = "wait", .type = OPTION_DURATION, .offset = offsetof(struct settings, wait_ms), .initial = "0"},
	{.name = "count", .type = OPTION_INTEGER, .offset = offsetof(struct settings, count), .initial = "0"},
	{.name = "ratio", .type = OPTION_NUMBER, .offset = offsetof(struct settings, ratio), .initial = "0"},
	OPTION_END,
};

static void
check_refused(const struct option *options, const char *name, const char *text, const char *wanted)
{
	struct settings settings;
	struct error err;

	option_defaults(options, &settings);
	check_fails(option_parse(option_find(options, name), text, &settings, &err), wanted);
	option_free(options, &settings);
}

static int64_t
parse_wait(const char *text)
{
	struct settings settings = {0};
	struct error err;

	check_ok(option_parse(option_find(wide, "wait"), text, &settings, &err));
	return settings.wait_ms;
}

static int64_t
parse_bytes(const char *text)
{
	struct settings settings = {0};
	struct error err;

	check_ok(option_parse(option_find(table, "bytes"), text, &settings, &err));
	return settings.bytes;
}

TEST(defaults_are_set_and_required_fields_are_zero)
{
	struct settings settings;

	memset(&settings, 0xff, sizeof(settings));
	option_defaults(table, &settings);
	check(settings.fast);
	check_int(settings.count, -7);
	check_int(settings.wait_ms, 90000);
	check_int(settings.bytes, 65536);
	check_real(settings.ratio, 0.05);
	check(!settings.title);
	check_int(settings.colour, 1);
}

TEST(durations_have_units)
{
	check_int(parse_wait("250ms"), 250);
	check_int(parse_wait("5s"), 5000);
	check_int(parse_wait("10min"), 600000);
	check_int(parse_wait("1h"), 3600000);
	check_int(parse_wait("7d"), 604800000);
	check_int(parse_wait("0"), 0);
}

TEST(what_is_no_duration_is_refused)
{
	static const char *const bad[] = {"",
					  "5",
					  "s",
					  "5 s",
					  "-5s",
					  "1.5s",
					  "5m",
					  "5S",
					  "5min3s",
					  "99999999999999999999ms",
					  "9223372036854775807s"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_refused(wide, "wait", bad[i], "\"; expected a duration such as 250ms, 5s, 10min or 1h");
	check_refused(wide, "wait", "5m", "wait is \"5m\"; expected");
}

TEST(sizes_have_binary_units)
{
	check_int(parse_bytes("4096"), 4096);
	check_int(parse_bytes("16B"), 16);
	check_int(parse_bytes("64KiB"), 65536);
	check_int(parse_bytes("512MiB"), 536870912);
	check_int(parse_bytes("2GiB"), INT64_C(2147483648));
	check_refused(table, "bytes", "64KB",
		      "bytes is \"64KB\"; expected a size such as 4096, 64KiB, 512MiB "
		      "or 2GiB");
	check_refused(table, "bytes", "9000000000GiB", "expected a size");
}

TEST(integers_are_whole_and_in_range)
{
	check_refused(wide, "count", "1.5", "count is \"1.5\"; expected a whole number such as 42");
	check_refused(wide, "count", "0x10", "expected a whole number");
	check_refused(wide, "count", "", "expected a whole number");
	check_refused(wide, "count", "9223372036854775808", "expected a whole number");
	check_refused(wide, "count", "--1", "expected a whole number");
}

TEST(numbers_are_finite_and_decimal)
{
	struct settings settings = {0};
	struct error err;

	check_ok(option_parse(option_find(wide, "ratio"), "-2.5e3", &settings, &err));
	check_real(settings.ratio, -2500);
	check_refused(wide, "ratio", "nan", "ratio is \"nan\"; expected a number such as 0.05");
	check_refused(wide, "ratio", "inf", "expected a number");
	check_refused(wide, "ratio", "1e999", "expected a number");
	check_refused(wide, "ratio", "0x1p3", "expected a number");
	check_refused(wide, "ratio", "1,5", "expected a number");
}

TEST(booleans_are_true_or_false)
{
	check_refused(table, "fast", "yes", "fast is \"yes\"; expected true or false");
}

TEST(bounds_are_told_in_the_unit_of_the_option)
{
	check_refused(table, "wait", "0", "wait is 0; expected at least 1ms");
	check_refused(table, "wait", "1h", "wait is 1h; expected at most 10min");
	check_refused(table, "count", "-11", "count is -11; expected at least -10");
	check_refused(table, "count", "11", "count is 11; expected at most 10");
	check_refused(table, "ratio", "1.5", "ratio is 1.5; expected at most 1");
}

TEST(bounds_themselves_are_taken)
{
	struct settings settings = {0};
	struct error err;

	check_ok(option_parse(option_find(table, "wait"), "10min", &settings, &err));
	check_ok(option_parse(option_find(table, "wait"), "1ms", &settings, &err));
	check_ok(option_parse(option_find(table, "ratio"), "1", &settings, &err));
}

TEST(a_refused_value_leaves_the_field_as_it_was)
{
	struct settings settings;
	struct error err;

	option_defaults(table, &settings);
	check_fails(option_parse(option_find(table, "wait"), "2h", &settings, &err), "at most");
	check_int(settings.wait_ms, 90000);
}

TEST(a_wrong_choice_is_told_the_choices_and_the_closest)
{
	check_refused(table, "colour", "gren",
		      "colour is \"gren\"; expected one of red, green, blue; did you mean \"green\"?");
	check_refused(table, "colour", "mauve", "expected one of red, green, blue");
}

TEST(a_text_is_replaced_and_freed)
{
	struct settings settings;
	struct error err;

	option_defaults(table, &settings);
	check_ok(option_parse(option_find(table, "title"), "one", &settings, &err));
	check_ok(option_parse(option_find(table, "title"), "two", &settings, &err));
	check_text(settings.title, "two");
	option_free(table, &settings);
	check(!settings.title);
}

TEST(a_value_prints_as_the_text_that_gives_it)
{
	static const char *const durations[] = {"0", "1ms", "1500ms", "90s", "10min", "36h", "2d"};
	static const char *const sizes[] = {"0", "1000", "3KiB", "1536MiB", "2GiB"};
	struct settings settings = {0}, again;
	char text[64];
	struct error err;

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		settings.wait_ms = parse_wait(durations[i]);
		option_print(option_find(table, "wait"), &settings, text, sizeof(text));
		check_text(text, durations[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		settings.bytes = parse_bytes(sizes[i]);
		option_print(option_find(table, "bytes"), &settings, text, sizeof(text));
		check_text(text, sizes[i]);
	}
	option_defaults(table, &settings);
	check_ok(option_parse(option_find(table, "title"), "a title", &settings, &err));
	option_defaults(table, &again);
	for (const struct option *option = table; option->name; option++) {
		option_print(option, &settings, text, sizeof(text));
		check_ok(option_parse(option, text, &again, &err));
	}
	check_real(again.ratio, 0.05);
	check_int(again.colour, 1);
	check_text(again.title, "a title");
	option_free(table, &settings);
	option_free(table, &again);
}

TEST(an_option_is_found_by_its_whole_name)
{
	check(option_find(table, "count") == &table[1]);
	check(!option_find(table, "coun"));
	check(!option_find(NULL, "count"));
}

TEST(the_closest_name_is_the_one_with_the_fewest_slips)
{
	static const char *const names[] = {"window",		"grace", "correction_horizon", "emit", "key",
					    "out_of_orderness", NULL};

	check_text(option_closest("windw", names), "window");
	check_text(option_closest("widnow", names), "window");
	check_text(option_closest("Grace", names), "grace");
	check_text(option_closest("kye", names), "key");
	check_text(option_closest("out-of-orderness", names), "out_of_orderness");
	check_text(option_closest("corection_horizn", names), "correction_horizon");
}

TEST(what_is_like_no_name_has_no_closest)
{
	static const char *const names[] = {"window", "grace", "key", NULL};
	char longer[200];

	check(!option_closest("speed", names));
	check(!option_closest("ab", names));
	check(!option_closest("", names));
	memset(longer, 'w', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	check(!option_closest(longer, names));
}

TEST(every_type_says_what_it_expects)
{
	check_text(option_type_name(OPTION_DURATION), "duration");
	check_text(option_type_name(OPTION_CHOICE), "choice");
	check_text(option_expected(OPTION_BOOLEAN), "true or false");
	check_text(option_expected(OPTION_TEXT), "a text");
}

/* ---- groups ---- */

struct rule {
	char *name, *title;
	int64_t count;
};

struct rules {
	struct option_groups rules;
};

static const struct option rule_options[] = {
	{"title", OPTION_TEXT, offsetof(struct rule, title), "none", 0, 0, NULL, NULL, "a title"},
	{"count", OPTION_INTEGER, offsetof(struct rule, count), "3", 0, 9, NULL, NULL, "a count"},
	OPTION_END,
};
static const struct option_group rule_group = {
	.options = rule_options, .size = sizeof(struct rule), .name = offsetof(struct rule, name)};
static const struct option with_groups[] = {
	{"rules", OPTION_GROUPS, offsetof(struct rules, rules), "", 0, 8, NULL, NULL, "rules", &rule_group},
	OPTION_END,
};

TEST(groups_have_names_and_defaults_and_are_freed_with_the_rest)
{
	struct rules rules;
	struct rule *rule;
	struct error err;
	char text[64];

	option_defaults(with_groups, &rules);
	check_int(rules.rules.count, 0);
	rule = option_group_add(&with_groups[0], "first", &rules);
	option_defaults(rule_options, rule);
	check_text(rule->name, "first");
	check_text(rule->title, "none");
	check_int(rule->count, 3);
	check_ok(option_parse(option_find(rule_options, "count"), "9", rule, &err));
	rule = option_group_add(&with_groups[0], "second", &rules);
	check_text(rule->name, "second");
	check_int(rules.rules.count, 2);
	rule = rules.rules.items;
	check_text(rule->name, "first");
	check_int(rule->count, 9);
	option_print(with_groups, &rules, text, sizeof(text));
	check_text(text, "2 groups");
	option_free(with_groups, &rules);
	check(!rules.rules.items);
	check_int(rules.rules.count, 0);
}

TEST(groups_are_no_text)
{
	struct rules rules;
	struct error err;

	option_defaults(with_groups, &rules);
	check_fails(option_parse(with_groups, "x", &rules, &err),
		    "rules is \"x\"; expected a map of named groups such as {NAME: {KEY: VALUE}}");
}
