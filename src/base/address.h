/* Addresses of servers as people write them in a configuration: host:port, [v6]:port. Pure: no name is looked up. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>

#include "base/bytes.h"

/* A host's name or address without spaces, braces, slashes and such; an IPv6 one in brackets. */
bool address_is_host(struct bytes text);
/* Both parts are there, and the port is a number from 1 to 65535. */
bool address_is_host_port(const char *text);

#endif
