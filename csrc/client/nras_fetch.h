/* What NVIDIA's attestation service says about GPU evidence: one POST with the payload as it came,
 * and one GET for its key set unless that is at hand (EVIDENCE.md section 4.2, 11). Nothing is
 * believed here: what comes is judged by nras_check. Worker thread only. */
#ifndef VENICE_CLIENT_NRAS_FETCH_H
#define VENICE_CLIENT_NRAS_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "client/http.h"

enum {
    NRAS_URL_MAX = 1024,
    NRAS_KEYS_MS = 12 * 3600 * 1000, /* a key set is kept for so long */
    NRAS_KEYS_AGAIN_MS = 60 * 1000   /* and not asked for again sooner, whatever a token names */
};

/* NVIDIA's own service. */
extern const char NRAS_URL[];

/* A key set that has verified. Zeroed: none. */
struct nras_keys {
    char service[NRAS_URL_MAX];
    char *text;
    size_t len;
    long long fetched; /* clock_ms */
    long long asked;   /* the latest try; 0: never */
};

void nras_keys_clear(struct nras_keys *k);

struct nras_fetch;

/* In: service an address, with or without a slash or the path of version 3 at its end; payload must
 * outlive the fetch, keys too. VENICE_E_CONFIG where the address may not be used,
 * VENICE_E_MEMORY. */
int nras_fetch_start(struct nras_fetch **out, struct failure *f, CURLM *multi,
                     const struct http_config *config, const char *service, const char *payload,
                     struct nras_keys *keys, long long now_ms);
void nras_fetch_stop(struct nras_fetch *n); /* takes NULL */

/* True when both are over, or one has failed. Asks for the key set anew where the answer names a
 * key that the one at hand does not have. */
bool nras_fetch_over(struct nras_fetch *n, long long now_ms);

/* When over: the answer and the key set, which live as long as the fetch and its keys; or the
 * failure, which names the host and the option. */
int nras_fetch_result(const struct nras_fetch *n, const char **response, size_t *response_len,
                      const char **jwks, size_t *jwks_len, struct failure *f);

/* Keeps the key set that came, if one did: to be called where the answer has verified with it. */
void nras_fetch_keep_keys(const struct nras_fetch *n, long long now_ms);

/* As http_due and http_expire; both take NULL. */
long long nras_fetch_due(const struct nras_fetch *n);
void nras_fetch_expire(struct nras_fetch *n, long long now_ms);

#endif
