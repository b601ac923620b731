/* The answer of NVIDIA's service: one token about all, one about each GPU, and no word believed
 * before its signature holds. */
#include "attest/gpu/nras.h"

#include <stdio.h>
#include <string.h>

#include "attest/gpu/jwt.h"
#include "attest/gpu/nras_claims.h"
#include "base/json.h"
#include "venice.h"

enum { TOKENS_MAX = 1 + GPU_DEVICES_MAX };

struct nras {
    struct report *r;
    const struct nras_input *in;
    cJSON *answer, *jwks;
    struct jwt tokens[TOKENS_MAX]; /* the overall one first */
    EVP_PKEY *keys[TOKENS_MAX];
    size_t count;
    bool holds;
};

static bool check(struct nras *n, enum check_id id, const char *reason, const char *good,
                  const char *bad)
{
    bool ok = report_check(n->r, id, !reason, reason, "%s", reason ? bad : good);

    n->holds = n->holds && ok;
    return ok;
}

/* The same where one token is to blame. */
static bool blame(struct nras *n, enum check_id id, const char *reason, size_t token,
                  const char *words)
{
    char text[REPORT_DETAIL_MAX];

    if (token == 0)
        (void)snprintf(text, sizeof text, "the overall token: %s", words);
    else
        (void)snprintf(text, sizeof text, "the token of GPU-%zu: %s", token - 1, words);
    return check(n, id, reason, NULL, text);
}

/* ---- Taking it apart ------------------------------------------------------------------------ */

/* [["JWT", overall], {"GPU-0": token, ...}] */
static bool has_form(const cJSON *answer)
{
    const cJSON *overall = cJSON_IsArray(answer) ? answer->child : NULL;
    const cJSON *gpus = overall ? overall->next : NULL, *token;
    const char *word;

    if (!cJSON_IsArray(overall) || cJSON_GetArraySize(overall) != 2 || !cJSON_IsObject(gpus) ||
        !gpus->child)
        return false;
    word = cJSON_GetStringValue(overall->child);
    if (!word || strcmp(word, "JWT") != 0 || !cJSON_IsString(overall->child->next))
        return false;
    cJSON_ArrayForEach(token, gpus)
    {
        if (!cJSON_IsString(token))
            return false;
    }
    return true;
}

static int parse(cJSON **out, const char *text, size_t len, size_t max)
{
    const struct json_limits limits = { .bytes = max };

    return text ? json_parse(out, text, len, &limits) : VENICE_E_MALFORMED;
}

static int read_answer(struct nras *n)
{
    int r = parse(&n->answer, n->in->response, n->in->response_len, NRAS_ANSWER_MAX);

    if (r == VENICE_E_MEMORY)
        return r;
    check(n, CHECK_NRAS_ANSWER_READ, r == 0 && has_form(n->answer) ? NULL : "nras_malformed",
          "NVIDIA's service answered", "the answer of NVIDIA's service is not in its form");
    return 0;
}

/* Finds the tokens by name: one for each device that was asked about, and no other. */
static bool find_tokens(struct nras *n, const char *texts[TOKENS_MAX])
{
    const cJSON *overall = n->answer->child, *gpus = overall->next;
    size_t wanted = n->in->evidence->count;
    bool all = (size_t)cJSON_GetArraySize(gpus) == wanted;

    texts[0] = cJSON_GetStringValue(overall->child->next);
    for (size_t i = 0; all && i < wanted; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "GPU-%zu", i);
        texts[1 + i] = json_string(gpus, name);
        all = texts[1 + i] != NULL;
    }
    n->count = 1 + wanted;
    return check(n, CHECK_NRAS_GPUS_NAMED, all ? NULL : "nras_gpu_set",
                 "the answer is about as many GPUs as were shown",
                 "the answer is about other GPUs than were shown");
}

static int read_tokens(struct nras *n, const char *const texts[TOKENS_MAX])
{
    for (size_t i = 0; i < n->count; i++) {
        int r = jwt_read(&n->tokens[i], texts[i]);

        if (r == VENICE_E_MEMORY)
            return r;
        if (r != 0) {
            blame(n, CHECK_NRAS_TOKENS_READ, "nras_token_malformed", i, "it is no web token");
            return 0;
        }
    }
    check(n, CHECK_NRAS_TOKENS_READ, NULL, "every token is well-formed", NULL);
    for (size_t i = 0; i < n->count; i++) {
        const char *reason = jwt_header_fault(&n->tokens[i]);

        if (reason) {
            blame(n, CHECK_NRAS_ALGORITHM, reason, i,
                  "its header asks for something else than ES384");
            return 0;
        }
    }
    check(n, CHECK_NRAS_ALGORITHM, NULL, "every token is for ES384", NULL);
    return 0;
}

/* ---- Who signed ----------------------------------------------------------------------------- */

/* The key of one token; tokens mostly share one. */
static int find_key(struct nras *n, size_t i, const char **reason, const char **words)
{
    const char *kid = jwt_kid(&n->tokens[i]), *before = i > 0 ? jwt_kid(&n->tokens[i - 1]) : NULL;
    const cJSON *entry;

    if (kid && before && strcmp(kid, before) == 0) {
        if (EVP_PKEY_up_ref(n->keys[i - 1]) != 1)
            return VENICE_E_INTERNAL;
        n->keys[i] = n->keys[i - 1];
        return 0;
    }
    entry = jwks_find(n->jwks, kid);
    *reason = "nras_kid_unknown";
    *words = "its key is not in NVIDIA's key set";
    if (!entry)
        return VENICE_E_INTEGRITY;
    return jwks_key(&n->keys[i], reason, words, entry, n->in->root_pem, n->in->now);
}

static int find_keys(struct nras *n)
{
    int r = parse(&n->jwks, n->in->jwks, n->in->jwks_len, NRAS_JWKS_MAX);
    bool readable = r == 0 && cJSON_IsArray(json_at(n->jwks, "keys", NULL));

    if (r == VENICE_E_MEMORY)
        return r;
    if (!check(n, CHECK_NRAS_KEY_SET_READ, readable ? NULL : "jwks_malformed",
               "NVIDIA's key set is readable", "NVIDIA's key set is not readable"))
        return 0;
    for (size_t i = 0; i < n->count; i++) {
        const char *reason = NULL, *words = NULL;

        r = find_key(n, i, &reason, &words);
        if (r == VENICE_E_INTEGRITY) {
            blame(n, CHECK_NRAS_KEY_CERTIFIED, reason, i, words);
            return 0;
        }
        if (r != 0)
            return r;
    }
    check(n, CHECK_NRAS_KEY_CERTIFIED, NULL,
          n->in->root_pem ? "the given root stands behind the keys of the tokens"
                          : "NVIDIA's pinned certificate stands behind the keys of the tokens",
          NULL);
    return 0;
}

static int check_signatures(struct nras *n)
{
    for (size_t i = 0; i < n->count; i++) {
        const struct jwt *t = &n->tokens[i];
        int r = p384_verify(n->keys[i], t->signature, (const uint8_t *)t->text, t->signed_len);

        if (r == VENICE_E_INTEGRITY) {
            blame(n, CHECK_NRAS_SIGNATURE, "nras_signature", i, "its signature does not hold");
            return 0;
        }
        if (r != 0)
            return r;
    }
    check(n, CHECK_NRAS_SIGNATURE, NULL, "every token is signed", NULL);
    return 0;
}

/* ---- What is said --------------------------------------------------------------------------- */

static void check_each(struct nras *n, enum check_id id, const char *good, size_t first, size_t end,
                       const char *(*fault)(const char **words, const struct nras_question *q))
{
    for (size_t i = first; i < end; i++) {
        const struct nras_question q = {
            .token = &n->tokens[i],
            .gpus = n->tokens + 1,
            .count = n->count - 1,
            .device = i > 0 ? &n->in->evidence->devices[i - 1] : NULL,
            .nonce = n->in->nonce,
            .now = n->in->now,
        };
        const char *words = "", *reason = fault(&words, &q);

        if (reason) {
            blame(n, id, reason, i, words);
            return;
        }
    }
    check(n, id, NULL, good, NULL);
}

static void check_claims(struct nras *n)
{
    check_each(n, CHECK_NRAS_ISSUER, "NVIDIA's service issued every token", 0, n->count,
               nras_issuer_fault);
    check_each(n, CHECK_NRAS_VALID_NOW, "every token is valid at this time", 0, n->count,
               nras_time_fault);
    check_each(n, CHECK_NRAS_PASSED, "the overall result is good", 0, 1, nras_result_fault);
    check_each(n, CHECK_NRAS_NONCE, "every token is about our nonce", 0, 1, nras_nonce_fault);
    check_each(n, CHECK_NRAS_SUBMODS, "the overall token names the tokens of the GPUs", 0, 1,
               nras_submods_fault);
    check_each(n, CHECK_NRAS_NO_ERROR, "no GPU has failed", 1, n->count, nras_error_fault);
    check_each(n, CHECK_NRAS_GPU_NONCE, "every GPU's token is about our nonce", 1, n->count,
               nras_nonce_fault);
    check_each(n, CHECK_NRAS_CLAIMS, "NVIDIA calls the measurements of every GPU good", 1, n->count,
               nras_claims_fault);
    check_each(n, CHECK_NRAS_SAME_DEVICE, "every token is about the device that we were shown", 1,
               n->count, nras_device_fault);
}

/* A warning does not fail a GPU; it is shown. */
static void report_warnings(struct nras *n)
{
    for (size_t i = 1; i < n->count; i++) {
        const char *text = json_string(n->tokens[i].claims, "x-nvidia-attestation-warning");

        if (text && text[0]) {
            report_set_string(n->r, "gpu.warning", text);
            return;
        }
    }
}

static int judge(struct nras *n)
{
    const char *texts[TOKENS_MAX];
    int r = read_answer(n);

    if (r != 0 || !n->holds || !find_tokens(n, texts))
        return r;
    r = read_tokens(n, texts);
    if (r == 0 && n->holds)
        r = find_keys(n);
    if (r == 0 && n->holds)
        r = check_signatures(n);
    if (r != 0 || !n->holds)
        return r;
    check_claims(n);
    report_warnings(n);
    return 0;
}

/* Of tokens whose times were checked. */
static int64_t first_end(const struct nras *n)
{
    int64_t first = INT64_MAX, end;

    for (size_t i = 0; i < n->count; i++)
        if (json_integer(&end, n->tokens[i].claims, "exp", 0, INT64_MAX) && end < first)
            first = end;
    return first;
}

int nras_check(struct report *r, bool *holds, int64_t *until, const struct nras_input *in)
{
    struct nras n = { .r = r, .in = in, .holds = true };
    int status = 0;

    if (in->response)
        status = judge(&n);
    else
        check(&n, CHECK_NRAS_ANSWER_PRESENT, "nras_missing", NULL,
              "there is no answer of NVIDIA's service, which verify.nras asks for");
    *holds = status == 0 && n.holds;
    if (*holds && until)
        *until = first_end(&n);
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        jwt_clear(&n.tokens[i]);
        EVP_PKEY_free(n.keys[i]);
    }
    cJSON_Delete(n.answer);
    cJSON_Delete(n.jwks);
    return status;
}

/* ---- The key set's age ---------------------------------------------------------------------- */

static bool is_unknown(const cJSON *jwks, const char *text)
{
    struct jwt t;
    bool unknown = false;

    if (text && jwt_read(&t, text) == 0) {
        unknown = jwt_kid(&t) && !jwks_find(jwks, jwt_kid(&t));
        jwt_clear(&t);
    }
    return unknown;
}

bool nras_wants_keys(const char *response, size_t response_len, const char *jwks, size_t jwks_len)
{
    cJSON *answer = NULL, *set = NULL;
    const cJSON *token;
    bool unknown = false;

    if (parse(&answer, response, response_len, NRAS_ANSWER_MAX) == 0 && has_form(answer) &&
        parse(&set, jwks, jwks_len, NRAS_JWKS_MAX) == 0) {
        unknown = is_unknown(set, cJSON_GetStringValue(answer->child->child->next));
        cJSON_ArrayForEach(token, answer->child->next)
        {
            unknown = unknown || is_unknown(set, cJSON_GetStringValue(token));
        }
    }
    cJSON_Delete(answer);
    cJSON_Delete(set);
    return unknown;
}
