/* Which program the machine started (EVIDENCE section 2). */
#include "attest/code.h"

#include <string.h>

#include "attest/claim.h"
#include "attest/compose_manager.h"
#include "attest/tdx/event_log.h"
#include "attest/tdx/mrconfigid.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

enum {
    APP_ID_MAX = 64,
    KEY_PROVIDER_MAX = 4096,
    OS_IMAGE_HASH_SIZE = 32,
    LOGS_MAX = 3,
    TEXTS_MAX = 2
};

/* Where the pieces are (EVIDENCE section 2.1), and what has been learnt of them. */
struct code {
    struct report *r;
    const struct tdx_quote *quote;
    const cJSON *info, *tcb_info, *evidence; /* NULL: not served */
    cJSON *tcb_info_parsed, *vm_config_parsed;
    const cJSON *vm_config;

    bool replayed;
    struct event_log log;
    const struct runtime_event *compose, *app_id, *os_image, *key_provider; /* with a sane size */
    uint8_t compose_hash[COMPOSE_HASH_SIZE];
    bool has_compose_hash; /* it is measured */
    const char *text;      /* the compose text with that hash */
    cJSON *stated;         /* what the body says and nothing measures; NULL: nothing */
};

/* --- finding ---------------------------------------------------------------------------------- */

/* A member that is an object, or a string that holds one; *parsed owns the latter. */
static int find_object(const cJSON **out, cJSON **parsed, const cJSON *parent, const char *name)
{
    const cJSON *member = json_at(parent, name, NULL);
    const char *text = cJSON_GetStringValue(member);
    int r = 0;

    *out = cJSON_IsObject(member) ? member : NULL;
    if (text) {
        r = json_parse(parsed, text, strlen(text), NULL);
        *out = r == 0 && cJSON_IsObject(*parsed) ? *parsed : NULL;
    }
    return r == VENICE_E_MEMORY ? r : 0;
}

static int find_pieces(struct code *c, const cJSON *root)
{
    int r;

    c->info = json_at(root, "info", NULL);
    c->evidence = json_at(root, "attestation", "evidence", NULL);
    r = find_object(&c->tcb_info, &c->tcb_info_parsed, c->info, "tcb_info");
    if (r != 0)
        return r;
    if (json_at(c->info, "vm_config", NULL))
        return find_object(&c->vm_config, &c->vm_config_parsed, c->info, "vm_config");
    if (json_at(c->evidence, "vm_config", NULL))
        return find_object(&c->vm_config, &c->vm_config_parsed, c->evidence, "vm_config");
    return find_object(&c->vm_config, &c->vm_config_parsed, root, "vm_config");
}

/* Every log that is served: a list or a text; another type reads as absent. */
static size_t find_logs(const cJSON *logs[LOGS_MAX], const struct code *c, const cJSON *root)
{
    const cJSON *found[LOGS_MAX] = { json_at(root, "event_log", NULL),
                                     json_at(c->tcb_info, "event_log", NULL),
                                     json_at(c->evidence, "event_log", NULL) };
    size_t count = 0;

    for (size_t i = 0; i < LOGS_MAX; i++) {
        bool readable = cJSON_IsArray(found[i]) || cJSON_IsString(found[i]);

        /* Not what is only made of empty events: such a list claims to be a log. */
        if (readable && (found[i]->child || !claim_is_empty(found[i])))
            logs[count++] = found[i];
    }
    return count;
}

/* --- the event log ---------------------------------------------------------------------------- */

/* Replays one log. Returns 0 and *holds, or a hard error. Adds a check only where it fails. */
static int replay(struct code *c, struct event_log *log, const cJSON *source, bool *holds)
{
    const char *reason;
    size_t where;
    int r = event_log_replay(log, &reason, &where, source), differs;

    *holds = false;
    if (r == VENICE_E_MALFORMED) {
        report_check(c->r, CHECK_EVENT_LOG_WELL_FORMED, false, reason,
                     strcmp(reason, "event_digest_mismatch") == 0
                         ? "event %zu is not what its digest or preimage says"
                     : strcmp(reason, "event_log_duplicate") == 0
                         ? "event %zu is measured a second time before system-ready"
                         : "event %zu is not one that a genuine machine writes",
                     where);
        return 0;
    }
    if (r != 0)
        return r;
    differs = log->event_count > 0 ? event_log_differs(log, c->quote) : -1;
    if (differs >= 0) {
        report_check(c->r, CHECK_EVENT_LOG_REPLAYED, false, "rtmr_mismatch",
                     "the %zu events of the log do not lead to RTMR%d of the quote",
                     log->event_count, differs);
        return 0;
    }
    *holds = true;
    return 0;
}

/* Every copy must hold; the first that does not is the one that is reported. An empty one is none.
 * Sets *count to the number of copies that have events. */
static int replay_logs(struct code *c, const cJSON *const logs[LOGS_MAX], size_t *count)
{
    size_t served = *count;
    bool all_registers = false;

    *count = 0;
    for (size_t i = 0; i < served; i++) {
        struct event_log log;
        bool holds;
        int r = replay(c, &log, logs[i], &holds);

        if (r != 0 || !holds) {
            ++*count;
            event_log_clear(&log);
            return r;
        }
        all_registers = all_registers || log.boot_registers;
        if (log.event_count > 0 && (*count)++ == 0)
            c->log = log;
        else
            event_log_clear(&log);
    }
    if (*count == 0) {
        report_not_stated(c->r, CHECK_EVENT_LOG_REPLAYED, "the response shows no event log");
        return 0;
    }
    report_check(c->r, CHECK_EVENT_LOG_WELL_FORMED, true, NULL, "%zu events%s", c->log.event_count,
                 *count > 1 ? ", in more than one copy" : "");
    report_check(c->r, CHECK_EVENT_LOG_REPLAYED, true, NULL,
                 all_registers ? "the events lead to RTMR0 to RTMR3 of the quote"
                               : "the events lead to RTMR3; RTMR0 to RTMR2 are the quote's own");
    c->replayed = report_check(c->r, CHECK_EVENT_LOG_COMPLETE, c->log.ready, "event_log_incomplete",
                               c->log.ready ? "the log reaches system-ready"
                                            : "the log does not reach system-ready");
    return 0;
}

static const struct runtime_event *find_event(const struct code *c, const char *name, size_t min,
                                              size_t max)
{
    const struct runtime_event *event = c->replayed ? event_log_find(&c->log, name) : NULL;

    return event && event->len >= min && event->len <= max ? event : NULL;
}

static void read_events(struct code *c)
{
    c->compose = find_event(c, "compose-hash", COMPOSE_HASH_SIZE, COMPOSE_HASH_SIZE);
    c->app_id = find_event(c, "app-id", 1, APP_ID_MAX);
    c->os_image = find_event(c, "os-image-hash", OS_IMAGE_HASH_SIZE, OS_IMAGE_HASH_SIZE);
    c->key_provider = find_event(c, "key-provider", 1, KEY_PROVIDER_MAX);
    if (c->replayed)
        report_check(c->r, CHECK_COMPOSE_HASH_MEASURED, c->compose != NULL, "compose_hash_mismatch",
                     c->compose ? "the log measures a compose hash"
                                : "the log measures no compose hash before system-ready");
}

/* --- the compose text ------------------------------------------------------------------------- */

/* Settles which compose hash is measured: the event's, or without a log that of MRCONFIGID. */
static void settle_compose_hash(struct code *c)
{
    static const uint8_t zeros[TDX_REGISTER_SIZE];
    const uint8_t *id = c->quote->mrconfigid;

    if (c->compose) {
        memcpy(c->compose_hash, c->compose->payload, COMPOSE_HASH_SIZE);
        c->has_compose_hash = true;
    } else if (!c->replayed && mrconfigid_form(id) == MRCONFIGID_V1 &&
               memcmp(id + 33, zeros, TDX_REGISTER_SIZE - 33) == 0) {
        memcpy(c->compose_hash, id + 1, COMPOSE_HASH_SIZE);
        c->has_compose_hash = true;
    }
}

static int check_compose_text(struct code *c)
{
    const char *texts[TEXTS_MAX] = { claim_string(c->tcb_info, "app_compose"),
                                     claim_string(c->evidence, "app_compose") };
    size_t shown = 0;

    for (size_t i = 0; i < TEXTS_MAX && c->has_compose_hash; i++) {
        uint8_t hash[COMPOSE_HASH_SIZE];
        bool same;
        int r;

        if (!texts[i])
            continue;
        shown++;
        r = sha256(hash, (const uint8_t *)texts[i], strlen(texts[i]));
        if (r != 0)
            return r;
        same = memcmp(hash, c->compose_hash, sizeof hash) == 0;
        report_check(c->r, CHECK_COMPOSE_TEXT_MATCHES, same, "compose_hash_mismatch",
                     same ? "the compose text has the hash that was measured"
                          : "the compose text is not the one that was measured");
        if (same && !c->text)
            c->text = texts[i];
    }
    if (c->has_compose_hash && shown == 0)
        report_not_stated(c->r, CHECK_COMPOSE_TEXT_MATCHES, "the response shows no compose text");
    return 0;
}

/* Keeps what the body says of a value that nothing measures: shown as said, and no check. */
static void keep_stated(struct code *c, const char *name, const char *member)
{
    const char *text = claim_string(c->info, member);

    if (!text)
        text = claim_string(c->tcb_info, member);
    if (!text || strlen(text) > KEY_PROVIDER_MAX)
        return;
    if (!c->stated)
        c->stated = cJSON_CreateObject();
    if (!c->stated || !report_add_string(c->stated, name, text))
        report_set(c->r, "code.stated", NULL); /* counts as a failed allocation */
}

/* One check for a value that info and tcb_info may both repeat. measured NULL: it is not, so what
 * they say has nothing that it could contradict. */
static void check_restated(struct code *c, enum check_id id, const char *reason, const char *what,
                           const char *name, const uint8_t *measured, size_t n)
{
    enum claim claim = claim_both(claim_hex(c->info, name, measured, n),
                                  claim_hex(c->tcb_info, name, measured, n));

    if (!measured)
        keep_stated(c, name, name);
    else if (claim == CLAIM_ABSENT)
        report_not_stated(c->r, id, "the response does not repeat the %s that was measured", what);
    else if (claim == CLAIM_SAME)
        report_check(c->r, id, true, NULL, "the response repeats the %s that was measured", what);
    else
        report_check(c->r, id, false, reason, "the response names another %s than was measured",
                     what);
}

static const char *find_document(const struct code *c)
{
    const cJSON *places[] = { c->vm_config, c->info, c->tcb_info, c->evidence };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *text = claim_string(places[i], "mr_config");

        if (text)
            return text;
    }
    return NULL;
}

/* What MRCONFIGID is compared with comes from the event log, or is the text that has its hash: a
 * hash that was taken from MRCONFIGID itself would only be compared with itself. */
static const uint8_t *find_compared_hash(const struct code *c)
{
    return c->compose || c->text ? c->compose_hash : NULL;
}

/* MRCONFIGID could not be compared. */
static void report_unbound(struct code *c, enum mrconfigid_form form)
{
    if (form == MRCONFIGID_UNKNOWN)
        report_not_proven(c->r, "What MRCONFIGID binds: its form is not known here.");
    else if (form == MRCONFIGID_UNUSED)
        report_not_proven(c->r, "That the machine was configured for its compose text: MRCONFIGID "
                                "is not used, so only the event log names the text.");
    else
        report_not_stated(c->r, CHECK_MRCONFIGID_BOUND,
                          form == MRCONFIGID_V3
                              ? "the response does not show the document that MRCONFIGID binds"
                              : "the response does not show everything that MRCONFIGID binds");
}

static void check_mrconfigid(struct code *c)
{
    const uint8_t *id = c->quote->mrconfigid;
    enum mrconfigid_form form = mrconfigid_form(id);
    struct mrconfigid_facts facts = {
        .compose_hash = find_compared_hash(c),
        .app_id = c->app_id && c->app_id->len == APP_ID_SIZE ? c->app_id->payload : NULL,
        .key_provider = c->key_provider ? (const char *)c->key_provider->payload : NULL,
        .key_provider_len = c->key_provider ? c->key_provider->len : 0,
        .document = find_document(c),
    };
    enum mrconfigid_match match = mrconfigid_compare(id, &facts);

    report_set_string(c->r, "code.mrconfigid", mrconfigid_form_name(form));
    if (match == MRCONFIGID_OPEN) {
        report_unbound(c, form);
        return;
    }
    if (report_check(c->r, CHECK_MRCONFIGID_BOUND, match == MRCONFIGID_HOLDS, "mrconfigid_mismatch",
                     match == MRCONFIGID_HOLDS
                         ? "MRCONFIGID (%s) binds the compose text that was measured"
                         : "MRCONFIGID (%s) binds something else than what was measured",
                     mrconfigid_form_name(form)))
        report_set(c->r, "code.mrconfigid_bound", cJSON_CreateTrue());
}

/* --- what the body repeats -------------------------------------------------------------------- */

/* The key provider is a JSON text, so it is compared as one. */
static void check_key_provider(struct code *c)
{
    enum claim claim;

    if (!c->key_provider) {
        keep_stated(c, "key_provider", "key_provider_info");
        return;
    }
    claim =
        claim_text(c->info, "key_provider_info", c->key_provider->payload, c->key_provider->len);
    report_claim(c->r, CHECK_KEY_PROVIDER_RESTATED, claim, "key_provider_mismatch",
                 "the response repeats the key provider that was measured",
                 "the response names another key provider than was measured",
                 "the response does not repeat the key provider that was measured");
}

/* Without a replayed log nothing is measured that these could be compared with. */
static void check_identities(struct code *c)
{
    check_restated(c, CHECK_COMPOSE_HASH_RESTATED, "compose_hash_mismatch", "compose hash",
                   "compose_hash", c->has_compose_hash ? c->compose_hash : NULL, COMPOSE_HASH_SIZE);
    check_restated(c, CHECK_APP_ID_RESTATED, "app_id_mismatch", "app id", "app_id",
                   c->app_id ? c->app_id->payload : NULL, c->app_id ? c->app_id->len : 0);
    check_restated(c, CHECK_OS_IMAGE_RESTATED, "os_image_mismatch", "OS image hash",
                   "os_image_hash", c->os_image ? c->os_image->payload : NULL, OS_IMAGE_HASH_SIZE);
    check_key_provider(c);
}

static void check_registers(struct code *c)
{
    const struct tdx_quote *q = c->quote;
    const struct {
        const char *name;
        const uint8_t *value;
    } registers[] = { { "mrtd", q->mrtd },
                      { "rtmr0", q->rtmr[0] },
                      { "rtmr1", q->rtmr[1] },
                      { "rtmr2", q->rtmr[2] },
                      { "rtmr3", q->rtmr[3] } };
    const char *other = NULL;
    size_t count = 0;

    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        enum claim claim =
            claim_hex(c->tcb_info, registers[i].name, registers[i].value, TDX_REGISTER_SIZE);

        count += claim != CLAIM_ABSENT;
        if (claim == CLAIM_OTHER && !other)
            other = registers[i].name;
    }
    if (other)
        report_check(c->r, CHECK_REGISTERS_RESTATED, false, "registers_restated",
                     "the response names another %s than the quote", other);
    else if (count == 0)
        report_not_stated(c->r, CHECK_REGISTERS_RESTATED,
                          "the response does not repeat the registers of the quote");
    else
        report_check(c->r, CHECK_REGISTERS_RESTATED, true, NULL,
                     "the response repeats %zu registers as the quote has them", count);
}

/* EVIDENCE section 2.3, 6: informational. */
static int compare_aggregated(struct code *c)
{
    static const uint8_t zeros[3 * TDX_REGISTER_SIZE];
    uint8_t input[8 * TDX_REGISTER_SIZE], hash[32];
    const struct tdx_quote *q = c->quote;
    size_t n = 0;
    int r;

    if (!claim_string(c->info, "mr_aggregated"))
        return 0;
    memcpy(input, q->mrtd, TDX_REGISTER_SIZE);
    for (n = 1; n <= 4; n++)
        memcpy(input + n * TDX_REGISTER_SIZE, q->rtmr[n - 1], TDX_REGISTER_SIZE);
    memcpy(input + n++ * TDX_REGISTER_SIZE, q->mrconfigid, TDX_REGISTER_SIZE);
    memcpy(input + n++ * TDX_REGISTER_SIZE, q->mrowner, TDX_REGISTER_SIZE);
    memcpy(input + n++ * TDX_REGISTER_SIZE, q->mrownerconfig, TDX_REGISTER_SIZE);
    if (memcmp(input + 5 * TDX_REGISTER_SIZE, zeros, sizeof zeros) == 0)
        n = 5;
    r = sha256(hash, input, n * TDX_REGISTER_SIZE);
    if (r == 0)
        report_set_string(c->r, "code.mr_aggregated",
                          claim_hex(c->info, "mr_aggregated", hash, sizeof hash) == CLAIM_SAME
                              ? "as the registers give"
                              : "not as the registers give");
    return r;
}

/* --- the report ------------------------------------------------------------------------------- */

/* A key provider is JSON text in practice; anything else is shown as hex. */
static void report_key_provider(struct report *r, const struct runtime_event *event)
{
    char text[KEY_PROVIDER_MAX + 1];
    bool printable = true;

    for (size_t i = 0; i < event->len; i++)
        printable = printable && event->payload[i] >= 0x20 && event->payload[i] < 0x7f;
    if (!printable) {
        report_set_hex(r, "code.key_provider", event->payload, event->len);
        return;
    }
    memcpy(text, event->payload, event->len);
    text[event->len] = 0;
    report_set_string(r, "code.key_provider", text);
}

static void report_measured(const struct code *c)
{
    struct report *r = c->r;

    if (c->replayed) {
        report_set(r, "code.replayed", cJSON_CreateTrue());
        report_set_number(r, "code.events", (double)c->log.event_count);
    }
    if (c->has_compose_hash)
        report_set_hex(r, "measurements.compose_hash", c->compose_hash, COMPOSE_HASH_SIZE);
    if (c->os_image)
        report_set_hex(r, "measurements.os_image_hash", c->os_image->payload, c->os_image->len);
    if (c->app_id)
        report_set_hex(r, "code.app_id", c->app_id->payload, c->app_id->len);
    if (c->key_provider)
        report_key_provider(r, c->key_provider);
    /* As it is, with its line breaks: it is compared with the one of yesterday. */
    if (c->text && strlen(c->text) <= CODE_COMPOSE_SHOWN)
        report_set(r, "code.compose", cJSON_CreateString(c->text));
}

/* vm_config is an input for recomputing RTMR0, not measured as such: shown as what it is. */
static void report_claimed(struct code *c)
{
    const char *image = claim_string(c->vm_config, "image");
    int64_t gpus;

    if (c->stated) {
        report_set(c->r, "code.stated", c->stated);
        report_not_proven(c->r, "What the response says of the code and no event measures: it is "
                                "shown as stated.");
        c->stated = NULL; /* it belongs to the report */
    }
    if (image)
        report_set_string(c->r, "code.image", image);
    if (image && strstr(image, "-dev-"))
        report_not_proven(c->r, "That its operator cannot log in and look: the response calls the "
                                "OS image a development image.");
    if (json_integer(&gpus, c->vm_config, "num_gpus", 0, 1024))
        report_set_number(c->r, "code.num_gpus", (double)gpus);
}

static void report_open(const struct code *c, size_t logs)
{
    if (logs == 0)
        report_not_proven(c->r, c->has_compose_hash
                                    ? "Which operating system and which app id was started: no "
                                      "event log was served, only MRCONFIGID tells of the code."
                                    : "Which code was started: no event log was served.");
    else if (c->replayed && !c->text)
        report_not_proven(c->r, "What the compose text says: it was not served, only its hash is "
                                "known.");
}

int code_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
               const uint8_t nonce[NONCE_SIZE])
{
    struct code c = { .r = r, .quote = quote };
    const cJSON *logs[LOGS_MAX];
    size_t log_count;
    int status = find_pieces(&c, e->root);

    if (status != 0)
        goto out;
    log_count = find_logs(logs, &c, e->root);
    status = replay_logs(&c, logs, &log_count);
    if (status != 0)
        goto out;
    read_events(&c);
    settle_compose_hash(&c);
    status = check_compose_text(&c);
    if (status != 0)
        goto out;
    check_mrconfigid(&c);
    check_identities(&c);
    check_registers(&c);
    status = compare_aggregated(&c);
    if (status != 0)
        goto out;
    report_measured(&c);
    report_claimed(&c);
    report_open(&c, log_count);
    status = compose_manager_check(r, e, quote, nonce);
out:
    event_log_clear(&c.log);
    cJSON_Delete(c.stated);
    cJSON_Delete(c.tcb_info_parsed);
    cJSON_Delete(c.vm_config_parsed);
    return status;
}
