/* Whether a response answers our question, and whether the quote in it binds the key that it names
 * (PROTOCOL section 1.2). The ids and codes are those of DESIGN section 5a, Report. */
#include "attest/binding.h"

#include <string.h>
#include <strings.h>

#include "attest/claim.h"
#include "attest/server_verdict.h"
#include "base/crypto.h"
#include "venice.h"

/* REPORTDATA: the key's Ethereum address, zeros, the nonce. */
enum { ADDRESS_SIZE = 20, RD_ZEROS = 20, RD_NONCE = 32, SHOWN_MAX = 80 };

/* ---- The nonce ------------------------------------------------------------------------------ */

/* REPORTDATA proves the nonce; these members can only contradict it. */
static void check_nonce(struct report *r, const struct evidence *e, const uint8_t nonce[NONCE_SIZE])
{
    bool ours = !e->nonce || claim_is_hex(e->nonce, nonce, NONCE_SIZE);
    bool request_ours = !e->request_nonce || claim_is_hex(e->request_nonce, nonce, NONCE_SIZE);

    if (!e->nonce && !e->request_nonce)
        report_not_stated(r, CHECK_NONCE_ECHOED, "the response names no nonce");
    else
        report_check(r, CHECK_NONCE_ECHOED, ours && request_ours, "nonce_mismatch",
                     !ours               ? "the response's nonce is not the one that was sent"
                     : !request_ours     ? "request_nonce is not the nonce that was sent"
                     : !e->request_nonce ? "the response's nonce is the one that was sent"
                     : !e->nonce         ? "request_nonce is the nonce that was sent"
                                         : "nonce and request_nonce are the nonce that was sent");
    if (!e->nonce_source)
        report_not_stated(r, CHECK_NONCE_FROM_CLIENT,
                          "the response does not say who chose the nonce");
    else
        report_check(r, CHECK_NONCE_FROM_CLIENT, strcasecmp(e->nonce_source, "client") == 0,
                     "nonce_source", "nonce_source is %.*s", SHOWN_MAX, e->nonce_source);
}

/* ---- The model and the key ------------------------------------------------------------------ */

/* Nothing in the quote binds the model: a response that names none is refused. */
static void check_model(struct report *r, const struct evidence *e, const char *model)
{
    if (!e->model)
        report_check(r, CHECK_MODEL_NAMED, false, "model_mismatch",
                     "asked for %.*s, the response names no model", SHOWN_MAX, model);
    else if (strcmp(e->model, model) == 0)
        report_check(r, CHECK_MODEL_MATCHES, true, NULL, "the response is about %.*s", SHOWN_MAX,
                     model);
    else
        report_check(r, CHECK_MODEL_MATCHES, false, "model_mismatch",
                     "asked for %.*s, the response is about %.*s", SHOWN_MAX, model, SHOWN_MAX,
                     e->model);
}

bool binding_is_our_algo(const char *text)
{
    static const char *const names[] = { "ecdsa", "secp256k1", "ecdsa-secp256k1" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(text, names[i]) == 0)
            return true;
    }
    return false;
}

/* Returns whether the key can be used in the checks that follow. */
static bool check_key(struct report *r, const struct evidence *e)
{
    const char *text = e->signing_public_key ? e->signing_public_key : e->signing_key;

    if (!e->signing_algo)
        report_not_stated(r, CHECK_SIGNING_ALGO_ECDSA,
                          "the response does not say of which kind its key is");
    else
        report_check(r, CHECK_SIGNING_ALGO_ECDSA, binding_is_our_algo(e->signing_algo),
                     "signing_algo", "signing_algo is %.*s", SHOWN_MAX, e->signing_algo);
    if (!report_check(r, CHECK_SIGNING_KEY_PRESENT, e->key_member != NULL, "signing_key_missing",
                      e->key_member ? "the response names a signing key"
                                    : "the response has neither signing_public_key nor "
                                      "signing_key: nothing can be encrypted"))
        return false;
    return report_check(r, CHECK_SIGNING_KEY_VALID, e->has_public_key, "signing_key_invalid",
                        "%s %s", e->key_member,
                        e->has_public_key ? "is a point of secp256k1" : evidence_key_fault(text));
}

/* Members that repeat what the key says already. */
static void check_key_copies(struct report *r, const struct evidence *e,
                             const uint8_t address[ADDRESS_SIZE])
{
    bool equal;

    if (!e->signing_public_key || !e->signing_key) {
        report_not_stated(r, CHECK_SIGNING_KEYS_AGREE, "the response names its key once, in %s",
                          e->key_member);
    } else {
        /* A repeat may be written in the short form; the key that is used may not. */
        equal = evidence_is_point(e->signing_key, e->public65);
        report_check(r, CHECK_SIGNING_KEYS_AGREE, equal, "signing_key_mismatch",
                     equal ? "signing_key and signing_public_key are the same key"
                           : "signing_key is not the key in signing_public_key");
    }
    if (!e->signing_address) {
        report_not_stated(r, CHECK_ADDRESS_MATCHES, "the response names no signing_address");
        return;
    }
    equal = claim_is_hex(e->signing_address, address, ADDRESS_SIZE);
    report_check(r, CHECK_ADDRESS_MATCHES, equal, "address_mismatch",
                 equal ? "signing_address is the Ethereum address of the signing key"
                       : "signing_address is not the Ethereum address of the signing key");
}

/* ---- REPORTDATA ----------------------------------------------------------------------------- */

/* The ported library took the hash of the nonce too; what should come is the nonce itself. */
static void check_nonce_bound(struct report *r, const struct tdx_quote *quote,
                              const uint8_t nonce[NONCE_SIZE])
{
    const uint8_t *bound = quote->report_data + RD_NONCE;
    uint8_t hash[32];
    bool raw = memcmp(bound, nonce, NONCE_SIZE) == 0;
    bool hashed =
        !raw && sha256(hash, nonce, NONCE_SIZE) == 0 && memcmp(bound, hash, sizeof hash) == 0;

    report_check(r, CHECK_NONCE_BOUND, raw || hashed, "report_data_nonce",
                 raw      ? "our nonce is in REPORTDATA"
                 : hashed ? "the SHA-256 of our nonce is in REPORTDATA"
                          : "our nonce is not in REPORTDATA: the quote is not fresh");
}

static void check_key_bound(struct report *r, const struct tdx_quote *quote,
                            const uint8_t address[ADDRESS_SIZE])
{
    static const uint8_t zeros[RD_NONCE - RD_ZEROS];
    bool same = memcmp(quote->report_data, address, ADDRESS_SIZE) == 0;
    bool padded = memcmp(quote->report_data + RD_ZEROS, zeros, sizeof zeros) == 0;

    report_check(r, CHECK_KEY_BOUND, same && padded, "report_data_address",
                 !same     ? "REPORTDATA holds the address of another key"
                 : !padded ? "the bytes after the address in REPORTDATA are not zero"
                           : "REPORTDATA holds the address of the signing key");
}

void binding_check_debug(struct report *r, const struct tdx_quote *quote)
{
    bool debug = tdx_quote_is_debug(quote);

    report_check(r, CHECK_TD_NOT_DEBUG, !debug, "td_debug",
                 debug ? "the TD runs in debug or profiling mode: its memory can be read"
                       : "debug and profiling are off");
}

void binding_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
                   const char *model, const uint8_t nonce[NONCE_SIZE], bool gpu_judged)
{
    uint8_t address[ADDRESS_SIZE];
    bool has_key;

    check_nonce(r, e, nonce);
    check_model(r, e, model);
    has_key = check_key(r, e);
    if (has_key) {
        eth_address(address, e->public65);
        check_key_copies(r, e, address);
    }
    if (quote)
        check_nonce_bound(r, quote, nonce);
    if (quote && has_key)
        check_key_bound(r, quote, address);
    server_verdict_check(r, e, quote, gpu_judged);
    if (quote)
        binding_check_debug(r, quote);
}
