/* RTMR replay (EVIDENCE section 2.2). */
#include "attest/tdx/event_log.h"

#include <string.h>

#include "attest/claim.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

/* dstack's own event type: what it measures into RTMR3 while it starts the application. */
enum { RUNTIME_EVENT = 0x08000001, RUNTIME_REGISTER = 3, READY_EVENTS = 64 };

static const char malformed[] = "event_log_malformed";

/* One event while it is replayed. */
struct event {
    const cJSON *object;
    int64_t type, version;
    size_t imr;
    const char *name;
    uint8_t *payload; /* of a runtime event */
    size_t payload_len;
    uint8_t digest[TDX_REGISTER_SIZE]; /* padded with zeros */
    uint8_t other[TDX_REGISTER_SIZE];  /* the same, unless it could be either form of version 2 */
};

/* --- what is measured for a runtime event ----------------------------------------------------- */

/* Bytes that are hashed, in a buffer of their own. */
struct preimage {
    uint8_t *bytes;
    size_t len;
};

static void append(struct preimage *p, const void *bytes, size_t n)
{
    if (n > 0)
        memcpy(p->bytes + p->len, bytes, n);
    p->len += n;
}

static void append_text(struct preimage *p, const char *text)
{
    append(p, text, strlen(text));
}

/* Version 1: the type in little-endian, the name and the payload, with colons between. */
static void build_v1(struct preimage *p, const struct event *e)
{
    static const uint8_t type[] = { 0x01, 0x00, 0x00, 0x08, ':' };

    append(p, type, sizeof type);
    append_text(p, e->name);
    append_text(p, ":");
    append(p, e->payload, e->payload_len);
}

/* Version 2: canonical JSON. Names are printable ASCII, so two characters need an escape.
 * dstack has had two sets of member names for this; both bind the same name and payload. */
static void build_v2(struct preimage *p, const struct event *e, bool long_names)
{
    append_text(p, long_names ? "{\"event\":\"" : "{\"name\":\"");
    for (const char *c = e->name; *c; c++) {
        if (*c == '"' || *c == '\\')
            append_text(p, "\\");
        append(p, c, 1);
    }
    append_text(p, long_names ? "\",\"event_type\":134217729,\"payload\":\"" : "\",\"payload\":\"");
    hex_encode((char *)p->bytes + p->len, e->payload, e->payload_len);
    p->len += 2 * e->payload_len;
    append_text(p, long_names ? "\",\"version\":2}" : "\",\"type\":134217729}");
}

/* Whether what is served of it, if anything (stripped logs have no digest), is the same. */
static bool agrees_with(const struct event *e, const char *name, const uint8_t *bytes, size_t n)
{
    const char *text = json_string(e->object, name);

    return !text || !text[0] || claim_hex(e->object, name, bytes, n) == CLAIM_SAME;
}

static bool is_served(const struct event *e, const char *name)
{
    const char *text = json_string(e->object, name);

    return text && text[0];
}

/* Hashes the event in one form; *agrees says whether what the log shows of it is the same. */
static int hash_form(uint8_t digest[TDX_REGISTER_SIZE], bool *agrees, const struct event *e,
                     struct preimage *p, bool long_names)
{
    int r;

    p->len = 0;
    if (e->version == 2)
        build_v2(p, e, long_names);
    else
        build_v1(p, e);
    r = sha384(digest, p->bytes, p->len);
    *agrees = r == 0 && agrees_with(e, "preimage", p->bytes, p->len) &&
              agrees_with(e, "digest", digest, TDX_REGISTER_SIZE);
    return r;
}

/* Computes e->digest and e->other. Where the log says which form of version 2 was measured, by
 * preimage or digest, it is that one; one that says neither, as stripped logs do, may be either. */
static int measure(struct event *e, const char **reason)
{
    struct preimage p = { wiping_malloc(2 * e->payload_len + 2 * EVENT_LOG_NAME + 128), 0 };
    bool says = is_served(e, "preimage") || is_served(e, "digest"), agrees;
    int r;

    if (!p.bytes)
        return VENICE_E_MEMORY;
    r = hash_form(e->digest, &agrees, e, &p, false);
    memcpy(e->other, e->digest, TDX_REGISTER_SIZE);
    if (r == 0 && e->version == 2 && (!agrees || !says)) {
        r = hash_form(e->other, &agrees, e, &p, true);
        if (says)
            memcpy(e->digest, e->other, TDX_REGISTER_SIZE);
    }
    wiping_free(p.bytes);
    if (r == 0 && !agrees) {
        *reason = "event_digest_mismatch";
        r = VENICE_E_MALFORMED;
    }
    return r;
}

/* --- one event -------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    size_t n = name ? strlen(name) : 0;

    if (n == 0 || n > EVENT_LOG_NAME)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (name[i] < 0x20 || name[i] > 0x7e)
            return false;
    }
    return true;
}

/* The name, the payload and the digest of a runtime event. */
static int read_runtime_event(struct event *e, const char **reason)
{
    const cJSON *version = json_at(e->object, "version", NULL);
    const char *payload = json_string(e->object, "event_payload");
    size_t n = payload ? strlen(payload) : 0;

    e->name = json_string(e->object, "event");
    e->version = 1;
    if (version && !cJSON_IsNull(version) && !json_integer(&e->version, e->object, "version", 1, 2))
        return VENICE_E_MALFORMED;
    if (e->imr != RUNTIME_REGISTER || !is_name(e->name) || !payload)
        return VENICE_E_MALFORMED;
    /* Its digest is over "name:payload", which a colon would let anybody cut at another place. */
    if (e->version == 1 && strchr(e->name, ':'))
        return VENICE_E_MALFORMED;
    e->payload = wiping_malloc(n / 2 + 1);
    if (!e->payload)
        return VENICE_E_MEMORY;
    if (hex_decode(e->payload, payload, n) != 0)
        return VENICE_E_MALFORMED;
    e->payload_len = n / 2;
    return measure(e, reason);
}

/* A boot event is its digest. Its name and payload can never be checked, so they are not read; and
 * so it may not stand where the events say what was started. */
static int read_boot_event(struct event *e)
{
    const char *digest = json_string(e->object, "digest");
    size_t n = digest ? strlen(digest) : 0;

    if (e->imr == RUNTIME_REGISTER)
        return VENICE_E_MALFORMED;
    if (n < 2 || n > 2 * TDX_REGISTER_SIZE || hex_decode(e->digest, digest, n) != 0)
        return VENICE_E_MALFORMED;
    return 0;
}

static int read_event(struct event *e, const char **reason)
{
    const char *payload = json_string(e->object, "event_payload");
    int64_t imr;

    if (!json_integer(&imr, e->object, "imr", 0, 3) ||
        !json_integer(&e->type, e->object, "event_type", 0, UINT32_MAX))
        return VENICE_E_MALFORMED;
    if (payload && strlen(payload) > 2 * EVENT_LOG_PAYLOAD)
        return VENICE_E_MALFORMED;
    e->imr = (size_t)imr;
    return e->type == RUNTIME_EVENT ? read_runtime_event(e, reason) : read_boot_event(e);
}

/* --- the log ---------------------------------------------------------------------------------- */

static int extend(uint8_t rtmr[TDX_REGISTER_SIZE], const uint8_t digest[TDX_REGISTER_SIZE])
{
    uint8_t both[2 * TDX_REGISTER_SIZE];

    memcpy(both, rtmr, TDX_REGISTER_SIZE);
    memcpy(both + TDX_REGISTER_SIZE, digest, TDX_REGISTER_SIZE);
    return sha384(rtmr, both, sizeof both);
}

/* Keeps a runtime event, while the system is not ready. Afterwards the application may measure what
 * it likes, so nothing is concluded from that. */
static int keep(struct event_log *log, struct event *e, const char **reason)
{
    struct runtime_event *kept = &log->boot[log->boot_count];

    if (log->ready)
        return 0;
    if (event_log_find(log, e->name)) {
        *reason = "event_log_duplicate";
        return VENICE_E_MALFORMED;
    }
    if (log->boot_count >= READY_EVENTS)
        return VENICE_E_MALFORMED;
    memcpy(kept->name, e->name, strlen(e->name) + 1);
    kept->payload = e->payload;
    kept->len = e->payload_len;
    e->payload = NULL;
    log->boot_count++;
    log->ready = strcmp(kept->name, "system-ready") == 0;
    return 0;
}

static int replay_event(struct event_log *log, const cJSON *object, const char **reason)
{
    struct event e = { .object = object };
    int r = read_event(&e, reason);

    if (r == 0)
        r = extend(log->rtmr[e.imr], e.digest);
    if (r == 0 && e.imr == RUNTIME_REGISTER)
        r = extend(log->other_rtmr3, e.other);
    log->boot_registers = log->boot_registers || e.imr != RUNTIME_REGISTER;
    if (r == 0 && e.type == RUNTIME_EVENT)
        r = keep(log, &e, reason);
    wiping_free(e.payload);
    return r;
}

static int replay_list(struct event_log *out, const char **reason, size_t *where, const cJSON *list)
{
    const cJSON *object;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > EVENT_LOG_EVENTS)
        return VENICE_E_MALFORMED;
    out->boot = wiping_calloc(READY_EVENTS, sizeof *out->boot);
    if (!out->boot)
        return VENICE_E_MEMORY;
    cJSON_ArrayForEach(object, list)
    {
        int r = replay_event(out, object, reason);

        if (r != 0)
            return r;
        *where = ++out->event_count;
    }
    return 0;
}

int event_log_replay(struct event_log *out, const char **reason, size_t *where, const cJSON *log)
{
    const struct json_limits limits = { .bytes = EVENT_LOG_TEXT };
    const char *text = cJSON_GetStringValue(log);
    cJSON *parsed = NULL;
    int r = 0;

    memset(out, 0, sizeof *out);
    *reason = malformed;
    *where = 0;
    if (text)
        r = json_parse(&parsed, text, strlen(text), &limits);
    if (r == VENICE_E_LIMIT)
        r = VENICE_E_MALFORMED;
    if (r == 0)
        r = replay_list(out, reason, where, text ? parsed : log);
    cJSON_Delete(parsed);
    if (r == 0)
        *reason = NULL;
    return r;
}

int event_log_differs(const struct event_log *log, const struct tdx_quote *quote)
{
    for (int i = log->boot_registers ? 0 : RUNTIME_REGISTER; i < 4; i++) {
        bool same = memcmp(log->rtmr[i], quote->rtmr[i], TDX_REGISTER_SIZE) == 0 ||
                    (i == RUNTIME_REGISTER &&
                     memcmp(log->other_rtmr3, quote->rtmr[i], TDX_REGISTER_SIZE) == 0);

        if (!same)
            return i;
    }
    return -1;
}

const struct runtime_event *event_log_find(const struct event_log *log, const char *name)
{
    for (size_t i = 0; i < log->boot_count; i++) {
        if (strcmp(log->boot[i].name, name) == 0)
            return &log->boot[i];
    }
    return NULL;
}

void event_log_clear(struct event_log *log)
{
    for (size_t i = 0; i < log->boot_count; i++)
        wiping_free(log->boot[i].payload);
    wiping_free(log->boot);
    memset(log, 0, sizeof *log);
}
