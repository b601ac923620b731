/* What one verification costs beside the bare cost of its parts: reading its PEM, CRLs and JSON,
 * and the eleven signatures, with OpenSSL and cJSON and nothing else. Both are measured in turns in
 * the same run. Needs the corpus (VENICE_CORPUS); exit code 77 without it. Prints `dcap_ratio X`.
 */
#include <cjson/cJSON.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/tdx/dcap.h"
#include "attest/tdx/intel_root.h"
#include "attest/tdx/quote.h"
#include "base/codec.h"
#include "base/json.h"

enum { ROUNDS = 600, WARM_UP = 50 };

static struct dcap_input input = { .now = 1751000000 };

static char *read_file(const char *name, size_t *len)
{
    char path[600];
    char *text = calloc(1, 1 << 20);
    FILE *file;

    snprintf(path, sizeof path, "%s/dcap-samples/%s", getenv("VENICE_CORPUS"), name);
    file = fopen(path, "rb");
    *len = file && text ? fread(text, 1, (1 << 20) - 1, file) : 0;
    if (file)
        fclose(file);
    return text;
}

/* --- the bare cost ------------------------------------------------------------------------ */

static X509 *next_certificate(BIO *bio)
{
    return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

static void read_chain(X509 *out[3], const char *pem, size_t len)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);

    for (int i = 0; i < 3; i++)
        out[i] = next_certificate(bio);
    BIO_free(bio);
}

static X509_CRL *read_crl(const char *hex)
{
    size_t n = strlen(hex) / 2;
    uint8_t *der = malloc(n);
    const unsigned char *p = der;
    X509_CRL *crl;

    hex_decode(der, hex, 2 * n);
    crl = d2i_X509_CRL(NULL, &p, (long)n);
    free(der);
    return crl;
}

static int verify_raw(EVP_PKEY *key, const uint8_t raw[64], const void *message, size_t len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ECDSA_SIG *signature = ECDSA_SIG_new();
    unsigned char *der = NULL;
    int n, good;

    ECDSA_SIG_set0(signature, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    n = i2d_ECDSA_SIG(signature, &der);
    good = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
           EVP_DigestVerify(context, der, (size_t)n, message, len) == 1;
    OPENSSL_free(der);
    ECDSA_SIG_free(signature);
    EVP_MD_CTX_free(context);
    return good;
}

static int verify_text(const cJSON *root, const char *text_name, const char *signature_name,
                       X509 *by)
{
    const char *text = json_string(root, text_name);
    uint8_t raw[64];
    cJSON *tree = cJSON_Parse(text);
    int good = tree && hex_decode(raw, json_string(root, signature_name), 128) == 0 &&
               verify_raw(X509_get0_pubkey(by), raw, text, strlen(text));

    cJSON_Delete(tree);
    return good;
}

static EVP_PKEY *read_point(const uint8_t xy[64])
{
    uint8_t point[65] = { 4 };
    char group[] = "P-256";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                            OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
                                                              sizeof point),
                            OSSL_PARAM_construct_end() };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    memcpy(point + 1, xy, 64);
    EVP_PKEY_fromdata_init(context);
    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* Returns how many of the eleven signatures are good. */
static int bare(void)
{
    struct tdx_quote q;
    const char *reason, *chain;
    X509 *pck[3], *tcb[3], *qe[3];
    cJSON *root = cJSON_ParseWithLength(input.collateral, input.collateral_len);
    X509_CRL *root_crl = read_crl(json_string(root, "root_ca_crl"));
    X509_CRL *pck_crl = read_crl(json_string(root, "pck_crl"));
    EVP_PKEY *key;
    int good = 0;

    tdx_quote_parse(&q, &reason, input.quote, input.quote_len);
    read_chain(pck, q.pem, q.pem_len);
    chain = json_string(root, "tcb_info_issuer_chain");
    read_chain(tcb, chain, strlen(chain));
    chain = json_string(root, "qe_identity_issuer_chain");
    read_chain(qe, chain, strlen(chain));
    key = read_point(q.attestation_key);
    good += X509_verify(pck[0], X509_get0_pubkey(pck[1])) == 1;
    good += X509_verify(pck[1], X509_get0_pubkey(pck[2])) == 1;
    good += X509_verify(pck[2], X509_get0_pubkey(pck[2])) == 1;
    good += X509_verify(tcb[0], X509_get0_pubkey(tcb[1])) == 1;
    good += X509_verify(qe[0], X509_get0_pubkey(qe[1])) == 1;
    good += X509_CRL_verify(root_crl, X509_get0_pubkey(pck[2])) == 1;
    good += X509_CRL_verify(pck_crl, X509_get0_pubkey(pck[1])) == 1;
    good += verify_text(root, "tcb_info", "tcb_info_signature", tcb[0]);
    good += verify_text(root, "qe_identity", "qe_identity_signature", qe[0]);
    good += verify_raw(X509_get0_pubkey(pck[0]), q.qe_report_signature, q.qe_report, 384);
    good += verify_raw(key, q.signature, q.bytes, q.signed_len);
    EVP_PKEY_free(key);
    for (int i = 0; i < 3; i++) {
        X509_free(pck[i]);
        X509_free(tcb[i]);
        X509_free(qe[i]);
    }
    X509_CRL_free(root_crl);
    X509_CRL_free(pck_crl);
    cJSON_Delete(root);
    return good;
}

/* --- measuring ---------------------------------------------------------------------------- */

static int whole(void)
{
    static struct dcap_result result;

    return dcap_verify(&result, NULL, &input) == 0 && !result.reason;
}

static double microseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

int main(void)
{
    static double ours[ROUNDS], theirs[ROUNDS], ratios[ROUNDS];

    if (!getenv("VENICE_CORPUS")) {
        printf("dcap: no corpus\n");
        return 77;
    }
    input.quote = (uint8_t *)read_file("tdx_quote", &input.quote_len);
    input.collateral = read_file("tdx_quote_collateral.json", &input.collateral_len);
    if (!whole() || bare() != 11) {
        printf("dcap: the sample does not verify\n");
        return 1;
    }
    for (int i = -WARM_UP; i < ROUNDS; i++) {
        double t0 = microseconds(), t1, t2;

        whole();
        t1 = microseconds();
        bare();
        t2 = microseconds();
        if (i < 0)
            continue;
        ours[i] = t1 - t0;
        theirs[i] = t2 - t1;
        ratios[i] = ours[i] / theirs[i];
    }
    printf("dcap_verify_us %.0f\n", median(ours, ROUNDS));
    printf("dcap_bare_us %.0f\n", median(theirs, ROUNDS));
    printf("dcap_ratio %.3f\n", median(ratios, ROUNDS));
    free((void *)input.quote);
    free((void *)input.collateral);
    return 0;
}
