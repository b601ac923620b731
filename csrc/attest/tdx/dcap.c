/* DCAP: the order of the checks (DCAP.md section 1a), first failure first. Each step stops at its
 * first failed check; what would rest on it is not looked at. */
#include "attest/tdx/dcap.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/date.h"
#include "attest/p256.h"
#include "attest/tdx/dcap_steps.h"
#include "attest/tdx/intel_root.h"
#include "attest/tdx/td.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "venice.h"

/* --- what the steps use ------------------------------------------------------------------- */

bool dcap_check(struct dcap *d, enum check_id id, const char *reason, const char *detail, ...)
{
    struct dcap_result *out = d->out;
    char text[REPORT_DETAIL_MAX] = "";

    if (out->check_count == DCAP_CHECKS_MAX && !reason)
        reason = "internal"; /* cannot happen: there are fewer steps than places */
    if (out->check_count < DCAP_CHECKS_MAX)
        out->checks[out->check_count++] = (struct dcap_check){ check_row(id)->id, !reason, reason };
    if (reason && !out->reason)
        out->reason = reason;
    if (d->report) {
        if (detail) {
            va_list args;

            va_start(args, detail);
            vsnprintf(text, sizeof text, detail, args);
            va_end(args);
        }
        report_check(d->report, id, !reason, reason, "%s", text);
    }
    return !reason;
}

const char *dcap_reason(struct dcap *d, int result, const char *malformed)
{
    if (result == 0)
        return NULL;
    if (result != VENICE_E_MEMORY)
        return malformed;
    d->error = VENICE_E_MEMORY;
    return "out_of_memory";
}

const char *dcap_time_fault(const struct dcap *d, int64_t first, int64_t last,
                            const char *not_yet_valid, const char *expired)
{
    if (d->in->now < first)
        return not_yet_valid;
    return d->in->now > last ? expired : NULL;
}

/* --- the quote, and collateral's envelope ------------------------------------------------- */

static bool step_quote(struct dcap *d)
{
    const char *reason = NULL;

    /* The parser says what is wrong; its result says nothing more. */
    if (tdx_quote_parse(&d->quote, &reason, d->in->quote, d->in->quote_len) != 0 && !reason)
        reason = "quote_truncated";
    return dcap_check(d, CHECK_TDX_QUOTE_WELL_FORMED, reason, "version %u, %zu bytes",
                      d->quote.version, d->in->quote_len);
}

static bool step_collateral(struct dcap *d)
{
    int r;

    if (!d->in->collateral)
        return true; /* after what the quote alone can show: step_collateral_present */
    r = collateral_read(&d->collateral, d->in->collateral, d->in->collateral_len);
    return dcap_check(d, CHECK_COLLATERAL_READABLE, dcap_reason(d, r, "collateral_malformed"),
                      NULL);
}

static bool step_signer_chains(struct dcap *d)
{
    return !d->in->collateral || dcap_step_signer_chains(d);
}

static bool step_pck_extension(struct dcap *d)
{
    const char *reason = NULL;
    const uint8_t *f = d->pck.fmspc;

    if (!pck_read(&d->pck, &d->pck_chain.certs[PCK_LEAF], strcmp(d->out->ca, "platform") == 0))
        reason = "pck_extension";
    else
        hex_encode(d->out->fmspc, f, sizeof d->pck.fmspc);
    return dcap_check(d, CHECK_PCK_EXTENSION_WELL_FORMED, reason, "%s%s", reason ? "" : "FMSPC ",
                      d->out->fmspc);
}

static bool step_collateral_present(struct dcap *d)
{
    return dcap_check(d, CHECK_COLLATERAL_PRESENT, d->in->collateral ? NULL : "collateral_missing",
                      "FMSPC %s, %s CA", d->out->fmspc, d->out->ca);
}

/* --- TCB info and QE identity ------------------------------------------------------------- */

/* The ids and codes of one of the two. */
struct json_words {
    enum check_id readable, signed_by_intel, complete, current;
    const char *malformed, *signature, *not_yet_valid, *expired;
};

static const struct json_words tcb_info_words = {
    CHECK_TCB_INFO_READABLE, CHECK_TCB_INFO_SIGNED, CHECK_TCB_INFO_COMPLETE, CHECK_TCB_INFO_CURRENT,
    "tcbinfo_malformed",     "tcbinfo_signature",   "tcbinfo_not_yet_valid", "tcbinfo_expired",
};
static const struct json_words qe_identity_words = {
    CHECK_QE_IDENTITY_READABLE, CHECK_QE_IDENTITY_SIGNED, CHECK_QE_IDENTITY_COMPLETE,
    CHECK_QE_IDENTITY_CURRENT,  "qeid_malformed",         "qeid_signature",
    "qeid_not_yet_valid",       "qeid_expired",
};

/* Syntax first, then the signature over the exact bytes (rules 17, 18; section 1a h). */
static bool check_signed_json(struct dcap *d, struct intel_json *json, const char *text,
                              const char *signature, const struct x509_cert *signer,
                              const struct json_words *words)
{
    uint8_t raw[64];
    bool good;
    int r = intel_json_parse(json, text);

    if (!dcap_check(d, words->readable, dcap_reason(d, r, words->malformed), NULL))
        return false;
    good = strlen(signature) == 2 * sizeof raw && hex_decode(raw, signature, 2 * sizeof raw) == 0 &&
           p256_verify(signer->key, raw, (const uint8_t *)text, strlen(text));
    return dcap_check(d, words->signed_by_intel, good ? NULL : words->signature, NULL);
}

static bool check_json_dates(struct dcap *d, const struct intel_json *json,
                             const struct json_words *words)
{
    char first[DATE_CHARS + 1], last[DATE_CHARS + 1];

    date_to_rfc3339(first, json->issue_date);
    date_to_rfc3339(last, json->next_update);
    return dcap_check(d, words->current,
                      dcap_time_fault(d, json->issue_date, json->next_update, words->not_yet_valid,
                                      words->expired),
                      "of %s, until %s, evaluation %u", first, last, (unsigned)json->evaluation);
}

/* Whether text is these bytes in hex of either case. */
static bool hex_is(const char *text, const uint8_t *bytes, size_t n)
{
    uint8_t decoded[8];

    return n <= sizeof decoded && strlen(text) == 2 * n && hex_decode(decoded, text, 2 * n) == 0 &&
           memcmp(decoded, bytes, n) == 0;
}

static bool step_tcb_info(struct dcap *d)
{
    struct tcb_info *info = &d->tcb_info;
    const struct collateral *c = &d->collateral;
    const char *reason = NULL;
    int r;

    if (!check_signed_json(d, &info->json, c->tcb_info, c->tcb_info_signature,
                           &d->tcb_chain.certs[SIGNER], &tcb_info_words))
        return false;
    r = tcb_info_read(info, &reason);
    if (!dcap_check(d, tcb_info_words.complete, dcap_reason(d, r, reason), "%zu levels",
                    info->level_count))
        return false;
    d->out->tcb_info_eval = info->json.evaluation;
    if (!dcap_check(d, CHECK_FMSPC_MATCHES,
                    hex_is(info->fmspc, d->pck.fmspc, sizeof d->pck.fmspc) ? NULL
                                                                           : "fmspc_mismatch",
                    "certificate %s, TCB info %s", d->out->fmspc, info->fmspc) ||
        !dcap_check(d, CHECK_PCEID_MATCHES,
                    hex_is(info->pce_id, d->pck.pceid, sizeof d->pck.pceid) ? NULL
                                                                            : "pceid_mismatch",
                    "TCB info %s", info->pce_id))
        return false;
    return check_json_dates(d, &info->json, &tcb_info_words);
}

static bool step_qe_identity(struct dcap *d)
{
    struct qe_identity *qe = &d->qe;
    const struct collateral *c = &d->collateral;
    const char *reason = NULL;
    int r;

    if (!check_signed_json(d, &qe->json, c->qe_identity, c->qe_identity_signature,
                           &d->qe_chain.certs[SIGNER], &qe_identity_words))
        return false;
    r = qe_identity_read(qe, &reason);
    if (!dcap_check(d, qe_identity_words.complete, dcap_reason(d, r, reason), NULL))
        return false;
    d->out->qe_identity_eval = qe->json.evaluation;
    return check_json_dates(d, &qe->json, &qe_identity_words);
}

/* Collateral must be fetched again when the first of its parts ends. */
static bool step_next_update(struct dcap *d)
{
    const int64_t ends[] = { d->root_crl.next_update, d->pck_crl.next_update,
                             d->tcb_info.json.next_update, d->qe.json.next_update };

    d->out->next_update = ends[0];
    for (size_t i = 1; i < sizeof ends / sizeof ends[0]; i++)
        if (ends[i] < d->out->next_update)
            d->out->next_update = ends[i];
    return true;
}

/* --- the quoting enclave and the quote's signature ---------------------------------------- */

/* Rule 27: the QE's report holds the hash of the key and of its authentication data, then zeros. */
static const char *qe_report_data_fault(struct dcap *d)
{
    uint8_t expected[QE_REPORT_DATA_SIZE] = { 0 };
    size_t n = d->quote.qe_auth_len;
    uint8_t *bound = malloc(64 + n);
    int r = bound ? 0 : VENICE_E_MEMORY;

    if (r == 0) {
        memcpy(bound, d->quote.attestation_key, 64);
        memcpy(bound + 64, d->quote.qe_auth_data, n);
        r = sha256(expected, bound, 64 + n);
    }
    free(bound);
    if (r != 0)
        return dcap_reason(d, VENICE_E_MEMORY, NULL);
    return memcmp(d->quote.qe_report + QE_REPORT_DATA, expected, sizeof expected) == 0
               ? NULL
               : "qe_report_data";
}

static bool step_qe_report(struct dcap *d)
{
    const struct tdx_quote *q = &d->quote;
    bool good = p256_verify(d->pck_chain.certs[PCK_LEAF].key, q->qe_report_signature, q->qe_report,
                            QE_REPORT_SIZE);
    int r;

    if (!dcap_check(d, CHECK_QE_REPORT_SIGNED, good ? NULL : "qe_report_signature",
                    "by the PCK certificate's key"))
        return false;
    r = p256_key(&d->attestation_key, q->attestation_key);
    return dcap_check(d, CHECK_ATTESTATION_KEY_VALID, dcap_reason(d, r, "att_key_invalid"), NULL) &&
           dcap_check(d, CHECK_ATTESTATION_KEY_BOUND, qe_report_data_fault(d), NULL) &&
           dcap_check(d, CHECK_QE_GENUINE, qe_identity_mismatch(&d->qe, q->qe_report),
                      "product %u, SVN %u", d->qe.isvprodid, qe_report_isvsvn(q->qe_report));
}

static bool step_qe_level(struct dcap *d)
{
    d->qe_level =
        tcb_isv_level_match(d->qe.levels, d->qe.level_count, qe_report_isvsvn(d->quote.qe_report));
    if (d->qe_level)
        d->out->qe = d->qe_level->verdict.status;
    return dcap_check(d, CHECK_QE_LEVEL_FOUND, d->qe_level ? NULL : "qe_svn_unsupported", "%s",
                      d->qe_level ? tcb_status_name(d->out->qe) : "below every level");
}

static bool step_quote_signature(struct dcap *d)
{
    bool good =
        p256_verify(d->attestation_key, d->quote.signature, d->quote.bytes, d->quote.signed_len);

    return dcap_check(d, CHECK_QUOTE_SIGNED, good ? NULL : "quote_signature",
                      "by the attestation key");
}

static bool step_td(struct dcap *d)
{
    return dcap_check(d, CHECK_TD_ATTRIBUTES_ALLOWED, td_attributes_fault(&d->quote), NULL) &&
           dcap_check(d, CHECK_TD_XFAM_ALLOWED, td_xfam_fault(&d->quote), NULL) &&
           dcap_check(d, CHECK_TD_NO_SERVICE_TD, td_mrservicetd_fault(&d->quote), NULL);
}

/* --- all of it ---------------------------------------------------------------------------- */

static bool (*const steps[])(struct dcap *) = {
    step_quote,          /* TEE type to body size, lengths */
    dcap_step_pck_chain, /* the quote's own certificates and their roles */
    step_collateral,     /* readable at all */
    step_signer_chains,  /* TCB signer, QE identity signer */
    step_pck_extension,
    step_collateral_present,
    dcap_step_crls, /* root CRL, PCK CRL, revocation */
    step_tcb_info,
    step_qe_identity,
    step_next_update,
    step_qe_report, /* signature, attestation key, REPORTDATA, identity */
    step_qe_level,
    step_quote_signature,
    dcap_step_tcb, /* TDX module, level, merge, relaunch, revoked, CPUSVN */
    step_td,       /* attributes, XFAM, MRSERVICETD */
};

static int read_root(struct dcap *d)
{
    const char *pem = d->in->root_pem;
    int r;

    if (!pem)
        return x509_read(&d->root, intel_root_der, INTEL_ROOT_SIZE, X509_P256_SHA256, NULL) == 0
                   ? 0
                   : VENICE_E_MEMORY; /* the bytes are ours and right */
    r = x509_read_pem(&d->root_chain, pem, strlen(pem), X509_P256_SHA256, NULL, NULL, 0);
    if (r == VENICE_E_MEMORY)
        return r;
    if (r != 0 || d->root_chain.count != 1)
        return VENICE_E_CONFIG;
    if (X509_up_ref(d->root_chain.certs[0].x) != 1)
        return VENICE_E_MEMORY;
    d->root = d->root_chain.certs[0];
    return 0;
}

static void clear(struct dcap *d)
{
    EVP_PKEY_free(d->attestation_key);
    qe_identity_clear(&d->qe);
    tcb_info_clear(&d->tcb_info);
    x509_crl_clear(&d->pck_crl);
    x509_crl_clear(&d->root_crl);
    collateral_clear(&d->collateral);
    x509_chain_clear(&d->qe_chain);
    x509_chain_clear(&d->tcb_chain);
    x509_chain_clear(&d->pck_chain);
    x509_clear(&d->root);
    x509_chain_clear(&d->root_chain);
    ERR_clear_error(); /* a refused signature is not an error that anyone should find later */
}

int dcap_verify(struct dcap_result *out, struct report *report, const struct dcap_input *in)
{
    struct dcap d = { .in = in, .out = out, .report = report };
    bool ok = true;

    memset(out, 0, sizeof *out);
    out->reason = "internal"; /* until the last check has held */
    d.error = crypto_init();
    if (d.error == 0)
        d.error = read_root(&d);
    if (d.error != 0) {
        out->reason = d.error == VENICE_E_CONFIG ? "root_untrusted" : "out_of_memory";
        clear(&d);
        return d.error;
    }
    out->reason = NULL;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && ok; i++)
        ok = steps[i](&d);
    if (!ok && !out->reason)
        out->reason = "internal";
    if (report)
        dcap_report(report, out);
    clear(&d);
    return d.error;
}

/* What dcap_platform reads, up to the first thing that is not there. */
static const char *read_platform(struct pck *pck, const char **ca, struct x509_chain *chain,
                                 const uint8_t *quote, size_t quote_len, int *error)
{
    struct tdx_quote q;
    const char *reason = NULL;

    if (tdx_quote_parse(&q, &reason, quote, quote_len) != 0)
        return reason ? reason : "quote_truncated";
    *error = x509_read_pem(chain, q.pem, q.pem_len, X509_P256_SHA256, &pck_extension_oid, NULL, 0);
    if (*error != 0)
        return *error == VENICE_E_MEMORY ? "out_of_memory" : "pem_malformed";
    if (chain->count != PCK_CHAIN)
        return "pck_chain_length";
    *ca = dcap_ca_kind(&chain->certs[PCK_CA]);
    if (!*ca)
        return "cert_subject";
    return pck_read(pck, &chain->certs[PCK_LEAF], strcmp(*ca, "platform") == 0) ? NULL
                                                                                : "pck_extension";
}

int dcap_platform(char fmspc[13], const char **ca, const char **reason, const uint8_t *quote,
                  size_t quote_len)
{
    static const char digits[] = "0123456789ABCDEF"; /* as Intel writes it */
    struct x509_chain chain = { 0 };
    struct pck pck;
    const char *failed;
    int error = 0;

    memset(fmspc, 0, 13);
    *ca = NULL;
    failed = read_platform(&pck, ca, &chain, quote, quote_len, &error);
    for (size_t i = 0; !failed && i < sizeof pck.fmspc; i++) {
        fmspc[2 * i] = digits[pck.fmspc[i] >> 4];
        fmspc[2 * i + 1] = digits[pck.fmspc[i] & 15];
    }
    if (failed)
        *ca = NULL;
    if (reason)
        *reason = failed;
    x509_chain_clear(&chain);
    ERR_clear_error();
    if (error == VENICE_E_MEMORY)
        return error;
    return failed ? VENICE_E_MALFORMED : 0;
}
