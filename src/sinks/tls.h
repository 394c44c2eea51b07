/*
 * The client's side of TLS, without I/O: bytes from the network in, bytes for the network out. The peer's certificate
 * is always checked: against the trusted ones, and for the name. TLS 1.2 or later. One thread's.
 */
#ifndef SINKS_TLS_H
#define SINKS_TLS_H

#include "base/buffer.h"
#include "base/error.h"

struct tls;

struct tls_config {
	const char *name;		    /* of the peer: a host name or an IP address */
	const char *ca, *certificate, *key; /* files; empty: the system's, none, none */
};

/* FATAL: a file that cannot be used. */
int tls_open(const struct tls_config *config, struct tls **out, struct error *err);
void tls_close(struct tls **tls);

bool tls_established(const struct tls *tls);
/* Goes on with what came from the network: decrypted bytes are appended to `plain`, and what is to be sent because of
 * it to `out`. FATAL: the peer is not who it should be, or there is no agreement. *closed: the peer has ended it. */
int tls_receive(struct tls *tls, struct bytes received, struct buffer *plain, struct buffer *out, bool *closed,
		struct error *err);
/* Once it is established: encrypts, to `out`. */
int tls_send(struct tls *tls, struct bytes plain, struct buffer *out, struct error *err);

#endif
