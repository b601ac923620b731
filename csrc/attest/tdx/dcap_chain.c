/* The certificates and CRLs of dcap_verify: who may have signed what (DCAP.md rules 6 to 16,
 * section 1a c to e, g). */
#include <string.h>

#include "attest/date.h"
#include "attest/tdx/dcap_steps.h"
#include "venice.h"

static const char pck_cn[] = "Intel SGX PCK Certificate";
static const char platform_ca_cn[] = "Intel SGX PCK Platform CA";
static const char processor_ca_cn[] = "Intel SGX PCK Processor CA";
static const char signer_cn[] = "Intel SGX TCB Signing";
static const char root_cn[] = "Intel SGX Root CA";

/* Copies what the view shows of a certificate. */
static void show_certificate(struct dcap *d, const char *role, const struct x509_cert *c)
{
    for (size_t i = 0; i < DCAP_CERTIFICATES; i++) {
        struct dcap_certificate *shown = &d->out->certificates[i];

        if (shown->role)
            continue;
        shown->role = role;
        x509_common_name(shown->subject, sizeof shown->subject, c);
        x509_serial(shown->serial, sizeof shown->serial, c);
        shown->not_before = c->not_before;
        shown->not_after = c->not_after;
        return;
    }
}

/* The chain's last certificate is the trust anchor, byte for byte (rule 6). */
static bool check_root_pin(struct dcap *d, enum check_id id, const struct x509_cert *c)
{
    bool same = c->der_len == d->root.der_len && memcmp(c->der, d->root.der, c->der_len) == 0;

    return dcap_check(d, id, same ? NULL : "root_untrusted", "%s",
                      d->in->root_pem ? "the configured root" : "Intel SGX Root CA");
}

/* One certificate under the next one of its chain, or under itself (rule 9). */
static bool check_certificate(struct dcap *d, enum check_id id, struct x509_cert *c,
                              const struct x509_cert *issuer)
{
    char name[DCAP_NAME_MAX + 1], first[DATE_CHARS + 1], last[DATE_CHARS + 1];
    const char *reason = NULL;

    if (c->unknown_critical)
        reason = "cert_critical_ext";
    else if (!x509_is_signed_by(c, issuer))
        reason = "cert_signature";
    else if (!x509_is_issued_by(c, issuer))
        reason = "cert_issuer";
    else
        reason =
            dcap_time_fault(d, c->not_before, c->not_after, "cert_not_yet_valid", "cert_expired");
    x509_common_name(name, sizeof name, c);
    date_to_rfc3339(first, c->not_before);
    date_to_rfc3339(last, c->not_after);
    return dcap_check(d, id, reason, "%s, %.10s to %.10s", name, first, last);
}

/* A leaf's or signer's role, in the order of section 1a d. */
static const char *end_entity_fault(const struct x509_cert *c, const char *name)
{
    if (!x509_has_common_name(c, name))
        return "cert_subject";
    if (c->is_ca)
        return "cert_leaf_is_ca";
    return c->usage & X509_DIGITAL_SIGNATURE ? NULL : "cert_subject";
}

static bool may_sign_certificates(const struct x509_cert *c)
{
    const unsigned needed = X509_KEY_CERT_SIGN | X509_CRL_SIGN;

    return c->is_ca && (c->usage & needed) == needed;
}

const char *dcap_ca_kind(const struct x509_cert *ca)
{
    if (x509_has_common_name(ca, platform_ca_cn))
        return "platform";
    return x509_has_common_name(ca, processor_ca_cn) ? "processor" : NULL;
}

static const char *pck_ca_fault(const struct x509_cert *ca)
{
    if (!may_sign_certificates(ca) || ca->path_length != 0)
        return "cert_not_ca";
    return dcap_ca_kind(ca) ? NULL : "cert_subject";
}

static const char *root_fault(const struct x509_cert *root)
{
    if (!may_sign_certificates(root) || root->path_length == 0)
        return "cert_not_ca";
    return x509_has_common_name(root, root_cn) ? NULL : "cert_subject";
}

/* --- the quote's own chain ---------------------------------------------------------------- */

static bool check_pck_roles(struct dcap *d)
{
    struct x509_cert *c = d->pck_chain.certs;
    const char *reason = pck_ca_fault(&c[PCK_CA]);

    if (!reason)
        d->out->ca = dcap_ca_kind(&c[PCK_CA]);
    if (!dcap_check(d, CHECK_PCK_CA_ROLE, reason, "a CA for PCK certificates (%s)",
                    d->out->ca ? d->out->ca : "of another name or kind"))
        return false;
    return dcap_check(d, CHECK_PCK_ROLE, end_entity_fault(&c[PCK_LEAF], pck_cn), "%s", pck_cn) &&
           dcap_check(d, CHECK_ROOT_ROLE, root_fault(&c[PCK_ROOT]), "%s", root_cn);
}

bool dcap_step_pck_chain(struct dcap *d)
{
    static const char *const roles[] = { "pck", "pck_ca", "root" };
    static const enum check_id ids[] = { CHECK_PCK_CERTIFICATE_VALID, CHECK_PCK_CA_VALID,
                                         CHECK_ROOT_VALID };
    const struct x509_cert *known[] = { &d->root };
    struct x509_cert *c = d->pck_chain.certs;
    int r = x509_read_pem(&d->pck_chain, d->quote.pem, d->quote.pem_len, X509_P256_SHA256,
                          &pck_extension_oid, known, 1);

    if (!dcap_check(d, CHECK_PCK_CHAIN_READABLE, dcap_reason(d, r, "pem_malformed"),
                    "PEM, X.509 v3, ECDSA P-256 with SHA-256") ||
        !dcap_check(d, CHECK_PCK_CHAIN_COMPLETE,
                    d->pck_chain.count == PCK_CHAIN ? NULL : "pck_chain_length",
                    "%zu of 3 certificates", d->pck_chain.count))
        return false;
    for (size_t i = 0; i < PCK_CHAIN; i++)
        show_certificate(d, roles[i], &c[i]);
    if (!check_root_pin(d, CHECK_PCK_CHAIN_ROOT_PINNED, &c[PCK_ROOT]))
        return false;
    for (size_t i = 0; i < PCK_CHAIN; i++)
        if (!check_certificate(d, ids[i], &c[i], &c[i < PCK_ROOT ? i + 1 : PCK_ROOT]))
            return false;
    return check_pck_roles(d);
}

/* --- the signers of collateral ------------------------------------------------------------ */

/* The words for one of the two chains. */
struct signer_words {
    enum check_id readable, complete, pinned, valid, root_valid, role;
    const char *role_reason;
};

static const struct signer_words tcb_words = {
    CHECK_TCB_CHAIN_READABLE, CHECK_TCB_CHAIN_COMPLETE,   CHECK_TCB_CHAIN_ROOT_PINNED,
    CHECK_TCB_SIGNER_VALID,   CHECK_TCB_CHAIN_ROOT_VALID, CHECK_TCB_SIGNER_ROLE_RIGHT,
    "tcb_signer_role",
};
static const struct signer_words qe_words = {
    CHECK_QE_CHAIN_READABLE, CHECK_QE_CHAIN_COMPLETE,   CHECK_QE_CHAIN_ROOT_PINNED,
    CHECK_QE_SIGNER_VALID,   CHECK_QE_CHAIN_ROOT_VALID, CHECK_QE_SIGNER_ROLE_RIGHT,
    "qeid_signer_role",
};

/* Section 1a e: a chain that was made by something else than the TCB signer says so in its form. */
static const char *signer_form_fault(const struct x509_chain *chain, const char *role_reason)
{
    const struct x509_cert *c = chain->certs;

    if (chain->count > 0 && !x509_has_common_name(&c[SIGNER], signer_cn) &&
        (chain->count != SIGNER_CHAIN || c[SIGNER].is_ca))
        return role_reason;
    if (chain->count > SIGNER_CHAIN && !c[1].is_ca)
        return "cert_not_ca";
    return chain->count == SIGNER_CHAIN ? NULL : "tcb_chain_length";
}

static bool check_signer_chain(struct dcap *d, struct x509_chain *chain, const char *pem,
                               const struct signer_words *words,
                               const struct x509_cert *const *known, size_t known_count)
{
    struct x509_cert *c = chain->certs;
    int r = x509_read_pem(chain, pem, strlen(pem), X509_P256_SHA256, NULL, known, known_count);

    return dcap_check(d, words->readable, dcap_reason(d, r, "pem_malformed"), NULL) &&
           dcap_check(d, words->complete, signer_form_fault(chain, words->role_reason),
                      "%zu of 2 certificates", chain->count) &&
           check_root_pin(d, words->pinned, &c[SIGNER_ROOT]) &&
           check_certificate(d, words->valid, &c[SIGNER], &c[SIGNER_ROOT]) &&
           check_certificate(d, words->root_valid, &c[SIGNER_ROOT], &c[SIGNER_ROOT]) &&
           dcap_check(d, words->role, end_entity_fault(&c[SIGNER], signer_cn), "%s", signer_cn);
}

bool dcap_step_signer_chains(struct dcap *d)
{
    /* Both signers are one certificate in practice: what is known of it is not found out again. */
    const struct x509_cert *known[] = { &d->pck_chain.certs[PCK_ROOT],
                                        &d->tcb_chain.certs[SIGNER] };
    bool ok = check_signer_chain(d, &d->tcb_chain, d->collateral.tcb_info_issuer_chain, &tcb_words,
                                 known, 1) &&
              check_signer_chain(d, &d->qe_chain, d->collateral.qe_identity_issuer_chain, &qe_words,
                                 known, 2);

    if (ok) {
        show_certificate(d, "tcb_signer", &d->tcb_chain.certs[SIGNER]);
        show_certificate(d, "qe_signer", &d->qe_chain.certs[SIGNER]);
    }
    return ok;
}

/* --- CRLs --------------------------------------------------------------------------------- */

/* Section 1a g: parse, issuer, signature, dates, key identifier. */
static bool check_crl(struct dcap *d, enum check_id readable_id, enum check_id valid_id,
                      struct x509_crl *crl, const char *hex, const struct x509_cert *issuer)
{
    char first[DATE_CHARS + 1], last[DATE_CHARS + 1];
    const char *reason;
    int r = collateral_crl(crl, hex);

    if (!dcap_check(d, readable_id, dcap_reason(d, r, "crl_malformed"), NULL))
        return false;
    if (!x509_crl_is_issued_by(crl, issuer))
        reason = "crl_issuer";
    else if (!x509_crl_is_signed_by(crl, issuer))
        reason = "crl_signature";
    else
        reason = dcap_time_fault(d, crl->this_update, crl->next_update, "crl_not_yet_valid",
                                 "crl_expired");
    if (!reason && !x509_crl_names_key_of(crl, issuer))
        reason = "crl_issuer";
    date_to_rfc3339(first, crl->this_update);
    date_to_rfc3339(last, crl->next_update);
    return dcap_check(d, valid_id, reason, "of %s, until %s", first, last);
}

static bool check_revocation(struct dcap *d)
{
    const struct x509_cert *pck = d->pck_chain.certs;
    const struct x509_cert *tcb_signer = &d->tcb_chain.certs[SIGNER];
    const struct x509_cert *qe_signer = &d->qe_chain.certs[SIGNER];
    const char *who = NULL;

    if (x509_crl_lists(&d->pck_crl, &pck[PCK_LEAF]))
        who = pck_cn;
    else if (x509_crl_lists(&d->root_crl, &pck[PCK_CA]))
        who = "the PCK CA";
    else if (x509_crl_lists(&d->root_crl, tcb_signer) || x509_crl_lists(&d->root_crl, qe_signer))
        who = signer_cn;
    else if (x509_crl_lists(&d->root_crl, &pck[PCK_ROOT]))
        who = root_cn;
    return dcap_check(d, CHECK_CERTIFICATES_NOT_REVOKED, who ? "cert_revoked" : NULL, "%s",
                      who ? who : "none of the five is listed");
}

bool dcap_step_crls(struct dcap *d)
{
    return check_crl(d, CHECK_ROOT_CRL_READABLE, CHECK_ROOT_CRL_VALID, &d->root_crl,
                     d->collateral.root_ca_crl, &d->pck_chain.certs[PCK_ROOT]) &&
           check_crl(d, CHECK_PCK_CRL_READABLE, CHECK_PCK_CRL_VALID, &d->pck_crl,
                     d->collateral.pck_crl, &d->pck_chain.certs[PCK_CA]) &&
           check_revocation(d);
}
