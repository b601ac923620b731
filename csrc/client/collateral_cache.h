/* Intel's collateral on disk, until the earliest of its dates: a session with a warm cache needs
 * no request but Venice's. What is read here is data, not evidence: dcap_verify judges it like
 * any other. Worker thread only. */
#ifndef VENICE_CLIENT_COLLATERAL_CACHE_H
#define VENICE_CLIENT_COLLATERAL_CACHE_H

#include <stddef.h>
#include <stdint.h>

enum { COLLATERAL_MAX = 1024 * 1024 };

/* Which platform, and whose answer: another service may know other evaluations. */
struct collateral_key {
    const char *dir;   /* NULL: nothing is kept */
    const char *url;   /* the service's address */
    const char *fmspc; /* 12 hex digits */
    const char *ca;    /* "platform" or "processor" */
};

/* Out: the JSON text in dcap-qvl's layout, for wiping_free. NULL where there is none that is
 * whole, of this platform and not past its dates at now (unix seconds). */
void collateral_cache_read(char **json, size_t *len, const struct collateral_key *key, int64_t now);

/* Keeps it: mode 0600 in a folder of mode 0700, written beside and renamed into place. What
 * fails is left alone: without a cache everything works, slower. */
void collateral_cache_write(const struct collateral_key *key, const char *json, size_t len);

#endif
