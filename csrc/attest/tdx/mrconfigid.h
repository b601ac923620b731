/* MRCONFIGID, in which dstack's host binds the compose text before the machine starts: the one
 * measurement of it that needs no event log (EVIDENCE section 2.3, 3). */
#ifndef VENICE_ATTEST_TDX_MRCONFIGID_H
#define VENICE_ATTEST_TDX_MRCONFIGID_H

#include <stddef.h>
#include <stdint.h>

#include "attest/tdx/quote.h"

enum mrconfigid_form {
    MRCONFIGID_UNUSED = 0, /* all zero */
    MRCONFIGID_V1,         /* the compose hash */
    MRCONFIGID_V2,         /* a hash of compose hash, app id and key provider */
    MRCONFIGID_V3,         /* a hash of a document that names them */
    MRCONFIGID_UNKNOWN
};

enum mrconfigid_match {
    MRCONFIGID_HOLDS = 0,
    MRCONFIGID_DIFFERS,
    MRCONFIGID_OPEN /* what it is to be compared with is not known */
};

enum { COMPOSE_HASH_SIZE = 32, APP_ID_SIZE = 20, KEY_PROVIDER_ID_MAX = 1024 };

/* What is measured or claimed beside it; NULL: not known. */
struct mrconfigid_facts {
    const uint8_t *compose_hash; /* COMPOSE_HASH_SIZE */
    const uint8_t *app_id;       /* APP_ID_SIZE */
    const char *key_provider;    /* the JSON text of the event: {"name","id"} */
    size_t key_provider_len;
    const char *document; /* of version 3, as it was served */
};

enum mrconfigid_form mrconfigid_form(const uint8_t mrconfigid[TDX_REGISTER_SIZE]);
const char *mrconfigid_form_name(enum mrconfigid_form form); /* "unused", "v1", ... */

/* Compares it with the facts. unused and unknown are open. */
enum mrconfigid_match mrconfigid_compare(const uint8_t mrconfigid[TDX_REGISTER_SIZE],
                                         const struct mrconfigid_facts *facts);

#endif
