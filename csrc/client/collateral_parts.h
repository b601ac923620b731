/* The four parts of collateral (DCAP.md section 3): where each is asked for, and how the answers
 * become the JSON layout of dcap-qvl. Pure: bytes in, text out. Nothing is believed here: what
 * comes is judged by dcap_verify. */
#ifndef VENICE_CLIENT_COLLATERAL_PARTS_H
#define VENICE_CLIENT_COLLATERAL_PARTS_H

#include <stddef.h>

/* Intel's own service; any other is taken for a PCCS, which has the root CRL beside the rest. */
extern const char COLLATERAL_INTEL_URL[];

enum collateral_part {
    COLLATERAL_TCB_INFO,
    COLLATERAL_QE_IDENTITY,
    COLLATERAL_PCK_CRL,
    COLLATERAL_ROOT_CRL,
    COLLATERAL_PARTS
};

/* "TCB info" and so on, for messages. Static. */
const char *collateral_part_name(enum collateral_part part);

/* The headers that hold the issuer chain, in the order of preference; NULL: none. Static. */
void collateral_part_headers(const char *names[2], enum collateral_part part);

/* In: service without a slash at its end; fmspc 12 hex digits; ca "platform" or "processor".
 * Returns 0, or VENICE_E_LIMIT where out (cap bytes) is too small. */
int collateral_part_url(char *out, size_t cap, enum collateral_part part, const char *service,
                        const char *fmspc, const char *ca);

struct collateral_answer {
    const char *body; /* len bytes and a NUL */
    size_t len;
    const char *chain; /* the header as it came, PEM in URL encoding; NULL: there was none */
};

/* Out: the JSON for wiping_free. VENICE_E_MALFORMED: answer *bad cannot be read.
 * VENICE_E_MEMORY. */
int collateral_assemble(char **json, size_t *len, enum collateral_part *bad,
                        const struct collateral_answer answers[COLLATERAL_PARTS]);

#endif
