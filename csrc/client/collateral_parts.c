/* Four answers, each with its own form: two signed JSON objects whose exact bytes count, and two
 * CRLs; the issuers of the first three come in headers, as PEM in URL encoding. */
#include "client/collateral_parts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

const char COLLATERAL_INTEL_URL[] = "https://api.trustedservices.intel.com";
static const char INTEL_ROOT_CRL[] =
    "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";

enum { DER_SEQUENCE = 0x30 };

/* What a part is called in a path, in its answer and in the result. */
static const struct {
    const char *name;
    const char *path;                     /* below the service, before its argument */
    const char *member;                   /* of the answer; NULL: a CRL */
    const char *body, *signature, *chain; /* members of the result */
    const char *headers[2];
} PART[COLLATERAL_PARTS] = {
    [COLLATERAL_TCB_INFO] = { "TCB info",
                              "/tdx/certification/v4/tcb?fmspc=",
                              "tcbInfo",
                              "tcb_info",
                              "tcb_info_signature",
                              "tcb_info_issuer_chain",
                              { "TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain" } },
    [COLLATERAL_QE_IDENTITY] = { "QE identity",
                                 "/tdx/certification/v4/qe/identity",
                                 "enclaveIdentity",
                                 "qe_identity",
                                 "qe_identity_signature",
                                 "qe_identity_issuer_chain",
                                 { "SGX-Enclave-Identity-Issuer-Chain", NULL } },
    [COLLATERAL_PCK_CRL] = { "PCK CRL",
                             "/sgx/certification/v4/pckcrl?encoding=der&ca=",
                             NULL,
                             "pck_crl",
                             NULL,
                             "pck_crl_issuer_chain",
                             { "SGX-PCK-CRL-Issuer-Chain", NULL } },
    [COLLATERAL_ROOT_CRL] = { "root CRL",
                              "/sgx/certification/v4/rootcacrl",
                              NULL,
                              "root_ca_crl",
                              NULL,
                              NULL,
                              { NULL, NULL } },
};

/* ---- Asking ---------------------------------------------------------------------------------- */

const char *collateral_part_name(enum collateral_part part)
{
    return PART[part].name;
}

void collateral_part_headers(const char *names[2], enum collateral_part part)
{
    names[0] = PART[part].headers[0];
    names[1] = PART[part].headers[1];
}

int collateral_part_url(char *out, size_t cap, enum collateral_part part, const char *service,
                        const char *fmspc, const char *ca)
{
    const char *argument = part == COLLATERAL_TCB_INFO  ? fmspc
                           : part == COLLATERAL_PCK_CRL ? ca
                                                        : "";
    int n;

    /* Intel serves the root's own list where the root certificate says. */
    if (part == COLLATERAL_ROOT_CRL && strcasecmp(service, COLLATERAL_INTEL_URL) == 0)
        n = snprintf(out, cap, "%s", INTEL_ROOT_CRL);
    else
        n = snprintf(out, cap, "%s%s%s", service, PART[part].path, argument);
    return n >= 0 && (size_t)n < cap ? 0 : VENICE_E_LIMIT;
}

/* ---- Putting together ------------------------------------------------------------------------ */

/* Undoes %xx; anything else stands for itself, + too, which is a character of base64. NULL: no
 * memory. */
static char *url_decode(const char *text)
{
    size_t n = strlen(text), len = 0;
    char *out = wiping_malloc(n + 1);
    uint8_t byte;

    for (size_t i = 0; out && i < n; i++) {
        if (text[i] == '%' && n - i > 2 && hex_decode(&byte, text + i + 1, 2) == 0 && byte != 0) {
            out[len++] = (char)byte;
            i += 2;
        } else {
            out[len++] = text[i];
        }
    }
    if (out)
        out[len] = 0;
    return out;
}

static int add_text(cJSON *object, const char *name, const char *text)
{
    return text && cJSON_AddStringToObject(object, name, text) ? 0 : VENICE_E_MEMORY;
}

static int add_bytes(cJSON *object, const char *name, const char *bytes, size_t n)
{
    char *text = wiping_malloc(n + 1);
    int r = VENICE_E_MEMORY;

    if (text) {
        memcpy(text, bytes, n);
        text[n] = 0;
        r = add_text(object, name, text);
    }
    wiping_free(text);
    return r;
}

/* {"tcbInfo":{...},"signature":"..."}: the object's own bytes, because they are what is signed
 * (DCAP.md rule 17). A member twice is dcap_verify's to refuse. */
static int add_signed(cJSON *out, enum collateral_part part, const struct collateral_answer *a)
{
    const struct json_limits limits = { .allow_duplicates = true };
    cJSON *root = NULL;
    const char *raw = NULL, *signature = NULL;
    size_t raw_len = 0;
    int r = json_parse(&root, a->body, a->len, &limits);

    if (r != 0)
        return r == VENICE_E_MEMORY ? r : VENICE_E_MALFORMED;
    signature = json_string(root, "signature");
    if (!signature || !json_at(root, PART[part].member, NULL))
        r = VENICE_E_MALFORMED;
    if (r == 0)
        r = json_raw_member(&raw, &raw_len, a->body, a->len, PART[part].member);
    if (r == 0)
        r = add_bytes(out, PART[part].body, raw, raw_len);
    if (r == 0)
        r = add_text(out, PART[part].signature, signature);
    cJSON_Delete(root);
    return r;
}

static bool is_hex(const char *text, size_t n)
{
    return n > 0 && n % 2 == 0 && strspn(text, "0123456789abcdefABCDEF") >= n;
}

/* DER, or its hex: a PCCS serves the root CRL as hex text. */
static int add_crl(cJSON *out, enum collateral_part part, const struct collateral_answer *a)
{
    size_t len = a->len;
    char *hex;
    int r;

    if (len == 0)
        return VENICE_E_MALFORMED;
    if ((unsigned char)a->body[0] != DER_SEQUENCE) {
        while (len > 0 && strchr(" \r\n\t", a->body[len - 1]))
            len--;
        return is_hex(a->body, len) ? add_bytes(out, PART[part].body, a->body, len)
                                    : VENICE_E_MALFORMED;
    }
    hex = wiping_malloc(2 * len + 1);
    if (!hex)
        return VENICE_E_MEMORY;
    hex_encode(hex, (const uint8_t *)a->body, len);
    hex[2 * len] = 0;
    r = add_text(out, PART[part].body, hex);
    wiping_free(hex);
    return r;
}

static int add_part(cJSON *out, enum collateral_part part, const struct collateral_answer *a)
{
    char *chain;
    int r = PART[part].member ? add_signed(out, part, a) : add_crl(out, part, a);

    if (r != 0 || !PART[part].chain)
        return r;
    /* The PCK CRL is judged by the quote's own chain, so this one may be missing. */
    if (!a->chain && part != COLLATERAL_PCK_CRL)
        return VENICE_E_MALFORMED;
    chain = url_decode(a->chain ? a->chain : "");
    r = add_text(out, PART[part].chain, chain);
    wiping_free(chain);
    return r;
}

int collateral_assemble(char **json, size_t *len, enum collateral_part *bad,
                        const struct collateral_answer answers[COLLATERAL_PARTS])
{
    cJSON *out;
    int r;

    *json = NULL;
    *len = 0;
    *bad = COLLATERAL_TCB_INFO;
    out = cJSON_CreateObject();
    r = out ? 0 : VENICE_E_MEMORY;
    for (int i = 0; r == 0 && i < COLLATERAL_PARTS; i++) {
        *bad = (enum collateral_part)i;
        r = add_part(out, *bad, &answers[i]);
    }
    if (r == 0)
        r = json_print(json, len, out);
    cJSON_Delete(out);
    return r;
}
