/* HTTP refusals in words. */
#include "client/errors.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "e2ee/server_error.h"

enum { TEXT_MAX = 240, WAIT_MAX = 48 };

/* ---- What the server says ----------------------------------------------------------------- */

/* {"issues":[{"path":["messages",0,"content"],"message":"..."}]}: the first one says enough. */
static void read_issue(struct server_error *e, const cJSON *root)
{
    const cJSON *issues = json_at(root, "issues", NULL);
    const char *text = cJSON_IsArray(issues) ? json_string(issues->child, "message") : NULL;

    if (text)
        (void)snprintf(e->message, sizeof e->message, "%s", text);
}

/* Empty texts where the body is not one of the JSON shapes: HTML says nothing to a user. */
static void read_error(struct server_error *e, const struct http *h)
{
    static const struct json_limits LENIENT = { .bytes = HTTP_ERROR_BODY_MAX,
                                                .allow_duplicates = true };
    size_t len = 0;
    const char *body = http_body(h, &len);
    cJSON *root = NULL;

    memset(e, 0, sizeof *e);
    if (json_parse(&root, body, len, &LENIENT) != 0)
        return;
    (void)server_error_read(e, root);
    read_issue(e, root);
    cJSON_Delete(root);
}

bool error_wants_new_session(const struct http *h)
{
    struct server_error e;

    read_error(&e, h);
    return http_status(h) == 400 && server_error_wants_new_session(&e);
}

bool error_is_passing(long status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* ": text" or nothing. */
static void quote_server(char out[TEXT_MAX], const struct server_error *e)
{
    const char *text = e->message[0] ? e->message : e->code[0] ? e->code : e->type;

    (void)snprintf(out, TEXT_MAX, "%s%.200s", text[0] ? ": " : "", text);
}

/* ---- By status ---------------------------------------------------------------------------- */

/* An error type of the enclave's gateway that means: this is not the protocol that we speak. */
static bool is_protocol_error(const struct server_error *e)
{
    static const char *const WORDS[] = {
        "e2ee_header_missing",       "e2ee_invalid_",           "e2ee_replay_detected",
        "e2ee_unsupported_endpoint", "Invalid E2EE headers",    "Unsupported signing algorithm",
        "must be present together",  "ECDSA client public key",
    };

    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (strstr(e->type, WORDS[i]) || strstr(e->code, WORDS[i]) || strstr(e->message, WORDS[i]))
            return true;
    return false;
}

static int bad_request(struct failure *f, const struct server_error *e, enum error_place place,
                       const char *model, long status)
{
    char text[TEXT_MAX];

    quote_server(text, e);
    if (place == AT_CHAT && is_protocol_error(e))
        return failure_set(f, VENICE_E_BAD_REQUEST,
                           "its protocol may have changed: look for an update of venice.nvim",
                           "the service did not take the encryption%s", text);
    if (strcmp(e->code, "context_length_exceeded") == 0)
        return failure_set(f, VENICE_E_BAD_REQUEST, "shorten the chat, or begin one: :Venice new",
                           "the chat is too long for %s%s", model, text);
    if (place == AT_ATTESTATION)
        return failure_set(f, VENICE_E_BAD_REQUEST, ":Venice model lists the models that can",
                           "%s cannot be attested%s", model, text);
    return failure_set(f, VENICE_E_BAD_REQUEST, NULL,
                       "the service refused the request (HTTP %ld)%s", status, text);
}

static int not_found(struct failure *f, enum error_place place, const char *model)
{
    if (place == AT_MODELS)
        return failure_set(f, VENICE_E_NOT_FOUND, "check the option base_url",
                           "this address has no list of models (HTTP 404)");
    if (place == AT_RECEIPT)
        return failure_set(f, VENICE_E_NOT_FOUND, NULL,
                           "not checked: the service has no signature of this answer (HTTP 404)");
    return failure_set(f, VENICE_E_NOT_FOUND, ":Venice model lists those that it has",
                       "the service does not know the model %s", model);
}

/* How long the service wants to be left alone; "" where it does not say. */
static void say_wait(char out[WAIT_MAX], const struct http *h)
{
    static const double FOREVER = 1e9;
    double after = http_retry_after(h, -1);
    long seconds = after > FOREVER ? (long)FOREVER : after > 0 ? (long)(after + 0.999) : 0;

    out[0] = 0;
    if (seconds >= 2 * 3600)
        (void)snprintf(out, WAIT_MAX, "%ld hours", (seconds + 3599) / 3600);
    else if (seconds >= 120)
        (void)snprintf(out, WAIT_MAX, "%ld s (%ld minutes)", seconds, (seconds + 59) / 60);
    else if (seconds > 0)
        (void)snprintf(out, WAIT_MAX, "%ld s", seconds);
}

static int rate_limited(struct failure *f, const struct http *h, enum error_place place)
{
    char wait[WAIT_MAX];

    say_wait(wait, h);
    if (!wait[0])
        return failure_set(f, VENICE_E_RATE_LIMITED,
                           place == AT_ATTESTATION
                               ? "try again later: it attests ten times a minute"
                               : "try again later",
                           "the service takes no more requests for now (HTTP 429)");
    return failure_set(f, VENICE_E_RATE_LIMITED,
                       place == AT_ATTESTATION ? "try again then: it attests ten times a minute"
                                               : "try again then",
                       "the service asks to wait %s (HTTP 429)", wait);
}

/* Only a chat carries the key. */
static int unauthorized(struct failure *f, enum error_place place)
{
    static const char *const WHAT[] = {
        [AT_MODELS] = "the list of models",
        [AT_ATTESTATION] = "an attestation",
        [AT_RECEIPT] = "the signature of an answer",
    };

    if (place != AT_CHAT)
        return failure_set(f, VENICE_E_UNAUTHORIZED, "is base_url right? a proxy may have answered",
                           "the service wants a key for %s (HTTP 401), which is asked for without",
                           WHAT[place]);
    return failure_set(f, VENICE_E_UNAUTHORIZED,
                       "check the key that api_key names; make one at venice.ai/settings/api",
                       "the service refused the API key");
}

static int server_failed(struct failure *f, const struct http *h, const struct server_error *e,
                         enum error_place place, const char *model)
{
    static const char HINT[] = "try again, or choose another model: :Venice model";
    char text[TEXT_MAX], wait[WAIT_MAX];
    long status = http_status(h);

    quote_server(text, e);
    say_wait(wait, h);
    if (wait[0])
        return failure_set(f, VENICE_E_SERVER, HINT,
                           "the service failed and asks to wait %s (HTTP %ld)%s", wait, status,
                           text);
    if (place == AT_ATTESTATION)
        return failure_set(f, VENICE_E_SERVER, HINT, "the service could not attest %s (HTTP %ld)%s",
                           model, status, text);
    return failure_set(f, VENICE_E_SERVER, HINT, "the service failed (HTTP %ld)%s", status, text);
}

static int not_what_was_asked(struct failure *f, const struct server_error *e, long status)
{
    char text[TEXT_MAX];

    quote_server(text, e);
    if (http_is_redirect(status))
        return failure_set(f, VENICE_E_MALFORMED, "base_url must name the service itself",
                           "the service sends us elsewhere (HTTP %ld), which is not followed",
                           status);
    if (text[0])
        return failure_set(f, VENICE_E_SERVER, "try again", "the service failed%s", text);
    return failure_set(f, VENICE_E_MALFORMED, "is base_url right? a proxy may have answered",
                       "the answer is not what the protocol has (HTTP %ld)", status);
}

int error_from_answer(struct failure *f, const struct http *h, enum error_place place,
                      const char *model)
{
    struct server_error e;
    char text[TEXT_MAX];
    long status = http_status(h);

    read_error(&e, h);
    quote_server(text, &e);
    switch (status) {
    case 401: return unauthorized(f, place);
    case 402:
        return failure_set(f, VENICE_E_PAYMENT,
                           "top it up at venice.ai/settings/api, then try again",
                           "the balance of the account is used up");
    case 403:
        return failure_set(
            f, VENICE_E_UNAUTHORIZED,
            "check the key at venice.ai/settings/api: its models and its modelPrivacy"
            " (PRIVATE_ONLY keeps it from third-party models)",
            "the service does not allow this%s", text);
    case 404: return not_found(f, place, model);
    case 413:
        return failure_set(f, VENICE_E_TOO_LARGE, "send less at once, or begin a chat: :Venice new",
                           "the request is too large for the service");
    case 429: return rate_limited(f, h, place);
    default:
        if (status / 100 == 4)
            return bad_request(f, &e, place, model, status);
        if (status / 100 == 5)
            return server_failed(f, h, &e, place, model);
        return not_what_was_asked(f, &e, status);
    }
}
