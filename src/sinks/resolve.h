/*
 * The addresses of a host's name. getaddrinfo waits for name servers without a bound that a caller could set (half a
 * minute and more, where none answers), so a name is looked up on a thread of its own, which is left to itself when the
 * time is over.
 */
#ifndef SINKS_RESOLVE_H
#define SINKS_RESOLVE_H

#include <netdb.h>
#include <stdint.h>

#include "base/error.h"

/* For a stream. Waits at most wait_ms, and after a stop STOP_WAIT_MS_MAX. RETRY: no answer, or none that helps. The
 * caller frees *out (freeaddrinfo). Any thread. */
int resolve(const char *host, const char *port, int64_t wait_ms, struct addrinfo **out, struct error *err);

#endif
