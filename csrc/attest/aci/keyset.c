/* The papers of an ACI gateway (EVIDENCE section 3.1). */
#include "attest/aci/keyset.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "attest/aci/custody.h"
#include "attest/claim.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/crypto_sign.h"
#include "base/jcs.h"
#include "base/json.h"
#include "venice.h"

enum { HASH_SIZE = 32, DIGEST_CHARS = 7 + 2 * HASH_SIZE, SHOWN_MAX = 80 };

struct papers {
    struct report *r;
    const struct evidence *e;
    const struct tdx_quote *quote;
    int64_t now;
    const cJSON *report; /* the member attestation */
    const cJSON *keyset, *identity;
    char digest[DIGEST_CHARS + 1]; /* of the keyset, computed here; "" where it cannot be */
};

/* Papers of the first generation name an identity key, and what depends on it. */
static bool is_first_generation(const struct papers *p)
{
    return !claim_is_empty(p->identity) || claim_string(p->e->root, "workload_id") ||
           !claim_is_empty(json_at(p->report, "keyset_endorsement", NULL)) ||
           !claim_is_empty(json_at(p->keyset, "keyset_epoch", NULL));
}

static void check(struct papers *p, enum check_id id, bool ok, const char *reason, const char *good,
                  const char *bad)
{
    report_check(p->r, id, ok, reason, "%s", ok ? good : bad);
}

/* --- hashes over exact tokens ----------------------------------------------------------------- */

static void print_digest(char out[DIGEST_CHARS + 1], const uint8_t hash[HASH_SIZE])
{
    memcpy(out, "sha256:", 7);
    hex_encode(out + 7, hash, HASH_SIZE);
    out[DIGEST_CHARS] = 0;
}

/* "sha256:" and the hash of the canonical form of the object at a path in the body's text. out
 * is "" where it is not there, or has no canonical form. Returns 0, or a hard error. */
static int digest_at(char out[DIGEST_CHARS + 1], const struct evidence *e, const char *const *path)
{
    const char *text = e->body;
    size_t len = e->body_len;
    uint8_t hash[HASH_SIZE];
    int r;

    out[0] = 0;
    for (; *path; path++) {
        if (json_raw_member(&text, &len, text, len, *path) != 0)
            return 0;
    }
    r = jcs_sha256(hash, text, len);
    if (r == 0)
        print_digest(out, hash);
    return r == VENICE_E_MALFORMED || r == VENICE_E_LIMIT ? 0 : r;
}

static int check_digest(struct papers *p)
{
    static const char *const path[] = { "attestation", "workload_keyset", NULL };
    const char *named = claim_string(p->e->root, "workload_keyset_digest");
    bool shown = cJSON_IsObject(p->keyset) && !claim_is_empty(p->keyset);
    int r = shown ? digest_at(p->digest, p->e, path) : 0;

    if (r != 0)
        return r;
    if (!shown || !named) {
        report_not_stated(p->r, CHECK_KEYSET_DIGEST,
                          shown ? "the response names no digest of the keyset"
                                : "the response shows no keyset");
        return 0;
    }
    check(p, CHECK_KEYSET_DIGEST, strcasecmp(p->digest, named) == 0, "keyset_digest",
          "the keyset has the digest that the response names",
          "the keyset does not have the digest that the response names");
    return 0;
}

static int check_identity(struct papers *p)
{
    static const char *const path[] = { "attestation", "workload_keyset", "workload_identity",
                                        "public_key", NULL };
    const char *named = claim_string(p->e->root, "workload_id");
    bool shown = cJSON_IsObject(p->identity) && !claim_is_empty(p->identity);
    char digest[DIGEST_CHARS + 1];
    int r;

    if (!named || !shown) {
        if (is_first_generation(p))
            report_not_stated(p->r, CHECK_KEYSET_IDENTITY,
                              shown ? "the response names no workload id"
                                    : "the keyset shows no identity key");
        return 0;
    }
    r = digest_at(digest, p->e, path);
    if (r != 0)
        return r;
    check(p, CHECK_KEYSET_IDENTITY, strcasecmp(digest, named) == 0, "keyset_identity",
          "the workload id is the hash of the identity key",
          "the workload id is not the hash of the identity key");
    return 0;
}

/* --- the endorsement -------------------------------------------------------------------------- */

/* Returns 0 where the signature holds; VENICE_E_INTEGRITY; or a hard error. */
static int verify_endorsement(const struct papers *p, const char *algo, const char *value)
{
    static const char form[] = "{\"purpose\":\"aci.keyset.endorsement.v1\","
                               "\"workload_keyset_digest\":\"%s\"}";
    const char *key_text = claim_string(p->identity, "public_key");
    uint8_t key[65], signature[64], hash[HASH_SIZE];
    char payload[sizeof form + DIGEST_CHARS];
    size_t n = (size_t)snprintf(payload, sizeof payload, form, p->digest);
    int r;

    if (!claim_read_hex(signature, sizeof signature, value) || !key_text)
        return VENICE_E_INTEGRITY;
    if (strcmp(algo, "ed25519") == 0)
        return claim_read_hex(key, 32, key_text)
                   ? ed25519_verify(key, signature, (const uint8_t *)payload, n)
                   : VENICE_E_INTEGRITY;
    r = sha256(hash, (const uint8_t *)payload, n);
    if (r != 0)
        return r;
    if (evidence_public_key(key, key_text) != 0)
        return VENICE_E_INTEGRITY;
    return curve_verify(key, hash, signature);
}

/* The algorithm is the identity key's; what the endorsement says of itself must be the same. */
static int check_endorsement(struct papers *p)
{
    const cJSON *endorsement = json_at(p->report, "keyset_endorsement", NULL);
    const char *value = claim_string(endorsement, "value");
    const char *algo = claim_string(p->identity, "algo");
    const char *named = claim_string(endorsement, "algo");
    int r;

    if (!value || !algo || !p->digest[0]) {
        if (is_first_generation(p))
            report_not_stated(p->r, CHECK_KEYSET_ENDORSED,
                              value ? "the keyset shows no identity key that could have signed it"
                                    : "the keyset is shown without a signature");
        return 0;
    }
    if (strcmp(algo, "ecdsa-secp256k1") != 0 && strcmp(algo, "ed25519") != 0) {
        report_not_proven(p->r, "Who endorsed the gateway's keyset: the signature is of a kind "
                                "that is not known here.");
        return 0;
    }
    r = verify_endorsement(p, algo, value);
    if (r == VENICE_E_MEMORY || r == VENICE_E_INTERNAL)
        return r;
    check(p, CHECK_KEYSET_ENDORSED, r == 0 && (!named || strcmp(named, algo) == 0),
          "keyset_endorsement", "the identity key signed the keyset's digest",
          "the identity key did not sign the keyset's digest");
    return 0;
}

/* --- validity --------------------------------------------------------------------------------- */

/* A moment as a double: some deployments write 2^64 - 1 for "never". */
static bool read_moment(double *out, const cJSON *object, const char *name)
{
    const cJSON *value = json_at(object, name, NULL);

    if (!cJSON_IsNumber(value))
        return false;
    *out = value->valuedouble;
    return true;
}

static void check_validity(struct papers *p)
{
    const cJSON *epoch = json_at(p->keyset, "keyset_epoch", NULL);
    double end;

    if (read_moment(&end, epoch, "not_after") || read_moment(&end, p->keyset, "not_after")) {
        check(p, CHECK_KEYSET_VALID, (double)p->now < end, "keyset_expired",
              "the keyset is valid at this time", "the keyset's time is over");
        report_set_number(p->r, "aci.not_after", end);
    } else {
        report_not_stated(p->r, CHECK_KEYSET_VALID, "the keyset does not say how long it is valid");
    }
    if (read_moment(&end, json_at(p->report, "freshness", NULL), "stale_after")) {
        check(p, CHECK_EVIDENCE_FRESH, (double)p->now <= end + KEYSET_SKEW, "evidence_stale",
              "the gateway does not call its own evidence stale",
              "the gateway calls its own evidence stale");
        report_set_number(p->r, "aci.stale_after", end);
    } else if (is_first_generation(p)) {
        report_not_stated(p->r, CHECK_EVIDENCE_FRESH,
                          "the gateway does not say until when its evidence is fresh");
    }
}

/* --- the key and the quote -------------------------------------------------------------------- */

static bool is_our_suite(const char *algo)
{
    return algo && (strcasecmp(algo, "secp256k1-aes-256-gcm-hkdf-sha256") == 0 ||
                    strcasecmp(algo, "ecdsa") == 0 || strcasecmp(algo, "secp256k1") == 0);
}

/* Keys of our suite: one of them must be the one that is encrypted to. A gateway may have more, and
 * keys for other suites; a list without a key of our suite says nothing of it. */
static void check_key(struct papers *p)
{
    const cJSON *keys = json_at(p->keyset, "e2ee_public_keys", NULL), *entry;
    size_t same = 0, all = 0;

    if (!p->e->has_public_key)
        return;
    cJSON_ArrayForEach(entry, keys)
    {
        const char *text = claim_string(entry, "public_key");

        if (!text || !is_our_suite(json_string(entry, "algo")))
            continue;
        all++;
        same += evidence_is_point(text, p->e->public65);
    }
    if (all == 0)
        report_not_stated(p->r, CHECK_KEYSET_HAS_KEY,
                          "the keyset names no key of the kind that is encrypted to");
    else
        check(p, CHECK_KEYSET_HAS_KEY, same > 0, "keyset_key_mismatch",
              "the keyset names the signing key",
              all > 1 ? "the keyset names other secp256k1 keys than the signing key"
                      : "the keyset names another secp256k1 key than the signing key");
}

static void check_same_quote(struct papers *p)
{
    const cJSON *evidence = json_at(p->report, "evidence", NULL);
    enum claim claim;

    if (!p->e->quote)
        return;
    claim = claim_hex(evidence, "quote", p->e->quote, p->e->quote_len);
    report_claim(p->r, CHECK_EVIDENCE_QUOTE, claim, "evidence_quote_mismatch",
                 "the gateway's evidence holds the same quote",
                 "the gateway's evidence holds another quote",
                 "the gateway's evidence repeats no quote");
}

/* attestation.report_data may also be the first half alone. */
static void check_report_data(struct papers *p)
{
    const cJSON *evidence = json_at(p->report, "evidence", NULL);
    const uint8_t *data = p->quote->report_data;
    enum claim repeated = claim_hex(evidence, "quote_report_data", data, TDX_REPORT_DATA_SIZE);
    enum claim named = claim_hex(p->report, "report_data", data, TDX_REPORT_DATA_SIZE);

    if (named == CLAIM_OTHER)
        named = claim_hex(p->report, "report_data", data, TDX_REPORT_DATA_SIZE / 2);
    report_claim(p->r, CHECK_EVIDENCE_REPORT_DATA, claim_both(repeated, named),
                 "evidence_quote_mismatch", "the gateway's evidence repeats REPORTDATA",
                 "the gateway's evidence names another REPORTDATA than the quote",
                 "the gateway's evidence repeats no REPORTDATA");
}

/* --- the whole -------------------------------------------------------------------------------- */

static void check_header(struct papers *p)
{
    const char *version = claim_string(p->e->root, "api_version");
    const char *tee = claim_string(p->report, "tee_type");

    if (version)
        report_check(p->r, CHECK_ACI_VERSION, strcmp(version, "aci/1") == 0, "aci_version",
                     "api_version is %.*s", SHOWN_MAX, version);
    else
        report_not_stated(p->r, CHECK_ACI_VERSION, "the gateway names no api_version");
    if (tee)
        report_check(p->r, CHECK_ACI_TEE_TYPE, strcasecmp(tee, "tdx") == 0, "aci_tee_type",
                     "tee_type is %.*s", SHOWN_MAX, tee);
    else
        report_not_stated(p->r, CHECK_ACI_TEE_TYPE, "the gateway names no tee_type");
}

/* Which repository and commit the gateway says it was built from: a plain text in the body. */
static void report_claims(struct papers *p)
{
    const cJSON *source = json_at(p->report, "source_provenance", NULL);
    const char *id = json_string(p->e->root, "workload_id");
    const char *url = json_string(source, "repo_url"), *commit = json_string(source, "repo_commit");

    if (p->digest[0])
        report_set_string(p->r, "aci.keyset_digest", p->digest);
    if (id)
        report_set_string(p->r, "aci.workload_id", id);
    if (url)
        report_set_string(p->r, "aci.repo_url", url);
    if (commit)
        report_set_string(p->r, "aci.repo_commit", commit);
    report_not_proven(p->r, "The gateway's papers (keyset and validity): they can be consistent, "
                            "but the quote does not bind them.");
}

int keyset_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
                 int64_t now)
{
    struct papers p = { .r = r, .e = e, .quote = quote, .now = now };
    int status;

    if (!evidence_is_gateway(e))
        return 0;
    p.report = json_at(e->root, "attestation", NULL);
    p.keyset = json_at(p.report, "workload_keyset", NULL);
    p.identity = json_at(p.keyset, "workload_identity", "public_key", NULL);
    check_header(&p);
    status = check_digest(&p);
    if (status == 0)
        status = check_identity(&p);
    if (status == 0)
        status = check_endorsement(&p);
    if (status != 0)
        return status;
    check_validity(&p);
    check_key(&p);
    check_same_quote(&p);
    if (quote)
        check_report_data(&p);
    report_claims(&p);
    return custody_check(r, e, p.keyset, json_at(p.report, "evidence", "key_custody", NULL));
}
