/* A body of /tee/attestation, in any of Venice's four shapes, as one struct (PROTOCOL section 1.2).
 *
 * Members are read by path, each optional by itself: whole-document schemas broke twice in five
 * months. A member that is empty, or of another type than ours, reads as absent (claim.h); whether
 * it may be absent is the business of the check that wants it. Strings point into the parsed tree
 * and live as long as the evidence. */
#ifndef VENICE_ATTEST_EVIDENCE_H
#define VENICE_ATTEST_EVIDENCE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVIDENCE_BODY_MAX = 4 * 1024 * 1024, EVIDENCE_QUOTE_MAX = 64 * 1024 };

enum evidence_shape {
    SHAPE_UNKNOWN = 0, /* its members are read all the same */
    SHAPE_NEAR,        /* A */
    SHAPE_PHALA_VLLM,  /* B */
    SHAPE_ACI_A,       /* C: api_version aci/1 with workload_id */
    SHAPE_ACI_B        /* D: api_version aci/1 without */
};

struct evidence {
    cJSON *root;
    char *body; /* the text that root was read from, for what is hashed over its exact characters */
    size_t body_len;
    enum evidence_shape shape;
    const char *model, *nonce, *nonce_source, *request_nonce;
    const char *signing_address, *signing_algo, *signing_public_key, *signing_key;
    const char *tee_provider, *upstream_model;
    const char *nvidia_payload; /* a string that holds JSON; NULL: absent */
    int verified;               /* 1, 0, or -1: it does not say */
    const cJSON *server_verification;
    uint8_t *quote; /* decoded from hex, 0x-hex, base64 or base64url; NULL where absent or bad */
    size_t quote_len;
    bool quote_present;     /* a string was there, whether it decoded or not */
    const char *key_member; /* the one of the two that public65 is read from; NULL: neither */
    bool has_public_key;    /* public65 holds the signing key, normalised; on the curve */
    uint8_t public65[65];
    int64_t valid_until; /* unix seconds, the earliest that the body says; INT64_MAX: it does not */
};

/* Reads a body. Returns 0; VENICE_E_MALFORMED (not a JSON object, or unreadable); VENICE_E_LIMIT;
 * VENICE_E_MEMORY. */
int evidence_read(struct evidence *out, const char *body, size_t len);

/* What is wrong with a text that evidence_read refused with status, or that is no JSON object, as
 * the end of a sentence: "is not well-formed JSON". */
const char *evidence_fault(const char *body, size_t len, int status);

/* Whether anything is served that could be evidence of a GPU. */
bool evidence_has_gpu(const struct evidence *e);

void evidence_clear(struct evidence *e);

/* "near", "phala", "aci-a", "aci-b" or "unknown". */
const char *evidence_shape_name(enum evidence_shape shape);

/* Whether the body is a gateway's: it speaks ACI, or shows a member that only a gateway has. */
bool evidence_is_gateway(const struct evidence *e);

/* A public key in one of the forms that are in use: 130 hex digits (04 x y) or 128 without the
 * prefix, of either case, with or without 0x. Returns 0; VENICE_E_MALFORMED for another form or a
 * point that is not on the curve. */
int evidence_public_key(uint8_t public65[65], const char *text);

/* The same for a key that is only compared: it may be compressed too. */
int evidence_any_point(uint8_t public65[65], const char *text);

/* Whether a text is this point, in any of those forms. NULL is none. */
bool evidence_is_point(const char *text, const uint8_t public65[65]);

/* Why evidence_public_key does not take a text, as the end of a sentence. */
const char *evidence_key_fault(const char *text);

#endif
