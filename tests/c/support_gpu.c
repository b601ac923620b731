/* NVIDIA's side, of our own making. */
#include "support_gpu.h"
#include "support_base64.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/gpu/jwt.h"
#include "base/codec.h"

const uint8_t gpu_nonce[32] = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa,
                                0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5,
                                0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf };
const char gpu_nonce_hex[65] = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";
const uint8_t gpu_firmware[48] = { 0x11, 0x22, 0x33, [47] = 0x44 };

struct device {
    EVP_PKEY *key;
    char *pem, serial[64];
};

static struct {
    bool made;
    EVP_PKEY *root_key, *middle_keys[GPU_CHAIN_LEN], *service_key, *service_ca_key, *stranger_key;
    X509 *root, *service_ca, *stranger_ca;
    char *root_pem;
    struct device devices[GPU_TEST_DEVICES];
    long serial;
} world;

/* ---- Certificates --------------------------------------------------------------------------- */

EVP_PKEY *gpu_new_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-384");

    assert_non_null(key);
    return key;
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void add_raw(X509 *x, const char *oid, bool critical, const uint8_t *bytes, size_t n)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;

    ASN1_OCTET_STRING_set(value, bytes, (int)n);
    extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
}

/* The value of a DER element around contents that are shorter than 256 bytes. */
static size_t wrap(uint8_t *out, uint8_t tag, const uint8_t *contents, size_t n)
{
    size_t at = 0;

    out[at++] = tag;
    if (n >= 0x80)
        out[at++] = 0x81;
    out[at++] = (uint8_t)n;
    memmove(out + at, contents, n);
    return at + n;
}

static size_t put_fwid(uint8_t *out, const uint8_t *firmware)
{
    static const uint8_t sha384_oid[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                          0x65, 0x03, 0x04, 0x02, 0x02 };
    uint8_t inside[64];

    memcpy(inside, sha384_oid, sizeof sha384_oid);
    return wrap(out, 0x30, inside,
                sizeof sha384_oid + wrap(inside + sizeof sha384_oid, 0x04, firmware, 48));
}

uint8_t *gpu_make_tcb_info(size_t *len, const uint8_t firmware[48])
{
    static const uint8_t before[] = { 0x80, 6, 'N',  'V',  'I', 'D',  'I', 'A',
                                      0x81, 1, 'T',  0x82, 2,   '0',  '1', 0x83,
                                      1,    1, 0x84, 1,    0,   0x85, 1,   0 };
    static const uint8_t after[] = { 0x87, 5,    0, 0x80, 0,    0, 1, 0x88, 1,
                                     0xc0, 0x89, 1, 0,    0x8a, 2, 0, 1 };
    static const uint8_t none[48];
    uint8_t list[160], inside[240], *out = calloc(1, 256);
    size_t n = put_fwid(list, firmware), at = sizeof before;

    n += put_fwid(list + n, none);
    memcpy(inside, before, sizeof before);
    at += wrap(inside + at, 0xa6, list, n);
    memcpy(inside + at, after, sizeof after);
    *len = wrap(out, 0x30, inside, at + sizeof after);
    return out;
}

/* Version, the key of the layer below, firmware id. */
static size_t put_composite(uint8_t *out, const uint8_t *firmware)
{
    uint8_t inside[240] = { 0x02, 1, 1 }, *p = inside + 3;

    assert_true(i2d_PUBKEY(world.root_key, &p) > 0);
    p += put_fwid(p, firmware);
    return wrap(out, 0x30, inside, (size_t)(p - inside));
}

static void add_firmware(X509 *x, const struct gpu_cert_form *form)
{
    const uint8_t *firmware = form->firmware ? form->firmware : gpu_firmware;
    enum gpu_dice dice = form->dice;
    uint8_t composite[256], list[256], *tcb_info;
    size_t n;

    if (dice == GPU_DICE_HOPPER || dice == GPU_DICE_BOTH)
        add_raw(x, "2.23.133.5.4.1", form->dice_critical, composite,
                put_composite(composite, dice == GPU_DICE_BOTH ? gpu_firmware : firmware));
    tcb_info = gpu_make_tcb_info(&n, firmware);
    if (dice == GPU_DICE_BLACKWELL || dice == GPU_DICE_BOTH)
        add_raw(x, "2.23.133.5.4.1.1", form->dice_critical, tcb_info, n);
    if (dice == GPU_DICE_MULTI)
        add_raw(x, "2.23.133.5.4.5", form->dice_critical, list, wrap(list, 0x30, tcb_info, n));
    if (dice == GPU_DICE_GIVEN)
        add_raw(x, "2.23.133.5.4.1.1", form->dice_critical, form->tcb_info, form->tcb_info_len);
    free(tcb_info);
}

static void set_name(X509_NAME *name, const char *common)
{
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)common, -1, -1, 0);
}

static const struct gpu_cert_form good;

/* issuer NULL: signed by itself. */
static X509 *make_cert(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                       bool leaf, const struct gpu_cert_form *form)
{
    X509 *x = X509_new();
    bool ca = leaf ? form->ca : !form->no_ca;
    char constraints[64];

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(x), 0x5e000000000000 + ++world.serial);
    set_name(X509_get_subject_name(x), name);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    ASN1_TIME_set(X509_getm_notBefore(x),
                  GPU_TEST_NOW + (form->begin ? form->begin : -100) * 86400);
    ASN1_TIME_set(X509_getm_notAfter(x), GPU_TEST_NOW + (form->end ? form->end : 100) * 86400);
    X509_set_pubkey(x, key);
    if (!leaf || ca) {
        snprintf(constraints, sizeof constraints, "critical,CA:%s", ca ? "TRUE" : "FALSE");
        if (form->path_length)
            snprintf(constraints + strlen(constraints), 32, ",pathlen:%d", form->path_length - 1);
        add_extension(x, issuer ? issuer : x, NID_basic_constraints, constraints);
    }
    add_extension(x, issuer ? issuer : x, NID_key_usage,
                  form->no_sign ? "critical,keyEncipherment"
                  : leaf        ? "critical,digitalSignature"
                                : "critical,keyCertSign,cRLSign");
    if (leaf)
        add_firmware(x, form);
    if (form->critical)
        add_raw(x, "1.2.3.4", true, (const uint8_t *)"\x05\x00", 2);
    assert_true(X509_sign(x, issuer_key,
                          EVP_PKEY_id(issuer_key) == EVP_PKEY_RSA ? EVP_sha256() : EVP_sha384()) >
                0);
    return x;
}

static void write_pem(BIO *to, X509 *x)
{
    assert_int_equal(PEM_write_bio_X509(to, x), 1);
}

static char *take_text(BIO *from)
{
    char *data;
    long n = BIO_get_mem_data(from, &data);
    char *text = calloc(1, (size_t)n + 1);

    memcpy(text, data, (size_t)n);
    BIO_free(from);
    return text;
}

char *gpu_make_chain(EVP_PKEY **leaf_key, const struct gpu_cert_form forms[GPU_CHAIN_LEN],
                     const char *name, bool with_root)
{
    static const char *const names[] = { "GH100 A01 GSP FMC LF", "GH100 A01 GSP BROM",
                                         "GH100 Provisioner ICA 1", "GH100 Identity" };
    X509 *chain[GPU_CHAIN_LEN], *issuer = world.root;
    EVP_PKEY *issuer_key = world.root_key;
    BIO *out = BIO_new(BIO_s_mem());

    if (!*leaf_key)
        *leaf_key = gpu_new_key();
    for (int i = GPU_CHAIN_LEN - 1; i >= 0; i--) {
        EVP_PKEY *key = i == 0 ? *leaf_key : world.middle_keys[i];

        chain[i] = make_cert(i == 0 && name ? name : names[i], key, issuer, issuer_key, i == 0,
                             forms ? &forms[i] : &good);
        issuer = chain[i];
        issuer_key = key;
    }
    for (int i = 0; i < GPU_CHAIN_LEN; i++)
        write_pem(out, chain[i]);
    if (with_root)
        write_pem(out, world.root);
    for (int i = 0; i < GPU_CHAIN_LEN; i++)
        X509_free(chain[i]);
    return take_text(out);
}

/* ---- The world ------------------------------------------------------------------------------ */

static void make_device(struct device *d)
{
    BIO *in;
    X509 *leaf;
    BIGNUM *number;
    char *text;

    d->pem = gpu_make_chain(&d->key, NULL, NULL, true);
    in = BIO_new_mem_buf(d->pem, -1);
    leaf = PEM_read_bio_X509(in, NULL, NULL, NULL);
    number = ASN1_INTEGER_to_BN(X509_get_serialNumber(leaf), NULL);
    text = BN_bn2dec(number);
    snprintf(d->serial, sizeof d->serial, "%s", text);
    OPENSSL_free(text);
    BN_free(number);
    X509_free(leaf);
    BIO_free(in);
}

void gpu_world_make(void)
{
    BIO *out;

    if (world.made)
        return;
    world.made = true;
    world.root_key = gpu_new_key();
    world.root =
        make_cert("NVIDIA Device Identity CA", world.root_key, NULL, world.root_key, false, &good);
    out = BIO_new(BIO_s_mem());
    write_pem(out, world.root);
    world.root_pem = take_text(out);
    for (int i = 1; i < GPU_CHAIN_LEN; i++)
        world.middle_keys[i] = gpu_new_key();
    for (int i = 0; i < GPU_TEST_DEVICES; i++)
        make_device(&world.devices[i]);
    world.service_key = gpu_new_key();
    world.service_ca_key = EVP_RSA_gen(2048);
    world.stranger_key = EVP_RSA_gen(2048);
    world.service_ca = make_cert("NVIDIA Attestation Service GPU Intermediate",
                                 world.service_ca_key, world.root, world.root_key, false, &good);
    world.stranger_ca = make_cert("NVIDIA Attestation Service GPU Intermediate", world.stranger_key,
                                  NULL, world.stranger_key, false, &good);
}

void gpu_world_free(void)
{
    EVP_PKEY *keys[] = { world.root_key, world.service_key, world.service_ca_key,
                         world.stranger_key };
    X509 *certs[] = { world.root, world.service_ca, world.stranger_ca };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        EVP_PKEY_free(keys[i]);
    for (size_t i = 0; i < sizeof certs / sizeof *certs; i++)
        X509_free(certs[i]);
    for (int i = 1; i < GPU_CHAIN_LEN; i++)
        EVP_PKEY_free(world.middle_keys[i]);
    for (int i = 0; i < GPU_TEST_DEVICES; i++) {
        EVP_PKEY_free(world.devices[i].key);
        free(world.devices[i].pem);
    }
    free(world.root_pem);
    memset(&world, 0, sizeof world);
}

const char *gpu_root_pem(void)
{
    return world.root_pem;
}

const char *gpu_serial(int device)
{
    return world.devices[device].serial;
}

/* ---- Evidence ------------------------------------------------------------------------------- */

static void sign_raw(uint8_t out[96], EVP_PKEY *key, const void *message, size_t n)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t der[128];
    const uint8_t *p = der;
    size_t len = sizeof der;
    ECDSA_SIG *sig;

    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha384(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, der, &len, message, n), 1);
    sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 48);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 48, 48);
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(context);
}

static uint8_t *put_field(uint8_t *p, unsigned type, const void *value, size_t n)
{
    p[0] = (uint8_t)type;
    p[1] = (uint8_t)(type >> 8);
    p[2] = (uint8_t)n;
    p[3] = (uint8_t)(n >> 8);
    memcpy(p + 4, value, n);
    return p + 4 + n;
}

static uint8_t *put_fields(uint8_t *p, const struct gpu_answer_form *form)
{
    static const uint8_t vbios[] = { 0x00, 0xcf, 0x00, 0x96, 0x02, 0, 0, 0 };
    const char *driver = form->driver ? form->driver : "570.172.08";

    if (!form->no_vbios)
        p = put_field(p, 6, vbios, sizeof vbios);
    if (driver[0])
        p = put_field(p, 3, driver, strlen(driver) + 1);
    if (!form->no_firmware)
        p = put_field(p, 20, form->firmware ? form->firmware : gpu_firmware, 48);
    if (form->extra_field)
        p = put_field(p, 20, gpu_firmware, 48);
    return put_field(p, 22, "", 0);
}

uint8_t *gpu_make_answer(size_t *len, const struct gpu_answer_form *form, EVP_PKEY *key)
{
    static const uint8_t request[] = { 0x11, 0xe0, 0x01, 0xff };
    static const uint8_t block[] = { 0, 1, 51, 0, 1, 48, 0 };
    const int blocks = 3;
    uint8_t *out = calloc(1, 2048), *p = out, *opaque;

    memcpy(p, request, sizeof request);
    memcpy(p + 4, form->nonce ? form->nonce : gpu_nonce, 32);
    p += 37;
    p[0] = 0x11;
    p[1] = 0x60;
    p[4] = (uint8_t)(blocks + form->blocks);
    p[5] = (uint8_t)(blocks * 55);
    p += 8;
    for (int i = 0; i < blocks; i++, p += 55) {
        memcpy(p, block, sizeof block);
        p[0] = (uint8_t)(i + 1);
        memset(p + 7, i + 0x40, 48);
    }
    memset(p, 0x77, 32);
    p += 34;
    opaque = p;
    p = put_fields(p, form);
    opaque[-2] = (uint8_t)(p - opaque);
    opaque[-1] = (uint8_t)((p - opaque) >> 8);
    sign_raw(p, form->key ? form->key : key, out, (size_t)(p - out));
    *len = (size_t)(p - out) + 96 + form->padding;
    out = realloc(out, *len);
    memset(out + *len - form->padding, 0, form->padding);
    if (form->padding > 0)
        out[*len - 1] = form->padding_byte;
    return out;
}

static void add_base64(cJSON *o, const char *name, const void *bytes, size_t n)
{
    char *text = calloc(1, 4 * ((n + 2) / 3) + 1);

    base64_encode(text, bytes, n);
    cJSON_AddStringToObject(o, name, text);
    free(text);
}

cJSON *gpu_entry_of(const char *pem, const uint8_t *answer, size_t len)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "arch", "HOPPER");
    add_base64(o, "certificate", pem, strlen(pem));
    add_base64(o, "evidence", answer, len);
    return o;
}

cJSON *gpu_entry(int device, const struct gpu_answer_form *form)
{
    static const struct gpu_answer_form usual;
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, form ? form : &usual, world.devices[device].key);
    cJSON *o = gpu_entry_of(world.devices[device].pem, answer, len);

    free(answer);
    return o;
}

cJSON *gpu_payload(int count)
{
    cJSON *o = cJSON_CreateObject(), *list;

    cJSON_AddStringToObject(o, "arch", "HOPPER");
    cJSON_AddStringToObject(o, "nonce", gpu_nonce_hex);
    list = cJSON_AddArrayToObject(o, "evidence_list");
    for (int i = 0; i < count; i++)
        cJSON_AddItemToArray(list, gpu_entry(i, NULL));
    return o;
}

/* ---- Tokens --------------------------------------------------------------------------------- */

static char *base64url(const void *bytes, size_t n)
{
    char *text = calloc(1, 4 * ((n + 2) / 3) + 1);

    base64_encode(text, bytes, n);
    for (char *p = text; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? 0 : *p;
    return text;
}

static char *base64url_json(const cJSON *tree)
{
    char *json = cJSON_PrintUnformatted(tree), *text = base64url(json, strlen(json));

    cJSON_free(json);
    return text;
}

EVP_PKEY *nras_signing_key(void)
{
    return world.service_key;
}

char *nras_make_token(const cJSON *header, const cJSON *claims, EVP_PKEY *key)
{
    cJSON *usual = cJSON_Parse("{\"kid\":\"test-key\",\"alg\":\"ES384\"}");
    char *head = base64url_json(header ? header : usual), *body = base64url_json(claims), *tail;
    char *token = calloc(1, strlen(head) + strlen(body) + 160);
    uint8_t signature[96];

    sprintf(token, "%s.%s", head, body);
    sign_raw(signature, key ? key : world.service_key, token, strlen(token));
    tail = base64url(signature, sizeof signature);
    strcat(token, ".");
    strcat(token, tail);
    free(head);
    free(body);
    free(tail);
    cJSON_Delete(usual);
    return token;
}

static cJSON *common_claims(void)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "iss", "https://nras.attestation.nvidia.com");
    cJSON_AddNumberToObject(o, "nbf", GPU_TEST_NOW - 10);
    cJSON_AddNumberToObject(o, "iat", GPU_TEST_NOW - 10);
    cJSON_AddNumberToObject(o, "exp", GPU_TEST_NOW + 3590);
    cJSON_AddStringToObject(o, "eat_nonce", gpu_nonce_hex);
    return o;
}

cJSON *nras_overall_claims(void)
{
    cJSON *o = common_claims();

    cJSON_AddStringToObject(o, "sub", "NVIDIA-PLATFORM-ATTESTATION");
    cJSON_AddTrueToObject(o, "x-nvidia-overall-att-result");
    return o;
}

cJSON *nras_gpu_claims(int device)
{
    static const char *const flags[] = {
        "arch-check",
        "attestation-report-parsed",
        "attestation-report-cert-chain-validated",
        "attestation-report-signature-verified",
        "attestation-report-nonce-match",
        "driver-rim-fetched",
        "driver-rim-schema-validated",
        "driver-rim-cert-validated",
        "driver-rim-signature-verified",
        "driver-rim-measurements-available",
        "vbios-rim-fetched",
        "vbios-rim-schema-validated",
        "vbios-rim-cert-validated",
        "vbios-rim-signature-verified",
        "vbios-rim-measurements-available",
        "vbios-index-no-conflict",
    };
    cJSON *o = common_claims();
    char name[80];

    cJSON_AddStringToObject(o, "measres", "success");
    cJSON_AddTrueToObject(o, "secboot");
    cJSON_AddStringToObject(o, "dbgstat", "disabled");
    cJSON_AddStringToObject(o, "hwmodel", "GH100");
    cJSON_AddStringToObject(o, "oemid", "5703");
    cJSON_AddStringToObject(o, "ueid", gpu_serial(device));
    cJSON_AddStringToObject(o, "x-nvidia-gpu-driver-version", "570.172.08");
    cJSON_AddStringToObject(o, "x-nvidia-gpu-vbios-version", "96.00.CF.00.02");
    cJSON_AddNullToObject(o, "x-nvidia-attestation-warning");
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        snprintf(name, sizeof name, "x-nvidia-gpu-%s", flags[i]);
        cJSON_AddTrueToObject(o, name);
    }
    return o;
}

static void add_digest(cJSON *submods, const char *name, const char *token)
{
    uint8_t hash[32];
    char hex[65] = "";
    cJSON *pair = cJSON_CreateArray(), *inner = cJSON_CreateArray();

    SHA256((const uint8_t *)token, strlen(token), hash);
    hex_encode(hex, hash, 32);
    cJSON_AddItemToArray(inner, cJSON_CreateString("SHA-256"));
    cJSON_AddItemToArray(inner, cJSON_CreateString(hex));
    cJSON_AddItemToArray(pair, cJSON_CreateString("DIGEST"));
    cJSON_AddItemToArray(pair, inner);
    cJSON_AddItemToObject(submods, name, pair);
}

char *nras_make_answer(int count, int which, const cJSON *changed)
{
    cJSON *answer = cJSON_CreateArray(), *pair = cJSON_CreateArray(),
          *tokens = cJSON_CreateObject();
    cJSON *overall, *submods = cJSON_CreateObject();
    char *text, name[16];

    for (int i = 0; i < count; i++) {
        cJSON *claims =
            changed && which == i + 1 ? cJSON_Duplicate(changed, 1) : nras_gpu_claims(i);

        snprintf(name, sizeof name, "GPU-%d", i);
        text = nras_make_token(NULL, claims, NULL);
        cJSON_AddStringToObject(tokens, name, text);
        add_digest(submods, name, text);
        free(text);
        cJSON_Delete(claims);
    }
    overall = changed && which == 0 ? cJSON_Duplicate(changed, 1) : nras_overall_claims();
    if (!cJSON_GetObjectItem(overall, "submods"))
        cJSON_AddItemToObject(overall, "submods", submods);
    else
        cJSON_Delete(submods);
    text = nras_make_token(NULL, overall, NULL);
    cJSON_Delete(overall);
    cJSON_AddItemToArray(pair, cJSON_CreateString("JWT"));
    cJSON_AddItemToArray(pair, cJSON_CreateString(text));
    free(text);
    cJSON_AddItemToArray(answer, pair);
    cJSON_AddItemToArray(answer, tokens);
    text = cJSON_PrintUnformatted(answer);
    cJSON_Delete(answer);
    return text;
}

char *nras_with_token(int place, char *(*change)(const char *token))
{
    char *text = nras_make_answer(2, -1, NULL), *token;
    cJSON *answer = cJSON_Parse(text), *list = place == 0 ? answer->child : answer->child->next;
    cJSON *item = place == 0 ? list->child->next : cJSON_GetArrayItem(list, place - 1);

    token = change(item->valuestring);
    if (place == 0)
        cJSON_ReplaceItemInArray(list, 1, cJSON_CreateString(token));
    else
        cJSON_ReplaceItemInObject(list, item->string, cJSON_CreateString(token));
    free(token);
    free(text);
    text = cJSON_PrintUnformatted(answer);
    cJSON_Delete(answer);
    return text;
}

char *nras_token_again(const char *token, const char *header, EVP_PKEY *key)
{
    struct jwt t;
    cJSON *head = header ? cJSON_Parse(header) : NULL;
    char *made;

    assert_int_equal(jwt_read(&t, token), 0);
    made = nras_make_token(head, t.claims, key);
    cJSON_Delete(head);
    jwt_clear(&t);
    return made;
}

/* ---- The key set ---------------------------------------------------------------------------- */

static char *der_text(X509 *x)
{
    uint8_t *der = NULL;
    int n = i2d_X509(x, &der);
    char *text = calloc(1, (size_t)(4 * ((n + 2) / 3) + 1));

    base64_encode(text, der, (size_t)n);
    OPENSSL_free(der);
    return text;
}

char *nras_make_leaf(EVP_PKEY *key, const struct gpu_cert_form *form, bool by_stranger)
{
    X509 *leaf = make_cert("NVIDIA Attestation Service GPU GH100", key, world.service_ca,
                           by_stranger ? world.stranger_key : world.service_ca_key, true,
                           form ? form : &good);
    char *text = der_text(leaf);

    X509_free(leaf);
    return text;
}

char *nras_intermediate(bool of_stranger)
{
    return der_text(of_stranger ? world.stranger_ca : world.service_ca);
}

static void add_coordinate(cJSON *o, const char *name, const uint8_t *bytes)
{
    char *text = base64url(bytes, 48);

    cJSON_AddStringToObject(o, name, text);
    free(text);
}

cJSON *nras_make_jwks(void)
{
    cJSON *o = cJSON_CreateObject(), *keys = cJSON_AddArrayToObject(o, "keys");
    cJSON *entry = cJSON_CreateObject(), *chain;
    uint8_t point[97];
    size_t n = 0;
    char *leaf = nras_make_leaf(world.service_key, NULL, false), *middle = nras_intermediate(false);

    assert_int_equal(
        EVP_PKEY_get_octet_string_param(world.service_key, "pub", point, sizeof point, &n), 1);
    cJSON_AddItemToArray(keys, entry);
    cJSON_AddStringToObject(entry, "kty", "EC");
    cJSON_AddStringToObject(entry, "crv", "P-384");
    cJSON_AddStringToObject(entry, "kid", "test-key");
    add_coordinate(entry, "x", point + 1);
    add_coordinate(entry, "y", point + 49);
    chain = cJSON_AddArrayToObject(entry, "x5c");
    cJSON_AddItemToArray(chain, cJSON_CreateString(leaf));
    cJSON_AddItemToArray(chain, cJSON_CreateString(middle));
    free(leaf);
    free(middle);
    return o;
}
