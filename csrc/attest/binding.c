/* Whether a response answers our question, and whether the quote in it binds the key that it names
 * (PROTOCOL section 1.2). The ids and codes are those of DESIGN section 5a, Report. */
#include "attest/binding.h"

#include <string.h>

#include "attest/server_verdict.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "venice.h"

/* REPORTDATA: the key's Ethereum address, zeros, the nonce. */
enum { ADDRESS_SIZE = 20, RD_ZEROS = 20, RD_NONCE = 32, SHOWN_MAX = 80 };

/* ---- The nonce ------------------------------------------------------------------------------ */

static bool is_nonce(const char *text, const uint8_t nonce[NONCE_SIZE])
{
    uint8_t bytes[NONCE_SIZE];

    return strlen(text) == 2 * NONCE_SIZE && hex_decode(bytes, text, 2 * NONCE_SIZE) == 0 &&
           memcmp(bytes, nonce, NONCE_SIZE) == 0;
}

static void check_nonce(struct report *r, const struct evidence *e, const uint8_t nonce[NONCE_SIZE])
{
    const char *source = e->nonce_source;
    bool present = e->nonce && e->nonce[0];

    report_check(r, CHECK_NONCE_PRESENT, present, "nonce_missing",
                 present ? "the response names a nonce" : "the response names no nonce");
    if (present) {
        bool ours = is_nonce(e->nonce, nonce);
        bool request_ours = !e->request_nonce || is_nonce(e->request_nonce, nonce);

        report_check(r, CHECK_NONCE_ECHOED, ours && request_ours, "nonce_mismatch",
                     !ours              ? "the response's nonce is not the one that was sent"
                     : !request_ours    ? "request_nonce is not the nonce that was sent"
                     : e->request_nonce ? "nonce and request_nonce are the nonce that was sent"
                                        : "the response's nonce is the one that was sent");
    }
    report_check(r, CHECK_NONCE_FROM_CLIENT, source && strcmp(source, "client") == 0,
                 "nonce_source", "nonce_source is %.*s", SHOWN_MAX, source ? source : "absent");
}

/* ---- The model and the key ------------------------------------------------------------------ */

static void check_model(struct report *r, const struct evidence *e, const char *model)
{
    if (e->model && strcmp(e->model, model) == 0)
        report_check(r, CHECK_MODEL_MATCHES, true, NULL, "the response is about %.*s", SHOWN_MAX,
                     model);
    else
        report_check(r, CHECK_MODEL_MATCHES, false, "model_mismatch",
                     "asked for %.*s, the response is about %.*s", SHOWN_MAX, model, SHOWN_MAX,
                     e->model ? e->model : "no model");
}

/* Returns whether the key can be used in the checks that follow. */
static bool check_key(struct report *r, const struct evidence *e)
{
    report_check(r, CHECK_SIGNING_ALGO_ECDSA,
                 e->signing_algo && strcmp(e->signing_algo, "ecdsa") == 0, "signing_algo",
                 "signing_algo is %.*s", SHOWN_MAX, e->signing_algo ? e->signing_algo : "absent");
    if (!report_check(r, CHECK_SIGNING_KEY_PRESENT, e->public_key_present, "signing_key_missing",
                      e->public_key_present
                          ? "the response names a signing key"
                          : "the response has no signing_public_key: nothing can be encrypted"))
        return false;
    return report_check(r, CHECK_SIGNING_KEY_VALID, e->has_public_key, "signing_key_invalid",
                        e->has_public_key
                            ? "the signing key is a point of secp256k1"
                            : "signing_public_key is not a point of secp256k1 in hex");
}

/* Members that repeat what the key says already. */
static void check_key_copies(struct report *r, const struct evidence *e,
                             const uint8_t address[ADDRESS_SIZE])
{
    uint8_t other[65], claimed[ADDRESS_SIZE];
    const char *text = e->signing_address;
    bool equal;

    if (e->signing_key) {
        equal = evidence_public_key(other, e->signing_key) == 0 &&
                memcmp(other, e->public65, sizeof other) == 0;
        report_check(r, CHECK_SIGNING_KEYS_AGREE, equal, "signing_key_mismatch",
                     equal ? "signing_key and signing_public_key are the same key"
                           : "signing_key is another key than signing_public_key");
    }
    equal = text && strlen(text) == VENICE_ADDRESS_CHARS && text[0] == '0' &&
            (text[1] == 'x' || text[1] == 'X') &&
            hex_decode(claimed, text + 2, 2 * sizeof claimed) == 0 &&
            memcmp(claimed, address, sizeof claimed) == 0;
    report_check(r, CHECK_ADDRESS_MATCHES, equal, "address_mismatch",
                 equal  ? "signing_address is the Ethereum address of the signing key"
                 : text ? "signing_address is not the Ethereum address of the signing key"
                        : "the response names no signing_address");
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
                   const char *model, const uint8_t nonce[NONCE_SIZE])
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
    server_verdict_check(r, e, quote);
    if (quote)
        binding_check_debug(r, quote);
}
