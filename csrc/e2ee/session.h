/* The keys: the enclave's public key under an accepted report, and the key pair of one request.
 *
 * A session holds no private key (DESIGN section 5): it is a promise with an end. Every request has
 * a key pair of its own, wiped when nobody reads with it any more. Both are counted references that
 * may be held by the worker and by the editor thread at once. */
#ifndef VENICE_E2EE_SESSION_H
#define VENICE_E2EE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "venice.h"

enum { SESSION_MODEL_MAX = 128 };

struct session {
    char model[SESSION_MODEL_MAX + 1];
    uint8_t public65[65];
    char public_hex[VENICE_PUBLIC_KEY_HEX + 1]; /* what the headers carry, lower case */
    uint32_t id;                                /* never 0 */
    int64_t ends;                               /* on the clock that the caller uses throughout */
    char *report;                               /* JSON; owned */
    size_t report_len;
};

/* Makes a session with one reference. model and public65 are checked (VENICE_E_ARG); report is
 * copied. */
int session_new(struct session **out, uint32_t id, const char *model, const uint8_t public65[65],
                int64_t ends, const char *report, size_t report_len);
struct session *session_hold(struct session *s);
void session_drop(struct session *s); /* takes NULL */

/* Whether text can be sealed under s at this time. NULL: false. */
bool session_stands(const struct session *s, int64_t now);

/* venice_keypair: the public half, and the private half in locked memory. */
int keypair_generate(venice_keypair **out);
int keypair_from_private(venice_keypair **out, const uint8_t private32[32]);
venice_keypair *keypair_hold(venice_keypair *kp);
void keypair_drop(venice_keypair *kp); /* takes NULL; wipes with the last reference */
const uint8_t *keypair_private(const venice_keypair *kp);
const uint8_t *keypair_public(const venice_keypair *kp); /* 65 bytes */

#endif
