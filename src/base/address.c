#include "base/address.h"

#include <ctype.h>

#define PORT_DIGITS_MAX 5
#define PORT_MAX 65535

static bool
is_port(struct bytes text)
{
	int port = 0;

	if (text.size == 0 || text.size > PORT_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (!isdigit(text.data[i]))
			return false;
		port = port * 10 + (text.data[i] - '0');
	}
	return port >= 1 && port <= PORT_MAX;
}

bool
address_is_host(struct bytes text)
{
	bool bracketed = text.size > 2 && text.data[0] == '[' && text.data[text.size - 1] == ']';

	for (size_t i = bracketed; i < text.size - bracketed; i++) {
		bool v6 = bracketed && (text.data[i] == ':' || text.data[i] == '%');

		if (!isalnum(text.data[i]) && !strchr(".-_", text.data[i]) && !v6)
			return false;
	}
	return text.size > 0;
}

bool
address_is_host_port(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon && address_is_host(bytes_of(text, (size_t)(colon - text))) && is_port(bytes_of_text(colon + 1));
}
