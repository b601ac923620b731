/* The signature of the key that the quote binds, over what Venice calls the text of an answer. */
#include "attest/aci/receipt.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "attest/aci/receipt_document.h"
#include "attest/binding.h"
#include "attest/claim.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/crypto_sign.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

enum {
    HASH_CHARS = 64,
    PAIR_CHARS = 2 * HASH_CHARS + 1,
    ADDRESS_SIZE = 20,
    SIGNATURE_SIZE = 65,
    TEXT_MAX = 1024,
    SHOWN_MAX = 80
};

struct statement {
    struct report *r;
    const struct receipt_input *in;
    cJSON *root;
    uint8_t address[ADDRESS_SIZE]; /* that the quote binds */
    const char *text;
    char request_hash[HASH_CHARS + 1], response_hash[HASH_CHARS + 1]; /* "": the text has none */
    bool signature_holds;
};

static bool check(struct statement *s, enum check_id id, bool ok, const char *reason,
                  const char *good, const char *bad)
{
    return report_check(s->r, id, ok, reason, "%s", ok ? good : bad);
}

/* ---- What it is about ----------------------------------------------------------------------- */

/* Compares a member that repeats what is known; absent where the body says nothing. */
static enum claim names(const struct statement *s, const char *member, const char *wanted)
{
    return claim_text(s->root, member, wanted, strlen(wanted));
}

static void check_subject(struct statement *s)
{
    const char *algo = claim_string(s->root, "signing_algo");
    enum claim id = names(s, "request_id", s->in->request_id);
    enum claim requested = names(s, "requested_request_id", s->in->request_id);

    report_claim(s->r, CHECK_ANSWER_SIGNING_ALGO,
                 !algo                       ? CLAIM_ABSENT
                 : binding_is_our_algo(algo) ? CLAIM_SAME
                                             : CLAIM_OTHER,
                 "signing_algo", "the signature is said to be of the kind of the attested key",
                 "the signature is said to be of another kind than the attested key",
                 "it does not say of which kind the signature is");
    if (s->in->model)
        report_claim(s->r, CHECK_ANSWER_MODEL, names(s, "model", s->in->model), "model_mismatch",
                     "it names the model that was asked", "it names another model",
                     "it names no model");
    report_claim(s->r, CHECK_ANSWER_REQUEST, claim_both(id, requested), "request_id_mismatch",
                 "it names the id of this answer", "it names another id than this answer's",
                 "it does not say which answer it is about");
}

/* ---- The text ------------------------------------------------------------------------------- */

static bool is_hash(const char *text)
{
    uint8_t bytes[HASH_CHARS / 2];

    return hex_decode(bytes, text, HASH_CHARS) == 0;
}

/* hash:hash, with the upstream's name for the model in front at NEAR. */
static bool read_text(struct statement *s)
{
    const char *text = json_string(s->root, "text"), *pair;
    size_t n = text ? strlen(text) : 0;

    if (n < PAIR_CHARS || n > TEXT_MAX || n == PAIR_CHARS + 1)
        return false;
    pair = text + n - PAIR_CHARS;
    if ((n > PAIR_CHARS && pair[-1] != ':') || pair[HASH_CHARS] != ':' || !is_hash(pair) ||
        !is_hash(pair + HASH_CHARS + 1))
        return false;
    memcpy(s->request_hash, pair, HASH_CHARS);
    memcpy(s->response_hash, pair + HASH_CHARS + 1, HASH_CHARS);
    if (n > PAIR_CHARS) {
        char model[TEXT_MAX];

        (void)snprintf(model, sizeof model, "%.*s", (int)(n - PAIR_CHARS - 1), text);
        report_set_string(s->r, "upstream_model", model);
    }
    return true;
}

/* A hash that is repeated, with or without the name of its kind in front. */
static enum claim repeats(const cJSON *object, const char *name, const char *hash)
{
    const char *text = claim_string(object, name);

    if (!text)
        return CLAIM_ABSENT;
    if (strncmp(text, "sha256:", 7) == 0)
        text += 7;
    return strcasecmp(claim_digits(text), hash) == 0 ? CLAIM_SAME : CLAIM_OTHER;
}

static void check_text(struct statement *s)
{
    const cJSON *payload = json_at(s->root, "payload", NULL);
    enum claim request, response;

    s->text = json_string(s->root, "text");
    if (!check(s, CHECK_ANSWER_TEXT, read_text(s), "signature_text",
               "what is signed is the hash of a request and that of a response",
               "what is signed is not a pair of hashes"))
        return;
    report_set_string(s->r, "request_hash", s->request_hash);
    report_set_string(s->r, "response_hash", s->response_hash);
    request = repeats(payload, "request_hash", s->request_hash);
    response = repeats(payload, "response_hash", s->response_hash);
    report_claim(s->r, CHECK_ANSWER_PAYLOAD, claim_both(request, response), "signature_payload",
                 "the hashes beside the text are the same", "the hashes beside the text are others",
                 "the hashes are not repeated beside the text");
}

/* ---- The signature -------------------------------------------------------------------------- */

/* keccak256("\x19Ethereum Signed Message:\n" length text), EIP-191. */
static int hash_text(uint8_t hash[32], const char *text)
{
    size_t n = strlen(text), cap = n + 64;
    char *message = wiping_malloc(cap);
    int head;

    if (!message)
        return VENICE_E_MEMORY;
    head = snprintf(message, cap,
                    "\x19"
                    "Ethereum Signed Message:\n%zu",
                    n);
    memcpy(message + head, text, n);
    keccak256(hash, (const uint8_t *)message, (size_t)head + n);
    wiping_free(message);
    return 0;
}

static bool read_signature(struct statement *s, uint8_t signature[SIGNATURE_SIZE])
{
    uint8_t v;

    if (!check(s, CHECK_ANSWER_SIGNATURE_READ,
               claim_read_hex(signature, SIGNATURE_SIZE, json_string(s->root, "signature")),
               "signature_malformed", "the signature is 65 bytes",
               "the signature is not 65 bytes in hex"))
        return false;
    v = signature[SIGNATURE_SIZE - 1];
    /* Other values that libsecp256k1 knows stand for points that no honest signature has. */
    return check(s, CHECK_ANSWER_SIGNATURE_FORM, v == 0 || v == 1 || v == 27 || v == 28,
                 "signature_v", "its last byte is 0, 1, 27 or 28",
                 "its last byte is not 0, 1, 27 or 28");
}

static int check_signature(struct statement *s)
{
    uint8_t signature[SIGNATURE_SIZE], hash[32], public65[65], signer[ADDRESS_SIZE];
    char shown[VENICE_ADDRESS_CHARS + 1] = "0x";
    int r;

    if (!read_signature(s, signature))
        return 0;
    r = hash_text(hash, s->text);
    if (r == 0)
        r = curve_recover(public65, hash, signature);
    if (r != 0 && r != VENICE_E_INTEGRITY)
        return r;
    if (r == 0) {
        eth_address(signer, public65);
        hex_encode(shown + 2, signer, sizeof signer);
        shown[VENICE_ADDRESS_CHARS] = 0;
        report_set_string(s->r, "signer", shown);
    }
    s->signature_holds =
        check(s, CHECK_ANSWER_SIGNER, r == 0 && memcmp(signer, s->address, sizeof signer) == 0,
              "signature_signer", "the key that the quote binds signed the two hashes",
              "another key than the one that the quote binds signed this");
    return 0;
}

/* The signer was recovered from the signature: this member can only contradict it. */
static void check_address(struct statement *s)
{
    report_claim(s->r, CHECK_ANSWER_ADDRESS,
                 claim_hex(s->root, "signing_address", s->address, sizeof s->address),
                 "address_mismatch", "it names the attested key",
                 "its signing_address is not that of the attested key",
                 "it names no signing_address");
}

/* ---- The receipt beside it ------------------------------------------------------------------ */

static int check_receipt(struct statement *s)
{
    const cJSON *receipt = json_at(s->root, "receipt", NULL);
    const struct receipt_document d = {
        .in = s->in,
        .root = s->root,
        .receipt = receipt,
        .request_hash = s->request_hash[0] ? s->request_hash : NULL,
        .response_hash = s->response_hash[0] ? s->response_hash : NULL,
    };

    if (claim_is_empty(receipt)) {
        report_not_stated(s->r, CHECK_RECEIPT_READ, "no receipt of a gateway was served");
        return 0;
    }
    return receipt_document_check(s->r, &d);
}

/* ---- The whole ------------------------------------------------------------------------------ */

static int judge(struct statement *s)
{
    const struct json_limits limits = { .bytes = RECEIPT_BODY_MAX };
    int r = json_parse(&s->root, s->in->response, s->in->response_len, &limits);

    if (r == VENICE_E_MEMORY)
        return r;
    if (!report_check(s->r, CHECK_ANSWER_IS_JSON, r == 0 && cJSON_IsObject(s->root), "not_json",
                      "the answer %s",
                      cJSON_IsObject(s->root)
                          ? "is a JSON object"
                          : evidence_fault(s->in->response, s->in->response_len, r)))
        return 0;
    check_subject(s);
    check_text(s);
    if (s->request_hash[0])
        r = check_signature(s);
    if (r != 0)
        return r;
    check_address(s);
    return check_receipt(s);
}

/* The report without what belongs to attestations. */
static int print(char **out, size_t *len, const struct statement *s)
{
    static const char *const others[] = { "accepted", "level", "simulated" };
    cJSON *tree = NULL;
    int r;

    report_set_string(s->r, "signature", s->signature_holds ? "valid" : "invalid");
    report_set_string(s->r, "content_binding", "not_checkable");
    report_not_proven(s->r,
                      "That the answer which was read is the one whose hash was signed: Venice "
                      "writes requests and answers anew, so the hashes cannot be computed here.");
    r = report_tree(s->r, &tree);
    for (size_t i = 0; r == 0 && i < sizeof others / sizeof *others; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(tree, others[i]);
    if (r == 0)
        r = json_print(out, len, tree);
    cJSON_Delete(tree);
    return r;
}

int receipt_verify(char **out, size_t *len, const struct receipt_input *in)
{
    struct statement s = { .in = in };
    int r;

    *out = NULL;
    *len = 0;
    if (!claim_read_hex(s.address, sizeof s.address, in->signing_address))
        return VENICE_E_ARG;
    r = report_new(&s.r);
    if (r == 0)
        r = judge(&s);
    if (r == 0)
        r = print(out, len, &s);
    report_free(s.r);
    cJSON_Delete(s.root);
    return r;
}

void receipt_keep_keyset(struct report *r, const struct evidence *e)
{
    const char *text = e->body;
    size_t len = e->body_len;
    cJSON *keyset;
    char *copy;

    if (!cJSON_IsObject(json_at(e->root, "attestation", "workload_keyset", NULL)) ||
        json_raw_member(&text, &len, text, len, "attestation") != 0 ||
        json_raw_member(&text, &len, text, len, "workload_keyset") != 0)
        return;
    copy = wiping_malloc(len + 1);
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = 0;
    }
    keyset = copy ? cJSON_CreateString(copy) : NULL;
    wiping_free(copy);
    report_set(r, "aci.keyset", keyset);
}
