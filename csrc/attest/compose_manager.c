/* NEAR's compose manager (EVIDENCE section 2.4). */
#include "attest/compose_manager.h"

#include <string.h>

#include "attest/claim.h"
#include "attest/p256.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/jcs.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

enum { HASH_SIZE = 32, NONCE_AT = 32 };

static const char reason[] = "manager_statement";

/* The order in which the manager writes an action's members before it hashes them. */
static const char *const action_members[] = { "timestamp", "action", "container", "image",
                                              "tag",       "commit", "file",      "file_sha256",
                                              "services",  NULL };

struct manager {
    struct report *r;
    const cJSON *object, *actions;
    const struct tdx_quote *main;
    const uint8_t *nonce;
    uint8_t *quote_bytes;
    struct tdx_quote quote;
    bool has_quote;
    uint8_t hash[HASH_SIZE];
    bool has_hash; /* of the actions, computed here */
    bool holds;    /* every check of it did */
};

/* What a statement is worth whose hash is not known: nobody is known to have made it. */
static const char not_computed[] =
    "Which containers the compose manager started: the hash of its statement could not be computed "
    "here, so nothing of it is shown.";

static void check(struct manager *m, enum check_id id, bool ok, const char *good, const char *bad)
{
    report_check(m->r, id, ok, reason, "%s", ok ? good : bad);
    m->holds = m->holds && ok;
}

/* --- the actions ------------------------------------------------------------------------------ */

/* Whether every member has a known place in the order. With others the hash cannot be computed. */
static bool are_known(const cJSON *actions)
{
    const cJSON *action, *member;

    cJSON_ArrayForEach(action, actions)
    {
        if (!cJSON_IsObject(action))
            return false;
        cJSON_ArrayForEach(member, action)
        {
            size_t i = 0;

            while (action_members[i] && strcmp(action_members[i], member->string) != 0)
                i++;
            if (!action_members[i])
                return false;
        }
    }
    return true;
}

/* Hashes the actions from the text of the body, because numbers must keep theirs. */
static int hash_actions(struct manager *m, const struct evidence *e)
{
    const char *manager, *actions;
    char *ordered;
    size_t manager_len, actions_len, len;
    int r;

    if (!cJSON_IsArray(m->actions) || !are_known(m->actions) ||
        json_raw_member(&manager, &manager_len, e->body, e->body_len,
                        "compose_manager_attestation") != 0 ||
        json_raw_member(&actions, &actions_len, manager, manager_len, "actions") != 0)
        return 0;
    r = jcs_ordered(&ordered, &len, actions, actions_len, action_members);
    if (r == 0)
        r = sha256(m->hash, (const uint8_t *)ordered, len);
    m->has_hash = r == 0;
    wiping_free(ordered);
    return r == VENICE_E_MALFORMED || r == VENICE_E_LIMIT ? 0 : r;
}

static void check_actions(struct manager *m)
{
    enum claim claim = claim_hex(m->object, "actions_hash", m->hash, HASH_SIZE);

    if (!m->has_hash) {
        m->holds = false;
        report_not_proven(m->r, not_computed);
    }
    if (m->has_hash && claim != CLAIM_ABSENT)
        check(m, CHECK_MANAGER_ACTIONS, claim == CLAIM_SAME,
              "the actions have the hash that it names",
              "the actions do not have the hash that the manager names");
    else if (claim_is_empty(m->actions))
        report_not_stated(m->r, CHECK_MANAGER_ACTIONS, "the compose manager names no actions");
    else if (claim == CLAIM_ABSENT)
        report_not_stated(m->r, CHECK_MANAGER_ACTIONS,
                          "the compose manager does not name the hash of its actions");
}

/* --- its quote -------------------------------------------------------------------------------- */

static int read_quote(struct manager *m)
{
    const char *text = claim_string(m->object, "quote"), *unknown;
    size_t n;

    if (!text || strlen(text) > 2 * EVIDENCE_QUOTE_MAX + 2)
        return 0;
    text = claim_digits(text);
    n = strlen(text);
    m->quote_bytes = wiping_malloc(n / 2 + 1);
    if (!m->quote_bytes)
        return VENICE_E_MEMORY;
    m->has_quote = claim_read_hex(m->quote_bytes, n / 2, text) &&
                   tdx_quote_parse(&m->quote, &unknown, m->quote_bytes, n / 2) == 0;
    return 0;
}

/* A manager that took no action signs the hash of an empty list. An empty list beside a quote that
 * binds another hash is one that somebody emptied: as good as none. */
static void drop_emptied_list(struct manager *m)
{
    bool empty = cJSON_IsArray(m->actions) && !m->actions->child;

    if (empty && !(m->has_quote && memcmp(m->quote.report_data, m->hash, HASH_SIZE) == 0))
        m->has_hash = false;
}

/* The quote must bind the hash that was computed here, and our nonce. Without that hash nothing is
 * proven; then the check can only fail: where the quote contradicts what is said beside it. */
static void check_binding(struct manager *m)
{
    const uint8_t *bound = m->quote.report_data;
    bool nonce = memcmp(bound + NONCE_AT, m->nonce, NONCE_SIZE) == 0;
    bool actions = m->has_hash
                       ? memcmp(bound, m->hash, HASH_SIZE) == 0
                       : claim_hex(m->object, "actions_hash", bound, HASH_SIZE) != CLAIM_OTHER;
    bool ok = actions && nonce &&
              claim_hex(m->object, "report_data", bound, TDX_REPORT_DATA_SIZE) != CLAIM_OTHER;

    if (m->has_hash || !ok)
        check(m, CHECK_MANAGER_QUOTE_BOUND, ok, "its quote binds the actions and our nonce",
              "the manager's quote does not bind its actions, our nonce and the "
              "report_data that it names");
}

static bool is_same_machine(const struct tdx_quote *a, const struct tdx_quote *b)
{
    bool same = memcmp(a->mrtd, b->mrtd, TDX_REGISTER_SIZE) == 0 &&
                memcmp(a->mrconfigid, b->mrconfigid, TDX_REGISTER_SIZE) == 0;

    for (size_t i = 0; i < 4; i++)
        same = same && memcmp(a->rtmr[i], b->rtmr[i], TDX_REGISTER_SIZE) == 0;
    return same;
}

/* The key that signed the main quote is verified with it; the same key vouches for this quote. */
static void check_signature(struct manager *m)
{
    const struct tdx_quote *q = &m->quote;
    EVP_PKEY *key = NULL;
    bool signed_by_it;

    if (memcmp(q->attestation_key, m->main->attestation_key, TDX_KEY_SIZE) != 0) {
        m->holds = false;
        report_not_proven(m->r, "That the compose manager's quote is genuine: another attestation "
                                "key signed it, and its certificates were not checked.");
        return;
    }
    signed_by_it = p256_key(&key, q->attestation_key) == 0 &&
                   p256_verify(key, q->signature, q->bytes, q->signed_len);
    EVP_PKEY_free(key);
    check(m, CHECK_MANAGER_QUOTE_SIGNED, signed_by_it,
          "the key that signed the quote signed the manager's too",
          "the signature of the manager's quote does not hold");
}

static void check_quote(struct manager *m)
{
    if (!claim_string(m->object, "quote")) {
        m->holds = false;
        report_not_stated(m->r, CHECK_MANAGER_QUOTE_BOUND, "the compose manager shows no quote");
        report_not_proven(m->r, "Which containers the compose manager started: its statement has "
                                "no quote.");
        return;
    }
    if (!m->has_quote) {
        check(m, CHECK_MANAGER_QUOTE_BOUND, false, "", "the manager's quote is not a TDX quote");
        return;
    }
    check_binding(m);
    check(m, CHECK_MANAGER_SAME_MACHINE, is_same_machine(&m->quote, m->main),
          "its quote has the same registers", "the manager's quote is of another machine");
    check_signature(m);
}

/* --- the report ------------------------------------------------------------------------------- */

static bool add_shown(cJSON *to, const cJSON *action, const char *name)
{
    const char *text = json_string(action, name);

    return !text || report_add_string(to, name, text);
}

/* What is not proven to be the manager's is not shown, not even marked: only that it is not. */
static void report_manager(struct manager *m)
{
    const cJSON *latest = NULL, *action;
    cJSON *out = cJSON_CreateObject(), *shown;
    double count = 0;
    bool ok;

    cJSON_ArrayForEach(action, m->actions)
    {
        latest = action;
        count++;
    }
    ok = out && cJSON_AddBoolToObject(out, "verified", m->holds) &&
         (!m->holds || cJSON_AddNumberToObject(out, "actions", count));
    if (ok && m->holds && latest) {
        shown = cJSON_AddObjectToObject(out, "latest");
        ok = shown != NULL;
        for (size_t i = 0; action_members[i] && ok; i++)
            ok = add_shown(shown, latest, action_members[i]);
    }
    if (!ok) {
        cJSON_Delete(out);
        out = NULL; /* the report counts it as a failed allocation */
    }
    report_set(m->r, "code.manager", out);
}

int compose_manager_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
                          const uint8_t nonce[NONCE_SIZE])
{
    struct manager m = { .r = r, .main = quote, .nonce = nonce, .holds = true };
    enum claim echoed;
    int status;

    m.object = json_at(e->root, "compose_manager_attestation", NULL);
    m.actions = json_at(m.object, "actions", NULL);
    if (!cJSON_IsObject(m.object) || claim_is_empty(m.object))
        return 0;
    status = hash_actions(&m, e);
    if (status == 0)
        status = read_quote(&m);
    if (status != 0)
        goto out;
    drop_emptied_list(&m);
    echoed = claim_hex(m.object, "nonce", nonce, NONCE_SIZE);
    m.holds = report_claim(r, CHECK_MANAGER_NONCE, echoed, reason,
                           "the manager's statement names our nonce",
                           "the manager's statement names another nonce than ours",
                           "the compose manager names no nonce") &&
              m.holds;
    check_actions(&m);
    check_quote(&m);
    report_manager(&m);
out:
    wiping_free(m.quote_bytes);
    return status;
}
