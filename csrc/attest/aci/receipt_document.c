/* The gateway's receipt. Hashes and signatures are over exact tokens, so the text counts, not the
 * tree. */
#include "attest/aci/receipt_document.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "attest/claim.h"
#include "base/codec.h"
#include "base/crypto_sign.h"
#include "base/jcs.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

enum { HASH_SIZE = 32, DIGEST_CHARS = 7 + 2 * HASH_SIZE, KEY_SIZE = 32, SIGNATURE_SIZE = 64 };

struct papers {
    struct report *r;
    const struct receipt_document *d;
    const cJSON *receipt;
    bool is_first;    /* generation A */
    const char *text; /* of the receipt, in the body's */
    size_t text_len;
    cJSON *given; /* what holds the keyset */
    const cJSON *keyset;
    const char *keyset_text;
    size_t keyset_len;
    bool holds;
};

static bool check(struct papers *p, enum check_id id, bool ok, const char *reason, const char *good,
                  const char *bad)
{
    p->holds = report_check(p->r, id, ok, reason, "%s", ok ? good : bad) && p->holds;
    return ok;
}

static bool is_text(const cJSON *object, const char *name, const char *wanted)
{
    const char *text = json_string(object, name);

    return text && strcmp(text, wanted) == 0;
}

/* ---- What it says --------------------------------------------------------------------------- */

static bool is_version(const cJSON *object)
{
    return claim_text(object, "api_version", "aci/1", 5) != CLAIM_OTHER;
}

/* The one event of a kind; NULL where there is none or more than one. */
static const cJSON *find_event(const cJSON *log, const char *type)
{
    const cJSON *event, *found = NULL;

    cJSON_ArrayForEach(event, log)
    {
        if (!is_text(event, "type", type))
            continue;
        if (found)
            return NULL;
        found = event;
    }
    return found;
}

/* Numbers that generation A gives its events. */
static bool is_in_order(const cJSON *log)
{
    const cJSON *event;
    int64_t place, i = 0;

    cJSON_ArrayForEach(event, log)
    {
        if (json_at(event, "seq", NULL) && (!json_integer(&place, event, "seq", i, i)))
            return false;
        i++;
    }
    return i <= RECEIPT_EVENTS_MAX;
}

static bool is_hash(const cJSON *event, const char *name, const char *digits)
{
    const char *text = json_string(event, name);

    return text && strncmp(text, "sha256:", 7) == 0 && strcasecmp(text + 7, digits) == 0;
}

static void check_events(struct papers *p)
{
    const cJSON *log = json_at(p->receipt, "event_log", NULL);
    const cJSON *received = find_event(log, "request.received");
    const cJSON *returned = find_event(log, "response.returned");
    bool sane =
        cJSON_IsArray(log) && received && received == log->child && returned && is_in_order(log);
    bool same;

    if (!check(p, CHECK_RECEIPT_EVENTS, sane, "receipt_events",
               "it tells of one request and one response",
               "it does not begin with one request, or has not exactly one response") ||
        !p->d->request_hash)
        return;
    /* Generation A hashes what it sent and what it meant; the text has one of them. */
    same = is_hash(received, "body_hash", p->d->request_hash) &&
           (is_hash(returned, "body_hash", p->d->response_hash) ||
            is_hash(returned, "wire_hash", p->d->response_hash) ||
            is_hash(returned, "cleartext_hash", p->d->response_hash));
    check(p, CHECK_RECEIPT_HASHES, same, "receipt_hashes",
          "its hashes are those of the signed text",
          "it does not have the hashes of the signed text");
}

/* Said by the gateway itself; it is no more than that. */
static void check_time(struct papers *p)
{
    const struct receipt_input *in = p->d->in;
    int64_t begin = in->asked_at >= 0 ? in->asked_at - RECEIPT_SKEW : in->now - RECEIPT_AGE_MAX, at;
    bool fresh = json_integer(&at, p->receipt, "served_at", 0, INT64_MAX) &&
                 at <= in->now + RECEIPT_SKEW && at >= begin;

    check(p, CHECK_RECEIPT_FRESH, fresh, "receipt_time", "it is of the time of this answer",
          "it does not say that it is of the time of this answer");
}

static void check_contents(struct papers *p)
{
    const cJSON *root = p->d->root;

    check(p, CHECK_RECEIPT_VERSION, is_text(p->receipt, "api_version", "aci/1") && is_version(root),
          "receipt_version", "it is of the version aci/1",
          "it does not say that it is of the version aci/1");
    check(p, CHECK_RECEIPT_CHAT, is_text(p->receipt, "chat_id", p->d->in->request_id),
          "receipt_chat_id", "it names the id of this answer",
          "it does not name the id of this answer");
    check_events(p);
    check_time(p);
}

/* ---- The keyset ----------------------------------------------------------------------------- */

static int digest_of(char out[DIGEST_CHARS + 1], const char *text, size_t len)
{
    uint8_t hash[HASH_SIZE];
    int r = jcs_sha256(hash, text, len);

    out[0] = 0;
    if (r != 0)
        return r == VENICE_E_MALFORMED || r == VENICE_E_LIMIT ? 0 : r;
    memcpy(out, "sha256:", 7);
    hex_encode(out + 7, hash, HASH_SIZE);
    out[DIGEST_CHARS] = 0;
    return 0;
}

/* Goes down one step in tree and text, where there is one of this name. */
static void descend(struct papers *p, const char *name)
{
    const cJSON *inner = json_at(p->keyset, name, NULL);
    const char *text;
    size_t len;

    if (!cJSON_IsObject(inner) ||
        json_raw_member(&text, &len, p->keyset_text, p->keyset_len, name) != 0)
        return;
    p->keyset = inner;
    p->keyset_text = text;
    p->keyset_len = len;
}

/* The keyset itself, or the body of /tee/attestation around it. */
static int read_keyset(struct papers *p)
{
    const struct receipt_input *in = p->d->in;
    int r = json_parse(&p->given, in->keyset, in->keyset_len, NULL);

    if (r != 0)
        return r == VENICE_E_MEMORY ? r : 0;
    p->keyset = p->given;
    p->keyset_text = in->keyset;
    p->keyset_len = in->keyset_len;
    descend(p, "attestation");
    descend(p, "workload_keyset");
    return 0;
}

static int check_digest(struct papers *p)
{
    char digest[DIGEST_CHARS + 1] = "";
    int r = p->keyset ? digest_of(digest, p->keyset_text, p->keyset_len) : 0;

    if (r != 0)
        return r;
    check(p, CHECK_RECEIPT_KEYSET,
          digest[0] && is_text(p->receipt, "workload_keyset_digest", digest), "receipt_keyset",
          "it names the keyset that came with the attestation",
          "it does not name the keyset that came with the attestation");
    return 0;
}

static int check_identity(struct papers *p)
{
    const char *text = p->keyset_text;
    size_t len = p->keyset_len;
    char digest[DIGEST_CHARS + 1] = "";
    int r = 0;

    if (!p->is_first)
        return 0;
    if (json_raw_member(&text, &len, text, len, "workload_identity") == 0 &&
        json_raw_member(&text, &len, text, len, "public_key") == 0)
        r = digest_of(digest, text, len);
    if (r != 0)
        return r;
    check(p, CHECK_RECEIPT_WORKLOAD, digest[0] && is_text(p->receipt, "workload_id", digest),
          "receipt_workload", "its workload is the keyset's", "its workload is not the keyset's");
    return 0;
}

static void check_validity(struct papers *p)
{
    const cJSON *epoch = json_at(p->keyset, "keyset_epoch", NULL);
    const cJSON *end = json_at(epoch ? epoch : p->keyset, "not_after", NULL);

    if (!cJSON_IsNumber(end))
        report_not_stated(p->r, CHECK_RECEIPT_KEYSET_VALID,
                          "the keyset does not say how long it is valid");
    else
        check(p, CHECK_RECEIPT_KEYSET_VALID, (double)p->d->in->now < end->valuedouble,
              "keyset_expired", "the keyset is valid at this time", "the keyset's time is over");
}

/* ---- The signature -------------------------------------------------------------------------- */

static const char *key_id(const struct papers *p)
{
    return json_string(p->is_first ? json_at(p->receipt, "signature", NULL) : p->receipt, "key_id");
}

/* The algorithm is the keyset's to say; what the receipt says must agree. */
static bool find_key(struct papers *p, uint8_t key[KEY_SIZE])
{
    const cJSON *list = json_at(p->keyset, "receipt_signing_keys", NULL), *entry, *found = NULL;
    const cJSON *signature = json_at(p->receipt, "signature", NULL);
    const char *id = key_id(p);
    size_t count = 0;

    cJSON_ArrayForEach(entry, list)
    {
        if (id && is_text(entry, "key_id", id)) {
            found = entry;
            count++;
        }
    }
    if (!check(p, CHECK_RECEIPT_KEY, cJSON_IsArray(list) && count == 1, "receipt_key_unknown",
               "the keyset has the receipt's key", "the keyset has not the receipt's key"))
        return false;
    return check(p, CHECK_RECEIPT_KEY_ED25519,
                 is_text(found, "algo", "ed25519") &&
                     (!p->is_first || is_text(signature, "algo", "ed25519")) &&
                     claim_read_hex(key, KEY_SIZE, json_string(found, "public_key")),
                 "receipt_key_algo", "it is a key of Ed25519",
                 "it is not a key that both call one of Ed25519");
}

/* Cuts a member out of a canonical text: its name stands right before its value, and nothing but
 * commas between members. */
static bool cut_member(char *text, size_t *len, const char *value, size_t value_len,
                       const char *name)
{
    size_t begin = (size_t)(value - text), end = begin + value_len, head = strlen(name) + 3;

    if (begin < head + 1)
        return false;
    begin -= head;
    if (text[begin - 1] == ',')
        begin--;
    else if (text[end] == ',')
        end++;
    memmove(text + begin, text + end, *len - end);
    *len -= end - begin;
    return true;
}

/* What was signed: the canonical form without the signature itself. */
static int signed_text(char **out, size_t *len, const struct papers *p)
{
    const char *value = NULL;
    size_t value_len = 0;
    int r = jcs_canonical(out, len, p->text, p->text_len);

    if (r != 0)
        return r;
    r = json_raw_member(&value, &value_len, *out, *len, "signature");
    if (r == 0 && p->is_first)
        r = json_raw_member(&value, &value_len, value, value_len, "value");
    if (r == 0 && !cut_member(*out, len, value, value_len, p->is_first ? "value" : "signature"))
        r = VENICE_E_MALFORMED;
    return r;
}

static int check_signature(struct papers *p)
{
    const cJSON *signature = json_at(p->receipt, "signature", NULL);
    const char *hex =
        p->is_first ? json_string(signature, "value") : cJSON_GetStringValue(signature);
    uint8_t key[KEY_SIZE], bytes[SIGNATURE_SIZE];
    char *text = NULL;
    size_t len = 0;
    int r;

    if (!find_key(p, key))
        return 0;
    r = claim_read_hex(bytes, sizeof bytes, hex) ? signed_text(&text, &len, p) : VENICE_E_MALFORMED;
    if (r == 0)
        r = ed25519_verify(key, bytes, (const uint8_t *)text, len);
    wiping_free(text);
    if (r == VENICE_E_MEMORY || r == VENICE_E_INTERNAL)
        return r;
    check(p, CHECK_RECEIPT_SIGNED, r == 0, "receipt_signature", "the receipt is signed by that key",
          "the receipt is not signed by that key");
    return 0;
}

/* ---- What may be shown then ----------------------------------------------------------------- */

static void show_text(struct papers *p, const char *to, const cJSON *object, const char *name)
{
    const char *text = json_string(object, name);

    if (text)
        report_set_string(p->r, to, text);
}

/* What the gateway found out about the next hop: its word, signed. */
static bool add_upstream(cJSON *o, const cJSON *event)
{
    static const char *const names[] = { "result", "model_id", "session_id" };
    int required = json_bool(event, "required");
    cJSON *upstream = event ? cJSON_AddObjectToObject(o, "upstream") : NULL;

    if (!event)
        return true;
    for (size_t i = 0; upstream && i < sizeof names / sizeof *names; i++) {
        const char *text = json_string(event, names[i]);

        if (text && !cJSON_AddStringToObject(upstream, names[i], text))
            return false;
    }
    return upstream && (required < 0 || cJSON_AddBoolToObject(upstream, "required", required == 1));
}

static void describe(struct papers *p, bool is_signed)
{
    const cJSON *log = json_at(p->receipt, "event_log", NULL);
    cJSON *o = cJSON_CreateObject();
    int64_t at;
    bool complete = o && cJSON_AddBoolToObject(o, "served", true) &&
                    cJSON_AddBoolToObject(o, "signed", is_signed) &&
                    cJSON_AddStringToObject(o, "generation", p->is_first ? "A" : "B");

    if (complete && is_signed && json_integer(&at, p->receipt, "served_at", 0, INT64_MAX))
        complete = cJSON_AddNumberToObject(o, "served_at", (double)at) &&
                   add_upstream(o, find_event(log, "upstream.verified"));
    if (!complete) {
        cJSON_Delete(o);
        o = NULL;
    }
    report_set(p->r, "receipt", o);
    if (is_signed)
        show_text(p, "receipt.key_id",
                  p->is_first ? json_at(p->receipt, "signature", NULL) : p->receipt, "key_id");
    report_not_proven(p->r, is_signed
                                ? "What the receipt says: the quote does not bind the key that "
                                  "signed it, the gateway only names it beside the quote."
                                : "What the receipt says: its signature was not checked, or does "
                                  "not hold.");
}

/* ---- The whole ------------------------------------------------------------------------------ */

static bool read_receipt(struct papers *p)
{
    const struct receipt_input *in = p->d->in;
    const cJSON *signature = json_at(p->receipt, "signature", NULL);
    bool readable;

    p->is_first = cJSON_IsObject(signature);
    readable =
        cJSON_IsObject(p->receipt) && (p->is_first || cJSON_IsString(signature)) &&
        json_raw_member(&p->text, &p->text_len, in->response, in->response_len, "receipt") == 0;
    return check(p, CHECK_RECEIPT_READ, readable, "receipt_malformed",
                 "the gateway's receipt is there", "the gateway's receipt is not in its form");
}

static int check_against_keyset(struct papers *p)
{
    int r = read_keyset(p);

    if (r == 0)
        r = check_digest(p);
    if (r != 0 || !p->keyset)
        return r;
    r = check_identity(p);
    if (r != 0)
        return r;
    check_validity(p);
    return check_signature(p);
}

int receipt_document_check(struct report *r, const struct receipt_document *d)
{
    struct papers p = { .r = r, .d = d, .receipt = d->receipt, .holds = true };
    int status = 0;

    if (read_receipt(&p)) {
        check_contents(&p);
        if (d->in->keyset)
            status = check_against_keyset(&p);
    }
    if (status == 0)
        describe(&p, p.holds && d->in->keyset);
    cJSON_Delete(p.given);
    return status;
}
