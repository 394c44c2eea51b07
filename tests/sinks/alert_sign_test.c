/* Expected signatures: the convention's own examples, computed again in Python, and `openssl dgst -sha256 -hmac`. */
#include "sinks/alert_sign.h"

#include <stdio.h>

#include "tests/test.h"

static struct error err;

static const char *
file_with(const char *text)
{
	static char path[4200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/secret", test_directory());
	file = fopen(path, "w");
	check(file != NULL);
	fputs(text, file);
	fclose(file);
	return path;
}

static const char *
signature(const char *secret_text, const char *id, int64_t timestamp_s, const char *body)
{
	static char text[ALERT_SIGNATURE_SIZE];
	struct alert_secret secret;

	check_ok(alert_secret_read("secret_file", file_with(secret_text), &secret, &err));
	alert_sign(&secret, id, timestamp_s, bytes_of_text(body), text);
	return text;
}

TEST(signatures_are_those_of_the_convention)
{
	check_text(signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
			     "{\"test\": 2432232314}"),
		   "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	check_text(signature("whsec_plJ3nmyCDGBKInavdOK15jsl", "msg_loFOjxBNrRLzqYUf", 1731705121,
			     "{\"event_type\":\"ping\",\"data\":{\"success\":true}}"),
		   "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
	check_text(signature("sixteen letters!\r\n", "alert_00000000000000ff", 1767225600, "{}"),
		   "v1,VWyijyo/7g11vNhdO64V1zzHibTeH7YvvXyMdjYb55s=");
}

TEST(a_secret_that_is_none_is_refused_and_not_shown)
{
	struct alert_secret secret;

	check_fails(alert_secret_read("secret_file", file_with("tooshort\n"), &secret, &err),
		    "the secret has 8 bytes; expected at least 16");
	check_fails(alert_secret_read("secret_file", file_with("\n"), &secret, &err), "is empty");
	check_fails(alert_secret_read("secret_file", file_with("whsec_%%%%\n"), &secret, &err), "is not base64");
	check(!strstr(err.text, "%%"));
	check_fails(alert_secret_read("secret_file", "/nowhere/at/all", &secret, &err), "No such file");
}

TEST(a_line_that_is_too_long_is_refused)
{
	char line[ALERT_SECRET_SIZE_MAX + 8];
	struct alert_secret secret;

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = 0;
	check_fails(alert_secret_read("secret_file", file_with(line), &secret, &err), "is longer than");
}

TEST(a_message_id_is_told_apart_and_has_no_dot)
{
	char id[ALERT_MESSAGE_ID_SIZE];

	check(alert_digest(bytes_of_text("ab"), bytes_of_text("c")) !=
	      alert_digest(bytes_of_text("a"), bytes_of_text("bc")));
	alert_message_id(255, id);
	check_text(id, "alert_00000000000000ff");
}
