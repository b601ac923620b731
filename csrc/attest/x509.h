/* X.509 certificates and CRLs over OpenSSL, checked one by one and with an explicit time.
 *
 * There is no X509_STORE here: which certificate must be where, and who signs whom, is said by the
 * caller (DCAP.md rules 6 to 16). What OpenSSL would tolerate and DER does not allow is refused
 * when a certificate is read. */
#ifndef VENICE_ATTEST_X509_H
#define VENICE_ATTEST_X509_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    X509_CHAIN_MAX = 8,   /* certificates that are looked at; one more only counts */
    X509_KEY_ID_MAX = 32, /* a key identifier is 20 bytes (SHA-1) or up to 32 */
    X509_NO_PATH_LENGTH = -1
};

/* Bits of key usage (RFC 5280, 4.2.1.3), bit 0 of the BIT STRING first. */
enum x509_usage {
    X509_DIGITAL_SIGNATURE = 1 << 0,
    X509_KEY_CERT_SIGN = 1 << 5,
    X509_CRL_SIGN = 1 << 6
};

/* Which algorithms a certificate must use: others are malformed. */
enum x509_profile {
    X509_P256_SHA256, /* Intel */
    X509_P384_SHA384  /* NVIDIA */
};

struct x509_key_id {
    uint8_t bytes[X509_KEY_ID_MAX];
    size_t len; /* 0: absent */
};

struct x509_cert {
    X509 *x;
    EVP_PKEY *key;      /* of x */
    const uint8_t *der; /* the exact bytes */
    size_t der_len;
    int64_t not_before, not_after; /* unix seconds, both inclusive */
    bool is_ca;
    int64_t path_length; /* X509_NO_PATH_LENGTH where absent */
    unsigned usage;      /* enum x509_usage; 0 where absent */
    struct x509_key_id subject_key_id;
    bool unknown_critical; /* a critical extension that nothing here checks */
    const X509 *signed_by; /* whose key is known to have signed it; NULL: nobody's yet */
};

/* Certificates in the order of the PEM text. */
struct x509_chain {
    size_t count; /* may be X509_CHAIN_MAX + 1: there are more than certs has */
    struct x509_cert certs[X509_CHAIN_MAX];
    uint8_t *der; /* backs certs[].der */
};

/* Extensions that the caller reads by itself, so that they may be critical and their repetition is
 * the caller's to judge. NULL where there is none. */
struct x509_foreign {
    const uint8_t *oid; /* the contents of its OBJECT IDENTIFIER */
    size_t oid_len;
    const struct x509_foreign *next; /* another one, or NULL */
};

/* Reads one DER certificate that fills len exactly: X.509 v3, the profile's algorithms, a key that
 * is an uncompressed point on the curve, no extension twice. der must outlive out.
 * Returns 0, VENICE_E_MALFORMED or VENICE_E_MEMORY. */
int x509_read(struct x509_cert *out, const uint8_t *der, size_t len, enum x509_profile profile,
              const struct x509_foreign *foreign);
void x509_clear(struct x509_cert *c); /* takes NULL and zeroed ones */

/* Reads concatenated PEM. Strict: only CERTIFICATE blocks, canonical base64, nothing but white
 * space and NUL around them (DCAP.md section 1a c). No block at all is a chain of 0.
 * known[0..known_count): certificates read before; one with the same bytes is taken over, with what
 * is known about its signature, and not parsed again. known must outlive out.
 * Returns as x509_read. out is empty on failure. */
int x509_read_pem(struct x509_chain *out, const char *pem, size_t len, enum x509_profile profile,
                  const struct x509_foreign *foreign, const struct x509_cert *const *known,
                  size_t known_count);
void x509_chain_clear(struct x509_chain *chain); /* takes NULL */

/* Whether issuer's key signed c. Remembers a success in c->signed_by. */
bool x509_is_signed_by(struct x509_cert *c, const struct x509_cert *issuer);

/* Whether c's issuer name is issuer's subject name, byte for byte. */
bool x509_is_issued_by(const struct x509_cert *c, const struct x509_cert *issuer);

/* Whether the subject has exactly one common name and it is this one. */
bool x509_has_common_name(const struct x509_cert *c, const char *name);

/* Out: the common name for a screen (other characters than printable ASCII become '?'), cut to
 * cap - 1; "" where there is not exactly one. */
void x509_common_name(char *out, size_t cap, const struct x509_cert *c);

/* Out: lower-case hex; "" where it does not fit. */
void x509_serial(char *out, size_t cap, const struct x509_cert *c);

/* Finds the one extension with this OID; which->next is not looked at. Returns how many there are
 * (0, 1, 2 for more); *value is the contents of its OCTET STRING where there is one. It points into
 * c. */
int x509_extension(const struct x509_cert *c, const struct x509_foreign *which,
                   const uint8_t **value, size_t *len);

struct x509_crl {
    X509_CRL *crl;
    int64_t this_update, next_update; /* unix seconds, both inclusive */
    struct x509_key_id authority_key_id;
};

/* Reads one DER CRL that fills len exactly: version 2, ecdsa-with-SHA256, with nextUpdate, complete
 * (no delta, no issuing distribution point, no critical extension).
 * Returns 0, VENICE_E_MALFORMED or VENICE_E_MEMORY. */
int x509_crl_read(struct x509_crl *out, const uint8_t *der, size_t len);
void x509_crl_clear(struct x509_crl *crl); /* takes NULL and zeroed ones */

bool x509_crl_is_issued_by(const struct x509_crl *crl, const struct x509_cert *issuer);
bool x509_crl_is_signed_by(const struct x509_crl *crl, const struct x509_cert *issuer);
/* Whether the CRL names issuer's key by its identifier (both must have one). */
bool x509_crl_names_key_of(const struct x509_crl *crl, const struct x509_cert *issuer);

/* Whether c's serial number is listed, for whatever reason. */
bool x509_crl_lists(const struct x509_crl *crl, const struct x509_cert *c);

#endif
