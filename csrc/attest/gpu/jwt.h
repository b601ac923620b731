/* One JSON web token in its compact form, and the key set that says who may sign such tokens
 * (EVIDENCE.md section 4.2, 2 to 5). */
#ifndef VENICE_ATTEST_GPU_JWT_H
#define VENICE_ATTEST_GPU_JWT_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/p384.h"

enum { JWT_BYTES_MAX = 64 * 1024, JWT_SKEW = 300 /* seconds by which clocks may differ */ };

struct jwt {
    cJSON *header, *claims;
    const char *text;  /* header.payload, which is what is signed; not a copy */
    size_t signed_len; /* of text */
    size_t len;        /* of the whole token */
    uint8_t signature[P384_SIGNATURE_SIZE];
};

/* Reads three parts of base64url without padding, the first two JSON objects, the third a signature
 * of P-384's size. text must outlive out. Checks no signature: until jwt_key_verify has, nothing in
 * it may be believed. Returns 0; VENICE_E_MALFORMED; VENICE_E_LIMIT; VENICE_E_MEMORY. */
int jwt_read(struct jwt *out, const char *text);
void jwt_clear(struct jwt *t); /* takes zeroed ones */

/* The key identifier in the header; NULL where there is none. */
const char *jwt_kid(const struct jwt *t);

/* NULL where the header asks for ES384 and for nothing else that must be understood; else the
 * reason's code. The algorithm is ours to say: what the token says must agree. */
const char *jwt_header_fault(const struct jwt *t);

/* Whether jwks (a parsed key set) has a key of this name. */
const cJSON *jwks_find(const cJSON *jwks, const char *kid);

/* Finds out whether the key set's entry is one that NVIDIA certifies at this time: P-384, the same
 * point as its certificate, which a pinned intermediate signed. root_pem NULL: the pinned ones;
 * else the intermediate is signed by the one certificate there.
 * Returns 0 and *key for EVP_PKEY_free; VENICE_E_INTEGRITY and in *reason the code, in *words what
 * is wrong; VENICE_E_MEMORY; VENICE_E_CONFIG for a root_pem that is none. */
int jwks_key(EVP_PKEY **key, const char **reason, const char **words, const cJSON *entry,
             const char *root_pem, int64_t now);

#endif
