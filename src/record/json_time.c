#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "record/json.h"

#define DAY_MS INT64_C(86400000)
#define YEAR_MIN_MS INT64_C(-62167219200000) /* 0000-01-01 */
#define YEAR_MAX_MS INT64_C(253402300799999) /* the end of 9999 */

/* Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that a leap day is a year's last. */
static int64_t
days_from_date(int64_t year, int64_t month, int64_t day)
{
	int64_t era, of_era, of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	of_era = year - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void
date_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t era, of_era, year_of_era, of_year, shifted;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	of_era = days - era * 146097;
	year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	shifted = (5 * of_year + 2) / 153;
	*day = of_year - (153 * shifted + 2) / 5 + 1;
	*month = shifted < 10 ? shifted + 3 : shifted - 9;
	*year = year_of_era + era * 400 + (*month <= 2);
}

static int
days_of_month(int64_t year, int64_t month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Exactly `count` digits. */
static bool
take_digits(const char **at, int count, int64_t *out)
{
	*out = 0;
	for (int i = 0; i < count; i++, ++*at) {
		if (**at < '0' || **at > '9')
			return false;
		*out = *out * 10 + (**at - '0');
	}
	return true;
}

static bool
take_char(const char **at, char wanted)
{
	if (**at != wanted)
		return false;
	++*at;
	return true;
}

/* ".123": what is finer than a millisecond is cut. */
static bool
take_fraction(const char **at, int64_t *ms)
{
	int64_t unit = 100;

	*ms = 0;
	if (!take_char(at, '.'))
		return true;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; ++*at, unit /= 10)
		*ms += (**at - '0') * unit;
	return true;
}

/* "Z", "+01:00" or "+0100", as minutes east of UTC. */
static bool
take_zone(const char **at, int64_t *minutes)
{
	int64_t hour, minute;
	int sign = **at == '-' ? -1 : 1;

	*minutes = 0;
	if (take_char(at, 'Z'))
		return true;
	if (!take_char(at, '+') && !take_char(at, '-'))
		return false;
	if (!take_digits(at, 2, &hour) || (take_char(at, ':'), !take_digits(at, 2, &minute)))
		return false;
	*minutes = sign * (hour * 60 + minute);
	return hour <= 23 && minute <= 59;
}

static bool
take_date(const char **at, int64_t *days)
{
	int64_t year, month, day;

	if (!take_digits(at, 4, &year) || !take_char(at, '-') || !take_digits(at, 2, &month) || !take_char(at, '-') ||
	    !take_digits(at, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
		return false;
	*days = days_from_date(year, month, day);
	return true;
}

static bool
take_time_of_day(const char **at, int64_t *ms)
{
	int64_t hour, minute, second, fraction;

	if (!take_digits(at, 2, &hour) || !take_char(at, ':') || !take_digits(at, 2, &minute) || !take_char(at, ':') ||
	    !take_digits(at, 2, &second) || !take_fraction(at, &fraction))
		return false;
	*ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
	return hour <= 23 && minute <= 59 && second <= 59;
}

int
json_parse_time(const char *text, int64_t *ms, struct error *err)
{
	const char *at = text;
	int64_t days, of_day, zone;

	if (!take_date(&at, &days) || !(take_char(&at, 'T') || take_char(&at, ' ')) ||
	    !take_time_of_day(&at, &of_day) || !take_zone(&at, &zone) || *at)
		return fail(err, SKIP,
			    "\"%.40s\" is not a time; expected ISO 8601 with a zone, such as "
			    "2026-11-21T05:00:00.123Z or 2026-11-21T06:00:00+01:00",
			    text);
	*ms = days * DAY_MS + of_day - zone * 60000;
	return 0;
}

/* `count` digits and what comes behind them. */
static char *
put_digits(char *to, int count, int64_t value, char behind)
{
	for (int i = count - 1; i >= 0; i--, value /= 10)
		to[i] = (char)('0' + value % 10);
	to[count] = behind;
	return to + count + 1;
}

void
json_format_time(int64_t ms, char to[32])
{
	int64_t days = ms / DAY_MS - (ms % DAY_MS < 0), of_day = ms - days * DAY_MS;
	int64_t year, month, day;

	/* ISO 8601 has no more years than these; the end of time and its like stay numbers. */
	if (ms < YEAR_MIN_MS || ms > YEAR_MAX_MS) {
		snprintf(to, 32, "%" PRId64 "ms", ms);
		return;
	}
	date_from_days(days, &year, &month, &day);
	to = put_digits(to, 4, year, '-');
	to = put_digits(to, 2, month, '-');
	to = put_digits(to, 2, day, 'T');
	to = put_digits(to, 2, of_day / 3600000, ':');
	to = put_digits(to, 2, of_day / 60000 % 60, ':');
	to = put_digits(to, 2, of_day / 1000 % 60, '.');
	to = put_digits(to, 3, of_day % 1000, 'Z');
	*to = 0;
}
