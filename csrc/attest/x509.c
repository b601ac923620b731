/* Certificates and CRLs: reading them strictly, and the single questions that can be asked of them.
 * In which order they are asked is the caller's business. */
#include "attest/x509.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

#include "attest/date.h"
#include "attest/der.h"
#include "attest/p256.h"
#include "attest/pem.h"
#include "base/codec.h"
#include "venice.h"

enum { EXTENSIONS_MAX = 32 };

static const struct {
    int curve, signature;
    int point_len; /* uncompressed */
} profiles[] = {
    [X509_P256_SHA256] = { NID_X9_62_prime256v1, NID_ecdsa_with_SHA256, 65 },
    [X509_P384_SHA384] = { NID_secp384r1, NID_ecdsa_with_SHA384, 97 },
};

static bool oid_is(const ASN1_OBJECT *object, const struct x509_foreign *which)
{
    return OBJ_length(object) == which->oid_len &&
           memcmp(OBJ_get0_data(object), which->oid, which->oid_len) == 0;
}

static bool is_foreign(const ASN1_OBJECT *object, const struct x509_foreign *foreign)
{
    for (; foreign; foreign = foreign->next)
        if (oid_is(object, foreign))
            return true;
    return false;
}

/* --- what certificates and CRLs have in common -------------------------------------------- */

/* The frame around what is signed: SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }. The signature does
 * not cover the frame, and OpenSSL takes more than DER for it. */
static bool frame_is_der(const uint8_t *der, size_t len)
{
    struct der whole = { der, len }, inside, part;

    return der_take(&whole, DER_SEQUENCE, &inside) && whole.n == 0 &&
           der_take(&inside, DER_SEQUENCE, &part) && der_take(&inside, DER_SEQUENCE, &part) &&
           der_take(&inside, DER_BIT_STRING, &part) && inside.n == 0 && part.n > 1 &&
           part.p[0] == 0;
}

static bool read_time(int64_t *out, const ASN1_TIME *time)
{
    int type = time ? ASN1_STRING_type(time) : V_ASN1_UNDEF;

    if (type != V_ASN1_UTCTIME && type != V_ASN1_GENERALIZEDTIME)
        return false;
    return date_from_asn1(out, ASN1_STRING_get0_data(time), (size_t)ASN1_STRING_length(time),
                          type == V_ASN1_GENERALIZEDTIME);
}

static bool keep_key_id(struct x509_key_id *out, struct der id)
{
    if (id.n < 1 || id.n > sizeof out->bytes)
        return false;
    memcpy(out->bytes, id.p, id.n);
    out->len = id.n;
    return true;
}

static struct der extension_value(X509_EXTENSION *extension)
{
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);

    return (struct der){ ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) };
}

/* --- extensions of a certificate ---------------------------------------------------------- */

static bool read_basic_constraints(struct x509_cert *c, struct der value)
{
    struct der inside;
    unsigned path_length;

    if (!der_take(&value, DER_SEQUENCE, &inside) || value.n != 0)
        return false;
    if (der_is_next(&inside, DER_BOOLEAN) && !der_take_boolean(&inside, &c->is_ca))
        return false;
    if (der_is_next(&inside, DER_INTEGER)) {
        if (!der_take_unsigned(&inside, DER_INTEGER, INT32_MAX, &path_length))
            return false;
        c->path_length = path_length;
    }
    return inside.n == 0;
}

static bool read_key_usage(struct x509_cert *c, struct der value)
{
    struct der bits;

    if (!der_take(&value, DER_BIT_STRING, &bits) || value.n != 0)
        return false;
    if (bits.n < 2 || bits.n > 3 || bits.p[0] > 7)
        return false;
    for (unsigned i = 0; i < 8 * (bits.n - 1); i++)
        c->usage |= (unsigned)(bits.p[1 + i / 8] >> (7 - i % 8) & 1) << i;
    return true;
}

static bool read_subject_key_id(struct x509_cert *c, struct der value)
{
    struct der id;

    return der_take(&value, DER_OCTET_STRING, &id) && value.n == 0 &&
           keep_key_id(&c->subject_key_id, id);
}

static bool read_extension(struct x509_cert *c, X509_EXTENSION *extension,
                           const struct x509_foreign *foreign)
{
    const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);

    switch (OBJ_obj2nid(object)) {
    case NID_basic_constraints: return read_basic_constraints(c, extension_value(extension));
    case NID_key_usage: return read_key_usage(c, extension_value(extension));
    case NID_subject_key_identifier: return read_subject_key_id(c, extension_value(extension));
    default: break;
    }
    /* What is critical and not looked at here must not be passed over (DCAP.md rule 9). Constraints
     * that OpenSSL would know are not looked at either, so they count as unknown. */
    if (X509_EXTENSION_get_critical(extension) && !is_foreign(object, foreign))
        c->unknown_critical = true;
    return true;
}

/* Whether the extension stands a second time before position at. */
static bool is_repeated(const X509 *x, const ASN1_OBJECT *object, int at)
{
    for (int i = 0; i < at; i++)
        if (OBJ_cmp(X509_EXTENSION_get_object(X509_get_ext(x, i)), object) == 0)
            return true;
    return false;
}

static bool read_extensions(struct x509_cert *c, const struct x509_foreign *foreign)
{
    int count = X509_get_ext_count(c->x);

    if (count > EXTENSIONS_MAX)
        return false;
    for (int i = 0; i < count; i++) {
        X509_EXTENSION *extension = X509_get_ext(c->x, i);
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);

        if (!is_foreign(object, foreign) && is_repeated(c->x, object, i))
            return false;
        if (!read_extension(c, extension, foreign))
            return false;
    }
    return true;
}

/* --- reading one certificate -------------------------------------------------------------- */

static bool algorithms_fit(X509 *x, enum x509_profile profile)
{
    const X509_ALGOR *inner = X509_get0_tbs_sigalg(x);
    const ASN1_OBJECT *object;
    ASN1_OBJECT *key_type;
    const void *curve;
    X509_ALGOR *key_algorithm;
    const unsigned char *point;
    int point_len, curve_type;

    X509_ALGOR_get0(&object, NULL, NULL, inner);
    if (OBJ_obj2nid(object) != profiles[profile].signature ||
        X509_get_signature_nid(x) != profiles[profile].signature)
        return false;
    if (X509_PUBKEY_get0_param(&key_type, &point, &point_len, &key_algorithm,
                               X509_get_X509_PUBKEY(x)) != 1)
        return false;
    X509_ALGOR_get0(NULL, &curve_type, &curve, key_algorithm);
    return OBJ_obj2nid(key_type) == NID_X9_62_id_ecPublicKey && curve_type == V_ASN1_OBJECT &&
           OBJ_obj2nid(curve) == profiles[profile].curve &&
           point_len == profiles[profile].point_len && point[0] == 0x04;
}

int x509_read(struct x509_cert *out, const uint8_t *der, size_t len, enum x509_profile profile,
              const struct x509_foreign *foreign)
{
    const unsigned char *p = der;
    int r = VENICE_E_MALFORMED;

    memset(out, 0, sizeof *out);
    out->path_length = X509_NO_PATH_LENGTH;
    out->der = der;
    out->der_len = len;
    ERR_clear_error();
    if (!frame_is_der(der, len))
        goto out;
    out->x = d2i_X509(NULL, &p, (long)len);
    if (!out->x) {
        r = openssl_refusal();
        goto out;
    }
    if (p != der + len || X509_get_version(out->x) != X509_VERSION_3 ||
        !algorithms_fit(out->x, profile))
        goto out;
    out->key = X509_get0_pubkey(out->x); /* NULL where the point is not on the curve */
    if (!out->key) {
        r = openssl_refusal();
        goto out;
    }
    if (!read_time(&out->not_before, X509_get0_notBefore(out->x)) ||
        !read_time(&out->not_after, X509_get0_notAfter(out->x)) || !read_extensions(out, foreign))
        goto out;
    r = 0;
out:
    if (r != 0)
        x509_clear(out);
    return r;
}

void x509_clear(struct x509_cert *c)
{
    if (!c)
        return;
    X509_free(c->x);
    memset(c, 0, sizeof *c);
}

/* --- reading a chain ---------------------------------------------------------------------- */

/* Takes over a certificate that was read before from the same bytes. */
static bool take_known(struct x509_cert *out, const uint8_t *der, size_t len,
                       const struct x509_cert *const *known, size_t known_count)
{
    for (size_t i = 0; i < known_count; i++) {
        if (known[i]->der_len != len || memcmp(known[i]->der, der, len) != 0)
            continue;
        if (X509_up_ref(known[i]->x) != 1)
            return false;
        *out = *known[i];
        return true;
    }
    return false;
}

int x509_read_pem(struct x509_chain *out, const char *pem, size_t len, enum x509_profile profile,
                  const struct x509_foreign *foreign, const struct x509_cert *const *known,
                  size_t known_count)
{
    struct pem in = { pem, pem + len };
    uint8_t *der;
    char *scratch;
    size_t der_len;
    int r;

    memset(out, 0, sizeof *out);
    if (len > SIZE_MAX / 4)
        return VENICE_E_MALFORMED;
    out->der = der = malloc(2 * len + 8); /* what is decoded, and what is being decoded */
    if (!der)
        return VENICE_E_MEMORY;
    scratch = (char *)der + len + 4;
    while (out->count <= X509_CHAIN_MAX && (r = pem_next(&in, der, &der_len, scratch)) != 0) {
        if (r > 0 && out->count < X509_CHAIN_MAX &&
            !take_known(&out->certs[out->count], der, der_len, known, known_count))
            r = x509_read(&out->certs[out->count], der, der_len, profile, foreign);
        if (r < 0) {
            x509_chain_clear(out);
            return r;
        }
        out->count++;
        der += der_len;
    }
    return 0;
}

void x509_chain_clear(struct x509_chain *chain)
{
    if (!chain)
        return;
    for (size_t i = 0; i < X509_CHAIN_MAX; i++)
        x509_clear(&chain->certs[i]);
    free(chain->der);
    chain->der = NULL;
    chain->count = 0;
}

/* --- questions about a certificate -------------------------------------------------------- */

bool x509_is_signed_by(struct x509_cert *c, const struct x509_cert *issuer)
{
    if (c->signed_by && c->signed_by == issuer->x)
        return true;
    if (X509_verify(c->x, issuer->key) != 1)
        return false;
    c->signed_by = issuer->x;
    return true;
}

/* The encoding as it arrived: OpenSSL keeps it for names that it has parsed. */
static bool same_name(const X509_NAME *a, const X509_NAME *b)
{
    const unsigned char *x, *y;
    size_t x_len, y_len;

    return X509_NAME_get0_der(a, &x, &x_len) == 1 && X509_NAME_get0_der(b, &y, &y_len) == 1 &&
           x_len == y_len && memcmp(x, y, x_len) == 0;
}

bool x509_is_issued_by(const struct x509_cert *c, const struct x509_cert *issuer)
{
    return same_name(X509_get_issuer_name(c->x), X509_get_subject_name(issuer->x));
}

/* The subject's only common name, or NULL. */
static const ASN1_STRING *common_name(const struct x509_cert *c)
{
    const X509_NAME *subject = X509_get_subject_name(c->x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return NULL;
    return X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
}

bool x509_has_common_name(const struct x509_cert *c, const char *name)
{
    const ASN1_STRING *text = common_name(c);
    int type = text ? ASN1_STRING_type(text) : V_ASN1_UNDEF;

    if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING)
        return false;
    return (size_t)ASN1_STRING_length(text) == strlen(name) &&
           memcmp(ASN1_STRING_get0_data(text), name, strlen(name)) == 0;
}

void x509_common_name(char *out, size_t cap, const struct x509_cert *c)
{
    const ASN1_STRING *text = common_name(c);
    size_t n = text ? (size_t)ASN1_STRING_length(text) : 0;

    for (size_t i = 0; i < cap; i++)
        out[i] = 0;
    for (size_t i = 0; i < n && i + 1 < cap; i++) {
        unsigned char byte = ASN1_STRING_get0_data(text)[i];

        out[i] = byte >= 0x20 && byte < 0x7f ? (char)byte : '?';
    }
}

void x509_serial(char *out, size_t cap, const struct x509_cert *c)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x);
    size_t n = (size_t)ASN1_STRING_length(serial);

    out[0] = 0;
    if (2 * n + 1 > cap)
        return;
    hex_encode(out, ASN1_STRING_get0_data(serial), n);
    out[2 * n] = 0;
}

int x509_extension(const struct x509_cert *c, const struct x509_foreign *which,
                   const uint8_t **value, size_t *len)
{
    int found = 0;

    *value = NULL;
    *len = 0;
    for (int i = 0; i < X509_get_ext_count(c->x) && found < 2; i++) {
        X509_EXTENSION *extension = X509_get_ext(c->x, i);

        if (!oid_is(X509_EXTENSION_get_object(extension), which))
            continue;
        *value = extension_value(extension).p;
        *len = extension_value(extension).n;
        found++;
    }
    return found;
}

/* --- CRLs --------------------------------------------------------------------------------- */

/* [0] keyIdentifier first; issuer and serial may follow and are not needed. */
static bool read_authority_key_id(struct x509_crl *crl, struct der value)
{
    struct der inside, id;

    if (crl->authority_key_id.len != 0 || !der_take(&value, DER_SEQUENCE, &inside) || value.n != 0)
        return false;
    return der_take(&inside, DER_CONTEXT_0, &id) && keep_key_id(&crl->authority_key_id, id);
}

/* What a CRL covers must be everything: a partial one would hide a revocation. */
static bool read_crl_extensions(struct x509_crl *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl->crl); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl->crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

        if (nid == NID_authority_key_identifier) {
            if (!read_authority_key_id(crl, extension_value(extension)))
                return false;
        } else if (nid == NID_delta_crl || nid == NID_issuing_distribution_point ||
                   (nid != NID_crl_number && X509_EXTENSION_get_critical(extension))) {
            return false;
        }
    }
    return true;
}

static bool entries_are_plain(X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);

    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);

        for (int k = 0; k < X509_REVOKED_get_ext_count(entry); k++)
            if (X509_EXTENSION_get_critical(X509_REVOKED_get_ext(entry, k)))
                return false;
    }
    return true;
}

int x509_crl_read(struct x509_crl *out, const uint8_t *der, size_t len)
{
    const unsigned char *p = der;
    int r = VENICE_E_MALFORMED;

    memset(out, 0, sizeof *out);
    ERR_clear_error();
    if (!frame_is_der(der, len))
        goto out;
    out->crl = d2i_X509_CRL(NULL, &p, (long)len);
    if (!out->crl) {
        r = openssl_refusal();
        goto out;
    }
    if (p != der + len || X509_CRL_get_version(out->crl) != X509_CRL_VERSION_2 ||
        X509_CRL_get_signature_nid(out->crl) != NID_ecdsa_with_SHA256 ||
        !read_time(&out->this_update, X509_CRL_get0_lastUpdate(out->crl)) ||
        !read_time(&out->next_update, X509_CRL_get0_nextUpdate(out->crl)) ||
        !read_crl_extensions(out) || !entries_are_plain(out->crl))
        goto out;
    r = 0;
out:
    if (r != 0)
        x509_crl_clear(out);
    return r;
}

void x509_crl_clear(struct x509_crl *crl)
{
    if (!crl)
        return;
    X509_CRL_free(crl->crl);
    memset(crl, 0, sizeof *crl);
}

bool x509_crl_is_issued_by(const struct x509_crl *crl, const struct x509_cert *issuer)
{
    return same_name(X509_CRL_get_issuer(crl->crl), X509_get_subject_name(issuer->x));
}

bool x509_crl_is_signed_by(const struct x509_crl *crl, const struct x509_cert *issuer)
{
    return X509_CRL_verify(crl->crl, issuer->key) == 1;
}

bool x509_crl_names_key_of(const struct x509_crl *crl, const struct x509_cert *issuer)
{
    const struct x509_key_id *a = &crl->authority_key_id, *b = &issuer->subject_key_id;

    return a->len > 0 && a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool x509_crl_lists(const struct x509_crl *crl, const struct x509_cert *c)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x);
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl->crl);

    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);

        if (ASN1_INTEGER_cmp(X509_REVOKED_get0_serialNumber(entry), serial) == 0)
            return true;
    }
    return false;
}
