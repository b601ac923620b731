/* NVIDIA's side, of our own making: devices with their chains, signed evidence, tokens and key
 * sets. */
#ifndef VENICE_TESTS_SUPPORT_GPU_H
#define VENICE_TESTS_SUPPORT_GPU_H

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GPU_TEST_NOW = 1790000000, GPU_TEST_DEVICES = 3, GPU_CHAIN_LEN = 4 };

/* How a leaf names its firmware: Hopper's way, Blackwell's (two ids, the first one counts), both of
 * them, a list of the second, not at all, or with a given DiceTcbInfo. */
enum gpu_dice {
    GPU_DICE_HOPPER,
    GPU_DICE_BLACKWELL,
    GPU_DICE_BOTH,
    GPU_DICE_MULTI,
    GPU_DICE_NONE,
    GPU_DICE_GIVEN
};

/* What a certificate is; zeros are good. */
struct gpu_cert_form {
    bool no_ca, ca, no_sign, critical; /* wrong roles: an issuer that is none, a leaf that is one */
    int path_length;                   /* of an issuer; 0: none */
    long begin, end;                   /* days from now; 0: -100 and 100 */
    const uint8_t *firmware;           /* of a leaf; NULL: the usual one */
    enum gpu_dice dice;                /* how a leaf names it */
    bool dice_critical;
    const uint8_t *tcb_info; /* the value for GPU_DICE_GIVEN */
    size_t tcb_info_len;
};

/* What one device says; zeros are good. */
struct gpu_answer_form {
    const uint8_t *nonce; /* NULL: ours */
    const uint8_t *firmware;
    const char *driver; /* NULL: the usual one; "": none */
    bool no_vbios, no_firmware, extra_field;
    int blocks;           /* that it says it has, beside the three that it has */
    size_t padding;       /* bytes behind the signature */
    uint8_t padding_byte; /* the last of them; the others are zero */
    EVP_PKEY *key;
};

extern const uint8_t gpu_nonce[32];
extern const char gpu_nonce_hex[65];
extern const uint8_t gpu_firmware[48];

/* Makes the keys and chains, once for the program. */
void gpu_world_make(void);
void gpu_world_free(void);

const char *gpu_root_pem(void);
EVP_PKEY *gpu_new_key(void);
/* PEM for wiping_free by free(); the leaf's key in *leaf_key. forms: leaf first, NULL for good
 * ones; names NULL for the usual common name of the leaf. */
char *gpu_make_chain(EVP_PKEY **leaf_key, const struct gpu_cert_form forms[GPU_CHAIN_LEN],
                     const char *name, bool with_root);

/* Signed SPDM request and response; the caller frees. */
uint8_t *gpu_make_answer(size_t *len, const struct gpu_answer_form *form, EVP_PKEY *key);

/* One entry of the evidence list, for one of the usual devices or for parts of one's own. */
cJSON *gpu_entry(int device, const struct gpu_answer_form *form);
cJSON *gpu_entry_of(const char *pem, const uint8_t *answer, size_t len);
/* DiceTcbInfo as Blackwell leaves have it: eleven members, two ids, of which the second is zero.
 * The caller frees. */
uint8_t *gpu_make_tcb_info(size_t *len, const uint8_t firmware[48]);
/* {"arch","nonce","evidence_list"} of so many usual devices. */
cJSON *gpu_payload(int count);
/* Decimal serial number of a usual device's leaf. */
const char *gpu_serial(int device);

/* Claims as NVIDIA's service writes them. */
cJSON *nras_gpu_claims(int device);
/* A token under a key; header NULL for {"kid","alg"}. */
char *nras_make_token(const cJSON *header, const cJSON *claims, EVP_PKEY *key);
/* [["JWT", overall], {...}] with tokens about so many devices. changed (may be NULL) replaces the
 * claims of one token: 0 the overall one (its submods are filled in unless it has some), 1 the
 * first GPU. */
char *nras_make_answer(int count, int which, const cJSON *changed);
/* A usual answer about two devices, the token at a place (0: the overall one) replaced by what a
 * function makes of it. */
char *nras_with_token(int place, char *(*change)(const char *token));
/* The claims of a token, signed again; header JSON or NULL, key NULL: the service's. */
char *nras_token_again(const char *token, const char *header, EVP_PKEY *key);
cJSON *nras_overall_claims(void);
/* The key set; the caller changes and prints it. */
cJSON *nras_make_jwks(void);
EVP_PKEY *nras_signing_key(void);
/* x5c of another making: a leaf for a key under an intermediate. */
char *nras_make_leaf(EVP_PKEY *key, const struct gpu_cert_form *form, bool by_stranger);
char *nras_intermediate(bool of_stranger);

#endif
