#include "sinks/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/memory.h"

#define CHUNK_SIZE 16384 /* bytes of a TLS record */

struct tls {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in, *out; /* the SSL's own */
};

/* The oldest of OpenSSL's errors says what was wrong first. */
static int
failed(const struct tls *tls, const char *what, struct error *err)
{
	long verdict = tls->ssl ? SSL_get_verify_result(tls->ssl) : X509_V_OK;
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);

	ERR_clear_error();
	if (verdict != X509_V_OK)
		return fail(err, FATAL, "%s: the server's certificate: %s", what,
			    X509_verify_cert_error_string(verdict));
	return fail(err, FATAL, "%s: %s", what, reason ? reason : "unknown reason");
}

static int
load_files(struct tls *tls, const struct tls_config *config, struct error *err)
{
	int trusted = *config->ca ? SSL_CTX_load_verify_locations(tls->context, config->ca, NULL)
				  : SSL_CTX_set_default_verify_paths(tls->context);

	if (trusted != 1)
		return failed(tls, *config->ca ? config->ca : "the system's certificates", err);
	if (*config->certificate && SSL_CTX_use_certificate_chain_file(tls->context, config->certificate) != 1)
		return failed(tls, config->certificate, err);
	if (*config->key && SSL_CTX_use_PrivateKey_file(tls->context, config->key, SSL_FILETYPE_PEM) != 1)
		return failed(tls, config->key, err);
	return 0;
}

static int
expect_name(struct tls *tls, const char *name, struct error *err)
{
	uint8_t address[16];
	bool is_address = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
	X509_VERIFY_PARAM *parameters = SSL_get0_param(tls->ssl);

	if (is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 ? 0 : failed(tls, name, err);
	if (SSL_set1_host(tls->ssl, name) != 1 || SSL_set_tlsext_host_name(tls->ssl, name) != 1)
		return failed(tls, name, err);
	return 0;
}

static int
set_up(struct tls *tls, const struct tls_config *config, struct error *err)
{
	tls->context = SSL_CTX_new(TLS_client_method());
	if (!tls->context || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1)
		return failed(tls, "TLS", err);
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	if (load_files(tls, config, err) < 0)
		return -1;
	tls->ssl = SSL_new(tls->context);
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !tls->in || !tls->out)
		return failed(tls, "TLS", err);
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	SSL_set_connect_state(tls->ssl);
	return expect_name(tls, config->name, err);
}

int
tls_open(const struct tls_config *config, struct tls **out, struct error *err)
{
	struct tls *tls = memory_new(sizeof(*tls));

	ERR_clear_error();
	*out = tls;
	if (set_up(tls, config, err) == 0)
		return 0;
	tls_close(out);
	return -1;
}

void
tls_close(struct tls **pointer)
{
	struct tls *tls = *pointer;

	if (!tls)
		return;
	if (tls->ssl && SSL_get_rbio(tls->ssl) == tls->in) {
		SSL_free(tls->ssl); /* and what it reads from and writes to */
	} else {
		SSL_free(tls->ssl);
		BIO_free(tls->in);
		BIO_free(tls->out);
	}
	SSL_CTX_free(tls->context);
	memory_free(pointer);
}

bool
tls_established(const struct tls *tls)
{
	return SSL_is_init_finished(tls->ssl) == 1;
}

static void
take_out(struct tls *tls, struct buffer *out)
{
	char *data;
	long size = BIO_get_mem_data(tls->out, &data);

	if (size <= 0)
		return;
	buffer_put(out, data, (size_t)size);
	insist(BIO_reset(tls->out) == 1);
}

/* 0: go on; else the end, and whether that is an error. */
static int
check(struct tls *tls, int result, bool *more, bool *closed, struct error *err)
{
	*more = result > 0;
	if (result > 0)
		return 0;
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		*closed = true;
		return 0;
	default:
		return failed(tls, "TLS", err);
	}
}

int
tls_receive(struct tls *tls, struct bytes received, struct buffer *plain, struct buffer *out, bool *closed,
	    struct error *err)
{
	bool more = true;
	int result = 0;

	*closed = false;
	ERR_clear_error();
	if (received.size)
		insist(BIO_write(tls->in, received.data, (int)received.size) == (int)received.size);
	if (!tls_established(tls))
		result = check(tls, SSL_do_handshake(tls->ssl), &more, closed, err);
	while (result == 0 && more && !*closed && tls_established(tls)) {
		int got = SSL_read(tls->ssl, buffer_reserve(plain, CHUNK_SIZE), CHUNK_SIZE);

		if (got > 0)
			plain->size += (size_t)got;
		result = check(tls, got, &more, closed, err);
	}
	take_out(tls, out); /* after a failure: the alert that tells the peer */
	return result;
}

int
tls_send(struct tls *tls, struct bytes plain, struct buffer *out, struct error *err)
{
	ERR_clear_error();
	for (size_t at = 0; at < plain.size;) {
		size_t size = plain.size - at < CHUNK_SIZE ? plain.size - at : CHUNK_SIZE;

		if (SSL_write(tls->ssl, plain.data + at, (int)size) != (int)size)
			return failed(tls, "TLS", err);
		at += size;
	}
	take_out(tls, out);
	return 0;
}
