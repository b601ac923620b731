/* The key set of NVIDIA's attestation service: each key comes with a leaf certificate of two days
 * and the intermediate that signed it (EVIDENCE.md section 4.2, 3 and 5). */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "attest/date.h"
#include "attest/gpu/device_chain.h"
#include "attest/gpu/jwt.h"
#include "attest/gpu/nvidia_roots.h"
#include "attest/p256.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

enum { POINT_SIZE = 1 + 2 * P384_SCALAR_SIZE, COORDINATE_CHARS = 64, CERT_TEXT_MAX = 16 * 1024 };

/* One entry of the key set while it is judged. */
struct service_key {
    uint8_t point[POINT_SIZE]; /* as the entry says it */
    X509 *leaf, *issuer;
    const char *reason, *words;
};

const cJSON *jwks_find(const cJSON *jwks, const char *kid)
{
    const cJSON *keys = json_at(jwks, "keys", NULL), *entry, *found = NULL;

    if (!cJSON_IsArray(keys) || !kid)
        return NULL;
    cJSON_ArrayForEach(entry, keys)
    {
        const char *name = json_string(entry, "kid");

        if (!name || strcmp(name, kid) != 0)
            continue;
        if (found)
            return NULL; /* two keys of one name are no key */
        found = entry;
    }
    return found;
}

static int fault(struct service_key *k, const char *reason, const char *words)
{
    k->reason = reason;
    k->words = words;
    return VENICE_E_INTEGRITY;
}

/* ---- The key -------------------------------------------------------------------------------- */

static bool read_coordinate(uint8_t out[P384_SCALAR_SIZE], const cJSON *entry, const char *name)
{
    const char *text = json_string(entry, name);
    uint8_t bytes[COORDINATE_CHARS + 3];
    size_t len;

    if (!text || strlen(text) != COORDINATE_CHARS ||
        base64_decode(bytes, &len, text, COORDINATE_CHARS, true) != 0 || len != P384_SCALAR_SIZE)
        return false;
    memcpy(out, bytes, len);
    return true;
}

static bool is_text(const cJSON *entry, const char *name, const char *wanted)
{
    const char *text = json_string(entry, name);

    return text && strcmp(text, wanted) == 0;
}

/* A member that may be absent must not say something else. */
static bool may_be_text(const cJSON *entry, const char *name, const char *wanted)
{
    return !json_at(entry, name, NULL) || is_text(entry, name, wanted);
}

static int read_point(struct service_key *k, const cJSON *entry)
{
    k->point[0] = 0x04;
    if (!may_be_text(entry, "use", "sig"))
        return fault(k, "jwks_key", "the key is not said to be for signatures");
    if (is_text(entry, "kty", "EC") && is_text(entry, "crv", "P-384") &&
        may_be_text(entry, "alg", "ES384") && read_coordinate(k->point + 1, entry, "x") &&
        read_coordinate(k->point + 1 + P384_SCALAR_SIZE, entry, "y"))
        return 0;
    return fault(k, "jwks_key", "the key is not a point of P-384");
}

/* ---- Its certificates ----------------------------------------------------------------------- */

/* One certificate of x5c: standard base64 of DER. */
static int read_certificate(X509 **out, const cJSON *item)
{
    const char *text = cJSON_GetStringValue(item);
    size_t n = text ? strlen(text) : 0, len = 0;
    const unsigned char *p;
    uint8_t *der;
    int r = VENICE_E_MALFORMED;

    if (n == 0 || n > CERT_TEXT_MAX)
        return r;
    der = wiping_malloc(n + 3);
    if (!der)
        return VENICE_E_MEMORY;
    ERR_clear_error();
    if (base64_decode(der, &len, text, n, false) == 0) {
        p = der;
        *out = d2i_X509(NULL, &p, (long)len);
        r = *out && p == der + len ? 0 : openssl_refusal();
    }
    wiping_free(der);
    return r;
}

static int read_chain(struct service_key *k, const cJSON *entry)
{
    const cJSON *list = json_at(entry, "x5c", NULL);
    int r = VENICE_E_MALFORMED;

    if (cJSON_IsArray(list) && cJSON_GetArraySize(list) >= 2) {
        r = read_certificate(&k->leaf, list->child);
        if (r == 0)
            r = read_certificate(&k->issuer, list->child->next);
    }
    if (r == VENICE_E_MALFORMED)
        return fault(k, "jwks_chain_malformed", "the key has no two certificates in x5c");
    return r;
}

/* Compared as keys, not as bytes that stand somewhere in a certificate. OpenSSL has made sure that
 * the point is on its curve where it gives a key. */
static int check_same_key(struct service_key *k)
{
    X509_PUBKEY *info = X509_get_X509_PUBKEY(k->leaf);
    const unsigned char *point;
    const void *curve;
    X509_ALGOR *algorithm;
    ASN1_OBJECT *type;
    int len, curve_type;

    if (X509_PUBKEY_get0_param(&type, &point, &len, &algorithm, info) == 1) {
        X509_ALGOR_get0(NULL, &curve_type, &curve, algorithm);
        if (OBJ_obj2nid(type) == NID_X9_62_id_ecPublicKey && curve_type == V_ASN1_OBJECT &&
            OBJ_obj2nid(curve) == NID_secp384r1 && len == POINT_SIZE &&
            memcmp(point, k->point, POINT_SIZE) == 0 && X509_get0_pubkey(k->leaf))
            return 0;
    }
    return fault(k, "jwks_leaf_key", "the key is not that of its certificate");
}

static bool read_time(int64_t *out, const ASN1_TIME *time)
{
    return date_from_asn1(out, ASN1_STRING_get0_data(time), (size_t)ASN1_STRING_length(time),
                          ASN1_STRING_type(time) == V_ASN1_GENERALIZEDTIME);
}

static int check_time(struct service_key *k, X509 *x, int64_t now)
{
    int64_t begin, end;

    if (!read_time(&begin, X509_get0_notBefore(x)) || !read_time(&end, X509_get0_notAfter(x)))
        return fault(k, "jwks_chain_malformed", "a certificate of the key has no readable dates");
    if (now + JWT_SKEW < begin)
        return fault(k, "jwks_not_yet_valid", "a certificate of the key is not valid yet");
    if (now - JWT_SKEW > end)
        return fault(k, "jwks_expired", "a certificate of the key is not valid any more");
    return 0;
}

static bool same_name(const X509_NAME *a, const X509_NAME *b)
{
    const unsigned char *x, *y;
    size_t x_len, y_len;

    return X509_NAME_get0_der(a, &x, &x_len) == 1 && X509_NAME_get0_der(b, &y, &y_len) == 1 &&
           x_len == y_len && memcmp(x, y, x_len) == 0;
}

static bool is_signed_by(X509 *x, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);

    return key && same_name(X509_get_issuer_name(x), X509_get_subject_name(issuer)) &&
           X509_verify(x, key) == 1;
}

/* Whether a certificate is what it is used as. An unknown critical extension makes it something
 * else. */
static bool has_role(X509 *x, bool ca)
{
    uint32_t flags = X509_get_extension_flags(x), usage = X509_get_key_usage(x);

    if (flags & (EXFLAG_INVALID | EXFLAG_CRITICAL))
        return false;
    return ca ? flags & EXFLAG_CA && usage & KU_KEY_CERT_SIGN
              : !(flags & EXFLAG_CA) && usage & KU_DIGITAL_SIGNATURE;
}

/* The intermediate is RSA and the leaf P-384: each is verified with the key that signed it. */
static int check_leaf(struct service_key *k)
{
    if (!has_role(k->issuer, true) || !has_role(k->leaf, false))
        return fault(k, "jwks_chain_role", "a certificate of the key is not for what it is used");
    if (!is_signed_by(k->leaf, k->issuer))
        return fault(k, "jwks_leaf_signature",
                     "the key's certificate is not signed by the one beside it");
    return 0;
}

/* ---- Who stands behind it ------------------------------------------------------------------- */

static int check_pinned(struct service_key *k)
{
    uint8_t *der = NULL, hash[NVIDIA_SPKI_HASH_SIZE];
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(k->issuer), &der), r;

    if (n <= 0)
        return VENICE_E_MEMORY;
    r = sha256(hash, der, (size_t)n);
    OPENSSL_free(der);
    if (r != 0)
        return VENICE_E_MEMORY;
    for (size_t i = 0; i < NVIDIA_SERVICE_COUNT; i++)
        if (memcmp(hash, nvidia_service_spki[i], sizeof hash) == 0)
            return 0;
    return fault(k, "jwks_unpinned", "the key's issuer is not one that is known to be NVIDIA's");
}

/* For simulators: their root signs the intermediate. */
static int check_given(struct service_key *k, const char *root_pem)
{
    struct x509_cert root;
    uint8_t *der;
    int r = device_root_read(&root, &der, root_pem);

    if (r != 0)
        return r;
    if (!is_signed_by(k->issuer, root.x))
        r = fault(k, "jwks_unpinned", "the key's issuer is not signed by the given root");
    x509_clear(&root);
    wiping_free(der);
    return r;
}

int jwks_key(EVP_PKEY **key, const char **reason, const char **words, const cJSON *entry,
             const char *root_pem, int64_t now)
{
    struct service_key k = { .leaf = NULL };
    int r = read_point(&k, entry);

    *key = NULL;
    if (r == 0)
        r = read_chain(&k, entry);
    if (r == 0)
        r = check_same_key(&k);
    if (r == 0)
        r = check_leaf(&k);
    if (r == 0)
        r = root_pem ? check_given(&k, root_pem) : check_pinned(&k);
    if (r == 0)
        r = check_time(&k, k.leaf, now);
    if (r == 0)
        r = check_time(&k, k.issuer, now);
    if (r == 0)
        *key = X509_get_pubkey(k.leaf);
    *reason = k.reason;
    *words = k.words;
    X509_free(k.leaf);
    X509_free(k.issuer);
    ERR_clear_error();
    return r;
}
