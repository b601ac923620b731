/* The signature of an answer and a gateway's receipt beside it, of our own making. */
#ifndef VENICE_TESTS_SUPPORT_RECEIPT_H
#define VENICE_TESTS_SUPPORT_RECEIPT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#define ANSWER_REQUEST_HASH  "94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b"
#define ANSWER_RESPONSE_HASH "dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61"
#define ANSWER_ID            "chatcmpl-123"

enum { ANSWER_NOW = 1750000100, ANSWER_SERVED_AT = 1750000000 };

/* The address of answer_key: 0x and 40 hex digits. */
extern char answer_address[43];
extern const uint8_t answer_key[32], answer_stranger_key[32];

/* Makes the keys, once for the program. */
void receipt_world_make(void);
void receipt_world_free(void);

/* A body of /tee/signature over a text, signed by a key; v_base 0 or 27. */
cJSON *answer_body_of(const char *text, const uint8_t private32[32], int v_base);
/* The usual one: the two hashes, signed by answer_key. */
cJSON *answer_body(void);

/* A gateway's keyset and a receipt under it, of generation A (first) or B. */
cJSON *receipt_keyset(bool first);
cJSON *receipt_make(bool first, const cJSON *keyset);
/* Signs a receipt anew, after it was changed. */
void receipt_sign(cJSON *o, bool first);

/* Replaces a member by what json says, or drops it (NULL). Returns body. */
cJSON *answer_changed(cJSON *body, const char *name, const char *json);

#endif
