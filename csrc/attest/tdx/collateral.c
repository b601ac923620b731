/* The envelope of collateral. */
#include "attest/tdx/collateral.h"

#include <stdlib.h>
#include <string.h>

#include "attest/tdx/dcap.h"
#include "attest/tdx/intel_json.h"
#include "base/codec.h"
#include "base/json.h"
#include "venice.h"

/* Whether a NUL stands in the string of a member, which cJSON would silently cut there. A chain may
 * end with NULs: they are white space in PEM (section 1a c). */
static bool is_cut(const char *json, size_t len, const char *name, bool is_chain)
{
    static const char nul[] = "\\u0000";
    const size_t n = sizeof nul - 1;
    const char *p, *end;
    size_t raw_len;

    if (json_raw_member(&p, &raw_len, json, len, name) != 0)
        return true;
    end = p + raw_len - 1; /* the closing quotation mark */
    for (; p < end; p += *p == '\\' ? 2 : 1)
        if (end - p >= (ptrdiff_t)n && memcmp(p, nul, n) == 0)
            break;
    while (is_chain && end - p >= (ptrdiff_t)n && memcmp(p, nul, n) == 0)
        p += n;
    return p < end;
}

int collateral_read(struct collateral *out, const char *json, size_t len)
{
    const struct {
        const char **member, *name;
        bool is_chain;
    } members[] = {
        { &out->root_ca_crl, "root_ca_crl", false },
        { &out->pck_crl, "pck_crl", false },
        { &out->tcb_info_issuer_chain, "tcb_info_issuer_chain", true },
        { &out->tcb_info, "tcb_info", false },
        { &out->tcb_info_signature, "tcb_info_signature", false },
        { &out->qe_identity_issuer_chain, "qe_identity_issuer_chain", true },
        { &out->qe_identity, "qe_identity", false },
        { &out->qe_identity_signature, "qe_identity_signature", false },
    };
    /* Collateral in the wild has the NUL that ends a quote's PEM in pck_certificate_chain. */
    const struct json_limits limits = { .allow_nul = true };
    bool has_nul;
    int r;

    memset(out, 0, sizeof *out);
    r = json_parse(&out->root, json, len, &limits);
    if (r != 0)
        return r == VENICE_E_MEMORY ? r : VENICE_E_MALFORMED;
    has_nul = memmem(json, len, "\\u0000", 6) != NULL;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *name = members[i].name;

        *members[i].member = json_string(out->root, name);
        if (!*members[i].member || (has_nul && is_cut(json, len, name, members[i].is_chain))) {
            collateral_clear(out);
            return VENICE_E_MALFORMED;
        }
    }
    return 0;
}

void collateral_clear(struct collateral *c)
{
    if (!c)
        return;
    cJSON_Delete(c->root);
    memset(c, 0, sizeof *c);
}

int collateral_crl(struct x509_crl *out, const char *hex)
{
    size_t n = strlen(hex);
    uint8_t *der;
    int r;

    memset(out, 0, sizeof *out);
    if (n == 0 || n % 2 != 0)
        return VENICE_E_MALFORMED;
    der = malloc(n / 2);
    if (!der)
        return VENICE_E_MEMORY;
    r = hex_decode(der, hex, n);
    if (r == 0)
        r = x509_crl_read(out, der, n / 2);
    free(der);
    return r;
}

/* --- when it must be fetched again -------------------------------------------------------- */

static int crl_expiry(int64_t *earliest, const char *hex)
{
    struct x509_crl crl;
    int r = collateral_crl(&crl, hex);

    if (r == 0 && crl.next_update < *earliest)
        *earliest = crl.next_update;
    x509_crl_clear(&crl);
    return r;
}

static int json_expiry(int64_t *earliest, const char *text)
{
    struct intel_json json;
    int r = intel_json_parse(&json, text);

    if (r == 0 && !intel_json_header(&json))
        r = VENICE_E_MALFORMED;
    if (r == 0 && json.next_update < *earliest)
        *earliest = json.next_update;
    intel_json_clear(&json);
    return r;
}

int dcap_collateral_expiry(int64_t *next_update, const char *json, size_t len)
{
    struct collateral c;
    int64_t earliest = INT64_MAX;
    int r = collateral_read(&c, json, len);

    *next_update = 0;
    if (r == 0)
        r = crl_expiry(&earliest, c.root_ca_crl);
    if (r == 0)
        r = crl_expiry(&earliest, c.pck_crl);
    if (r == 0)
        r = json_expiry(&earliest, c.tcb_info);
    if (r == 0)
        r = json_expiry(&earliest, c.qe_identity);
    if (r == 0)
        *next_update = earliest;
    collateral_clear(&c);
    return r;
}
