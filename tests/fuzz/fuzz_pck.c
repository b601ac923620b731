/* Certificates: PEM, DER and the SGX extension. The first byte chooses the reader. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attest/tdx/pck.h"
#include "attest/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void look_at(struct x509_cert *c)
{
    char text[64];
    struct pck pck;

    if (!c->x || !c->key || c->der_len == 0)
        __builtin_trap();
    x509_common_name(text, sizeof text, c);
    if (strlen(text) >= sizeof text)
        __builtin_trap();
    x509_serial(text, sizeof text, c);
    (void)x509_has_common_name(c, "Intel SGX PCK Certificate");
    (void)x509_is_issued_by(c, c);
    (void)x509_is_signed_by(c, c);
    (void)pck_read(&pck, c, true);
}

static void read_chain(const char *pem, size_t len)
{
    struct x509_chain chain;

    if (x509_read_pem(&chain, pem, len, X509_P256_SHA256, &pck_extension_oid, NULL, 0) == 0)
        for (size_t i = 0; i < chain.count && i < X509_CHAIN_MAX; i++)
            look_at(&chain.certs[i]);
    x509_chain_clear(&chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct x509_cert c;
    struct pck pck;

    if (len == 0)
        return 0;
    switch (data[0]) {
    case 'e': (void)pck_parse(&pck, data + 1, len - 1); break;
    case 'd':
        if (x509_read(&c, data + 1, len - 1, X509_P256_SHA256, &pck_extension_oid) == 0)
            look_at(&c);
        x509_clear(&c);
        break;
    default: read_chain((const char *)data + 1, len - 1); break;
    }
    return 0;
}
