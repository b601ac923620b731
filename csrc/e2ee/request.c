/* The request builder. Content enters a body in one place, write_content, as a blob that is made
 * there: PROTOCOL section 2, items 1 to 4. */
#include "e2ee/request.h"

#include <string.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "e2ee/array_trap.h"
#include "e2ee/envelope.h"

enum {
    TOOL_CALL_ID_MAX = 64,
    WORD_MAX = 32,         /* of reasoning_effort */
    MESSAGE_OVERHEAD = 200 /* role, tool_call_id, braces */
};

/* --- text that grows ----------------------------------------------------------------------- */

struct writer {
    char *data;
    size_t len, cap;
    int status; /* sticky */
};

/* Room for n more bytes and a NUL; NULL where there is none. */
static char *reserve(struct writer *w, size_t n)
{
    size_t need, cap;
    char *grown;

    if (w->status != 0)
        return NULL;
    if (n > REQUEST_BODY_MAX || w->len + n + 1 > REQUEST_BODY_MAX) {
        w->status = VENICE_E_TOO_LARGE;
        return NULL;
    }
    need = w->len + n + 1;
    if (need > w->cap) {
        cap = need > w->cap + w->cap / 2 ? need : w->cap + w->cap / 2;
        grown = wiping_realloc(w->data, cap);
        if (!grown) {
            w->status = VENICE_E_MEMORY;
            return NULL;
        }
        w->data = grown;
        w->cap = cap;
    }
    return w->data + w->len;
}

static void put(struct writer *w, const char *text)
{
    size_t n = strlen(text);
    char *at = reserve(w, n);

    if (!at)
        return;
    memcpy(at, text, n + 1);
    w->len += n;
}

/* A JSON value, printed. */
static void put_value(struct writer *w, const cJSON *value)
{
    char *text = NULL;
    size_t len;
    int r;

    if (w->status != 0)
        return;
    r = value ? json_print(&text, &len, value) : VENICE_E_MEMORY;
    if (r == 0)
        put(w, text);
    else
        w->status = r;
    wiping_free(text);
}

static void put_string(struct writer *w, const char *text)
{
    cJSON *value = cJSON_CreateStringReference(text);

    put_value(w, value);
    cJSON_Delete(value);
}

/* --- what may be sent ---------------------------------------------------------------------- */

static bool in_list(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

/* Words travel in the clear, so they may not be long enough to hold a text. */
static bool is_word(const char *text, size_t max, const char *more)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t n = text ? strnlen(text, max + 1) : 0;

    if (n == 0 || n > max)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strchr(letters, text[i]) && !strchr(more, text[i]))
            return false;
    return true;
}

/* Where text stops to be UTF-8, for a text that is not. The prefixes that could still become valid
 * end before it, so it is found by halving. */
static size_t utf8_error_at(const uint8_t *text, size_t n)
{
    size_t good = 0, bad = n;

    if (utf8_tail(text, n) >= 0)
        return n - (size_t)utf8_tail(text, n);
    while (bad - good > 1) {
        size_t middle = good + (bad - good) / 2;

        if (utf8_tail(text, middle) >= 0)
            good = middle;
        else
            bad = middle;
    }
    return bad - 1;
}

static int check_message(struct failure *f, const venice_message *m, size_t number)
{
    static const char *const roles[] = { "system", "user", "assistant", "tool", "developer" };
    bool is_tool = m->role && strcmp(m->role, "tool") == 0;

    if (!m->role || !in_list(m->role, roles, sizeof roles / sizeof *roles))
        return failure_set(f, VENICE_E_CONFIG,
                           "roles are system, user, assistant, tool and developer",
                           "message %zu has a role that cannot be sent", number);
    if (!m->content && m->content_len > 0)
        return failure_set(f, VENICE_E_ARG, NULL, "message %zu has no content", number);
    if (is_tool && !is_word(m->tool_call_id, TOOL_CALL_ID_MAX, ".:"))
        return failure_set(f, VENICE_E_CONFIG, "it is sent unencrypted: use a random id",
                           "message %zu needs a tool_call_id of at most %d letters, digits, "
                           "dots, colons, dashes and underscores",
                           number, TOOL_CALL_ID_MAX);
    if (!is_tool && m->tool_call_id)
        return failure_set(f, VENICE_E_CONFIG, NULL,
                           "message %zu has a tool_call_id but is not of a tool", number);
    if (m->content_len > VENICE_MAX_MESSAGE)
        return failure_set(f, VENICE_E_TOO_LARGE, "send less of it",
                           "message %zu is over the limit of %d bytes", number, VENICE_MAX_MESSAGE);
    if (!utf8_valid((const uint8_t *)m->content, m->content_len))
        return failure_set(f, VENICE_E_MALFORMED,
                           "the service takes UTF-8 text only: convert or leave it out",
                           "message %zu is not UTF-8 from byte %zu on", number,
                           utf8_error_at((const uint8_t *)m->content, m->content_len));
    return 0;
}

static int check_messages(struct failure *f, const venice_message *messages, size_t count)
{
    size_t total = 0, filled = 0;

    if (!messages && count > 0)
        return failure_set(f, VENICE_E_ARG, NULL, "there are no messages");
    if (count > REQUEST_MESSAGES_MAX)
        return failure_set(f, VENICE_E_TOO_LARGE, "start a new chat",
                           "the request has %zu messages, more than the %d that can be sent", count,
                           REQUEST_MESSAGES_MAX);
    for (size_t i = 0; i < count; i++) {
        int r = check_message(f, &messages[i], i + 1);

        if (r != 0)
            return r;
        filled += messages[i].content_len > 0;
        total += 2 * ((size_t)messages[i].content_len + ENVELOPE_OVERHEAD) + MESSAGE_OVERHEAD;
    }
    if (filled == 0)
        return failure_set(f, VENICE_E_CONFIG, "write something first", "there is no text to send");
    if (total > REQUEST_BODY_MAX - 8192)
        return failure_set(f, VENICE_E_TOO_LARGE, "send less, or start a new chat",
                           "the request would be over the limit of %d bytes", REQUEST_BODY_MAX);
    return 0;
}

static int refuse_member(struct failure *f, const char *name)
{
    return failure_set(f, VENICE_E_CONFIG,
                       "what is not encrypted and not needed is not sent: leave it out",
                       "the request member %.64s is not accepted", name);
}

static bool is_number(const cJSON *value, bool whole)
{
    const double exact = 9007199254740992.0; /* 2^53 */
    double v = value->valuedouble;

    if (!cJSON_IsNumber(value) || !(v >= -exact && v <= exact))
        return false;
    return !whole || v == (double)(int64_t)v;
}

/* {"effort": word} and nothing else. */
static bool is_reasoning(const cJSON *value)
{
    const cJSON *effort = json_at(value, "effort", NULL);

    return effort && effort == value->child && !effort->next &&
           is_word(cJSON_GetStringValue(effort), WORD_MAX, "");
}

static bool is_param(const cJSON *m)
{
    static const char *const numbers[] = {
        "temperature",       "top_p", "min_p", "frequency_penalty", "presence_penalty",
        "repetition_penalty"
    };
    static const char *const whole[] = { "top_k", "max_tokens", "max_completion_tokens", "seed" };

    if (in_list(m->string, numbers, sizeof numbers / sizeof *numbers))
        return is_number(m, false);
    if (in_list(m->string, whole, sizeof whole / sizeof *whole))
        return is_number(m, true);
    if (strcmp(m->string, "reasoning_effort") == 0)
        return is_word(cJSON_GetStringValue(m), WORD_MAX, "");
    return strcmp(m->string, "reasoning") == 0 && is_reasoning(m);
}

/* enable_e2ee may be said, but it can only be true. */
static bool is_venice_parameter(const cJSON *m)
{
    if (strcmp(m->string, "enable_e2ee") == 0)
        return cJSON_IsTrue(m);
    return strcmp(m->string, "include_venice_system_prompt") == 0 && cJSON_IsBool(m);
}

static int check_members(struct failure *f, const cJSON *object, bool (*allowed)(const cJSON *))
{
    if (!object || cJSON_IsNull(object))
        return 0;
    if (!cJSON_IsObject(object))
        return failure_set(f, VENICE_E_CONFIG, NULL, "request parameters must be an object");
    for (const cJSON *m = object->child; m; m = m->next) {
        if (!m->string || !allowed(m))
            return refuse_member(f, m->string ? m->string : "");
        for (const cJSON *other = m->next; other; other = other->next)
            if (other->string && strcmp(other->string, m->string) == 0)
                return refuse_member(f, m->string);
    }
    return 0;
}

int request_check(struct failure *f, const venice_message *messages, size_t count,
                  const cJSON *params, const cJSON *venice_parameters)
{
    int r = check_messages(f, messages, count);

    if (r == 0)
        r = check_members(f, params, is_param);
    if (r == 0)
        r = check_members(f, venice_parameters, is_venice_parameter);
    return r;
}

/* --- the body ------------------------------------------------------------------------------ */

/* The only way in for content: what goes into the body is a blob that was sealed here. */
static void write_content(struct writer *w, const struct session *session, const venice_message *m)
{
    const char *text = m->content;
    size_t n = m->content_len;
    char *fenced, *blob;
    int r;

    r = array_trap_fence(&fenced, &n, text, n);
    if (r != 0 && w->status == 0)
        w->status = r;
    if (fenced)
        text = fenced;
    blob = reserve(w, 2 * (n + ENVELOPE_OVERHEAD));
    if (blob) {
        r = envelope_seal(blob, &ENVELOPE_LEGACY_V1, session->public65, (const uint8_t *)text, n);
        if (r == 0)
            w->len += 2 * (n + ENVELOPE_OVERHEAD);
        else
            w->status = r;
    }
    wiping_free(fenced);
}

static void write_messages(struct writer *w, const struct session *session,
                           const venice_message *messages, size_t count)
{
    bool first = true;

    put(w, "\"messages\":[");
    for (size_t i = 0; i < count; i++) {
        const venice_message *m = &messages[i];

        if (m->content_len == 0)
            continue;
        put(w, first ? "{\"role\":" : ",{\"role\":");
        put_string(w, m->role);
        if (m->tool_call_id) {
            put(w, ",\"tool_call_id\":");
            put_string(w, m->tool_call_id);
        }
        put(w, ",\"content\":\"");
        write_content(w, session, m);
        put(w, "\"}");
        first = false;
    }
    put(w, "]");
}

static void write_venice_parameters(struct writer *w, const cJSON *venice_parameters)
{
    bool prompt = json_bool(venice_parameters, "include_venice_system_prompt") == 1;

    put(w, ",\"venice_parameters\":{\"enable_e2ee\":true,\"include_venice_system_prompt\":");
    put(w, prompt ? "true}" : "false}");
}

static void write_params(struct writer *w, const cJSON *params)
{
    for (const cJSON *m = params ? params->child : NULL; m; m = m->next) {
        put(w, ",");
        put_string(w, m->string);
        put(w, ":");
        put_value(w, m);
    }
}

static int writer_failure(struct failure *f, const struct writer *w)
{
    if (w->status == VENICE_E_TOO_LARGE)
        return failure_set(f, w->status, "send less, or start a new chat",
                           "the request would be over the limit of %d bytes", REQUEST_BODY_MAX);
    if (w->status == VENICE_E_MEMORY)
        return failure_set(f, w->status, "close something and try again", "out of memory");
    if (w->status != 0)
        return failure_set(f, w->status, NULL, "the request could not be encrypted");
    return 0;
}

/* Room for all of it at once, so that it is not copied while it grows. */
static void reserve_messages(struct writer *w, const venice_message *messages, size_t count)
{
    size_t total = 4096;

    for (size_t i = 0; i < count; i++)
        total += 2 * ((size_t)messages[i].content_len + ENVELOPE_OVERHEAD) + MESSAGE_OVERHEAD;
    reserve(w, total);
}

static int make_reply_key(venice_keypair **reply, char hex[VENICE_PUBLIC_KEY_HEX + 1],
                          struct failure *f)
{
    int r = keypair_generate(reply);

    if (r != 0)
        return failure_set(f, r, NULL, "no key pair could be made for the answer");
    hex_encode(hex, keypair_public(*reply), 65);
    hex[VENICE_PUBLIC_KEY_HEX] = 0;
    return 0;
}

int request_build(struct request *out, struct failure *f, const struct session *session,
                  const venice_message *messages, size_t count, const cJSON *params,
                  const cJSON *venice_parameters)
{
    struct writer w = { 0 };
    int r;

    memset(out, 0, sizeof *out);
    if (!session)
        return failure_set(f, VENICE_E_ATTESTATION, NULL, "there is no session to encrypt for");
    r = request_check(f, messages, count, params, venice_parameters);
    if (r == 0)
        r = make_reply_key(&out->reply, out->client_key_hex, f);
    if (r != 0)
        return r;
    memcpy(out->model_key_hex, session->public_hex, sizeof out->model_key_hex);
    reserve_messages(&w, messages, count);
    put(&w, "{\"model\":");
    put_string(&w, session->model);
    put(&w, ",");
    write_messages(&w, session, messages, count);
    put(&w, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    write_params(&w, params);
    write_venice_parameters(&w, venice_parameters);
    put(&w, "}");
    r = writer_failure(f, &w);
    if (r != 0) {
        wiping_free(w.data);
        request_clear(out);
        return r;
    }
    out->body = w.data;
    out->body_len = w.len;
    return 0;
}

int request_build_parts(char **json, size_t *len, venice_keypair **reply, struct failure *f,
                        const struct session *session, const venice_message *messages, size_t count)
{
    char client_key[VENICE_PUBLIC_KEY_HEX + 1];
    struct writer w = { 0 };
    int r;

    *json = NULL;
    *len = 0;
    *reply = NULL;
    if (!session)
        return failure_set(f, VENICE_E_ATTESTATION, NULL, "there is no session to encrypt for");
    r = check_messages(f, messages, count);
    if (r == 0)
        r = make_reply_key(reply, client_key, f);
    if (r != 0)
        return r;
    reserve_messages(&w, messages, count);
    put(&w, "{");
    write_messages(&w, session, messages, count);
    put(&w, ",\"headers\":{\"X-Venice-TEE-Client-Pub-Key\":\"");
    put(&w, client_key);
    put(&w, "\",\"X-Venice-TEE-Model-Pub-Key\":\"");
    put(&w, session->public_hex);
    put(&w, "\",\"X-Venice-TEE-Signing-Algo\":\"ecdsa\"}");
    write_venice_parameters(&w, NULL);
    put(&w, "}");
    r = writer_failure(f, &w);
    if (r != 0) {
        wiping_free(w.data);
        keypair_drop(*reply);
        *reply = NULL;
        return r;
    }
    *json = w.data;
    *len = w.len;
    return 0;
}

void request_clear(struct request *r)
{
    wiping_free(r->body);
    keypair_drop(r->reply);
    memset(r, 0, sizeof *r);
}
