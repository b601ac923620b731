/* The identity of a GPU: device leaf, boot ROM, provisioner, chip family, root. */
#include "attest/gpu/device_chain.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "attest/gpu/dice.h"
#include "attest/gpu/nvidia_roots.h"
#include "attest/pem.h"
#include "base/secret.h"
#include "venice.h"

enum { CHAIN_MIN = 2, COMMON_NAME_MAX = 64 };

const char device_arch_hopper[] = "HOPPER", device_arch_blackwell[] = "BLACKWELL";

/* The DICE extensions that name the firmware for which the leaf's key exists. Hopper has the first
 * one, Blackwell the second. The third is a list of the second kind: which of its entries is the
 * firmware's is not known. */
static const uint8_t composite_oid[] = { 0x67, 0x81, 0x05, 0x05, 0x04, 0x01 }; /* 2.23.133.5.4.1 */
static const uint8_t tcb_info_oid[] = { 0x67, 0x81, 0x05, 0x05, 0x04, 0x01, 0x01 }; /* ... .1.1 */
static const uint8_t multi_oid[] = { 0x67, 0x81, 0x05, 0x05, 0x04, 0x05 };          /* ... .5 */
static const struct x509_foreign multi_extension = { multi_oid, sizeof multi_oid, NULL };
static const struct x509_foreign tcb_info_extension = { tcb_info_oid, sizeof tcb_info_oid,
                                                        &multi_extension };
static const struct x509_foreign composite_extension = { composite_oid, sizeof composite_oid,
                                                         &tcb_info_extension };

/* ---- Reading -------------------------------------------------------------------------------- */

/* Exactly one block. */
static int read_one_pem(uint8_t *der, size_t *der_len, char *scratch, const char *pem, size_t n)
{
    struct pem in = { pem, pem + n };
    size_t more;

    if (pem_next(&in, der, der_len, scratch) != 1 ||
        pem_next(&in, der + *der_len, &more, scratch) != 0)
        return VENICE_E_CONFIG;
    return 0;
}

int device_root_read(struct x509_cert *root, uint8_t **der, const char *pem)
{
    size_t n = pem ? strlen(pem) : NVIDIA_DEVICE_ROOT_SIZE, len = n;
    char *scratch = NULL;
    int r = VENICE_E_MEMORY;

    memset(root, 0, sizeof *root);
    *der = wiping_malloc(n + 8);
    if (!*der)
        return r;
    if (pem) {
        scratch = wiping_malloc(n + 1);
        r = scratch ? read_one_pem(*der, &len, scratch, pem, n) : VENICE_E_MEMORY;
    } else {
        memcpy(*der, nvidia_device_root_der, n);
        r = 0;
    }
    if (r == 0)
        r = x509_read(root, *der, len, X509_P384_SHA384, NULL);
    if (r == VENICE_E_MALFORMED)
        r = VENICE_E_CONFIG;
    wiping_free(scratch);
    if (r != 0) {
        wiping_free(*der);
        *der = NULL;
    }
    return r;
}

int device_chain_read(struct x509_chain *out, const char *pem, size_t len,
                      const struct x509_cert *const *known, size_t known_count)
{
    return x509_read_pem(out, pem, len, X509_P384_SHA384, &composite_extension, known, known_count);
}

/* ---- The chain ------------------------------------------------------------------------------ */

/* The certificates that must be judged: without the root where that is the last. */
static size_t without_root(const struct x509_chain *chain, const struct x509_cert *root)
{
    const struct x509_cert *last = &chain->certs[chain->count - 1];

    if (last->der_len == root->der_len && memcmp(last->der, root->der, root->der_len) == 0)
        return chain->count - 1;
    return chain->count;
}

/* Whether a certificate may issue, with this many issuers below it. */
static bool may_issue(const struct x509_cert *c, size_t issuers_below)
{
    return c->is_ca && c->usage & X509_KEY_CERT_SIGN && !c->unknown_critical &&
           (c->path_length == X509_NO_PATH_LENGTH || c->path_length >= (int64_t)issuers_below);
}

static bool roles_fit(const struct x509_chain *chain, size_t count, const struct x509_cert *root)
{
    const struct x509_cert *leaf = &chain->certs[0];

    if (leaf->is_ca || !(leaf->usage & X509_DIGITAL_SIGNATURE) ||
        leaf->usage & X509_KEY_CERT_SIGN || leaf->unknown_critical)
        return false;
    for (size_t i = 1; i < count; i++)
        if (!may_issue(&chain->certs[i], i - 1))
            return false;
    return may_issue(root, count - 1);
}

static const char *time_fault(const char **words, const struct x509_cert *c, int64_t now)
{
    if (now < c->not_before) {
        *words = "a certificate is not valid yet";
        return "gpu_chain_not_yet_valid";
    }
    if (now > c->not_after) {
        *words = "a certificate is not valid any more";
        return "gpu_chain_expired";
    }
    return NULL;
}

const char *device_chain_fault(const char **words, struct x509_chain *chain,
                               const struct x509_cert *root, int64_t now)
{
    const char *fault = NULL;
    size_t count;

    *words = "it is not a chain of two to eight certificates";
    if (chain->count < CHAIN_MIN || chain->count > X509_CHAIN_MAX)
        return "gpu_chain_malformed";
    count = without_root(chain, root);
    *words = "it does not lead to NVIDIA's root";
    if (!x509_is_issued_by(&chain->certs[count - 1], root) ||
        !x509_is_signed_by(&chain->certs[count - 1], root))
        return "gpu_root_untrusted";
    *words = "a certificate is not signed by the next";
    for (size_t i = 0; i + 1 < count; i++)
        if (!x509_is_issued_by(&chain->certs[i], &chain->certs[i + 1]) ||
            !x509_is_signed_by(&chain->certs[i], &chain->certs[i + 1]))
            return "gpu_chain_signature";
    *words = "a certificate is not for what it is used";
    if (!roles_fit(chain, count, root))
        return "gpu_chain_role";
    for (size_t i = 0; i < count && !fault; i++)
        fault = time_fault(words, &chain->certs[i], now);
    return fault ? fault : time_fault(words, root, now);
}

/* ---- The leaf ------------------------------------------------------------------------------- */

/* Where both extensions are there, both must name the id: neither may be passed over. */
enum device_firmware device_leaf_firmware(const struct x509_cert *leaf, const uint8_t *fwid)
{
    static const struct x509_foreign *const naming[] = { &tcb_info_extension,
                                                         &composite_extension };
    const uint8_t *value, *id;
    size_t len, id_len;
    bool named = false;

    if (!fwid)
        return DEVICE_FIRMWARE_UNKNOWN;
    for (size_t i = 0; i < sizeof naming / sizeof *naming; i++) {
        int found = x509_extension(leaf, naming[i], &value, &len);

        if (found == 0)
            continue;
        if (found > 1 || !dice_firmware_id(&id, &id_len, value, len) || id_len != SPDM_FWID_SIZE ||
            memcmp(id, fwid, id_len) != 0)
            return DEVICE_FIRMWARE_OTHER;
        named = true;
    }
    if (named)
        return DEVICE_FIRMWARE_SAME;
    return x509_extension(leaf, &multi_extension, &value, &len) > 0 ? DEVICE_FIRMWARE_UNKNOWN
                                                                    : DEVICE_FIRMWARE_OTHER;
}

/* The common name begins with the chip's: GH100, GB100, GB202. */
const char *device_leaf_arch(const struct x509_cert *leaf)
{
    char name[COMMON_NAME_MAX];

    x509_common_name(name, sizeof name, leaf);
    if (name[0] != 'G' || name[2] < '0' || name[2] > '9')
        return NULL;
    return name[1] == 'H' ? device_arch_hopper : name[1] == 'B' ? device_arch_blackwell : NULL;
}

bool device_leaf_same(const struct x509_cert *a, const struct x509_cert *b)
{
    return EVP_PKEY_eq(a->key, b->key) == 1;
}

int device_leaf_serial(char out[DEVICE_SERIAL_MAX], const struct x509_cert *leaf)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf->x), NULL);
    char *text = number ? BN_bn2dec(number) : NULL;
    bool fits = text && strlen(text) < DEVICE_SERIAL_MAX;

    (void)snprintf(out, DEVICE_SERIAL_MAX, "%s", fits ? text : "");
    OPENSSL_free(text);
    BN_free(number);
    return text ? 0 : VENICE_E_MEMORY;
}
