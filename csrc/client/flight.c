/* One attestation, for everybody who waits for it: the service allows ten a minute (PROTOCOL
 * section 1.2), so two requests with the same demands never fetch two. */
#include <stdio.h>
#include <string.h>

#include "attest/evidence.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "client/clock.h"
#include "client/job.h"

enum { NONCE_BYTES = 32, URL_MAX = 2048 };

/* ---- Joining and leaving ------------------------------------------------------------------ */

static void flight_free(struct flight *fl)
{
    if (!fl)
        return;
    judge_clear(fl);
    http_stop(fl->http);
    policy_clear(&fl->policy);
    cJSON_Delete(fl->pins);
    wiping_free(fl->policy_text);
    wiping_free(fl->report);
    wiping_free(fl->bundle);
    session_drop(fl->session);
    wiping_free(fl);
}

static struct flight *flight_new(const struct job *j)
{
    struct flight *fl = wiping_calloc(1, sizeof *fl);

    if (!fl)
        return NULL;
    memcpy(fl->model, j->model, sizeof fl->model);
    fl->policy_text = wiping_strdup(j->options.policy_text);
    fl->pins = j->options.pins ? cJSON_Duplicate(j->options.pins, true) : NULL;
    if (policy_copy(&fl->policy, &j->options.policy) != 0 || !fl->policy_text ||
        (j->options.pins && !fl->pins)) {
        flight_free(fl);
        return NULL;
    }
    return fl;
}

/* Whether both have the same pins. */
static bool same_pins(const cJSON *a, const cJSON *b)
{
    return a && b ? cJSON_Compare(a, b, true) : !a && !b;
}

struct flight *flight_join(struct venice_client *c, const struct job *j)
{
    struct flight *fl;

    for (fl = c->flights; fl; fl = fl->next)
        if (fl->state != FLIGHT_DONE && strcmp(fl->model, j->model) == 0 &&
            strcmp(fl->policy_text, j->options.policy_text) == 0 &&
            same_pins(fl->pins, j->options.pins))
            break;
    if (!fl) {
        fl = flight_new(j);
        if (!fl)
            return NULL;
        fl->next = c->flights;
        c->flights = fl;
    }
    fl->waiters++;
    fl->wants_bundle = fl->wants_bundle || j->options.evidence;
    return fl;
}

void flight_leave(struct flight *fl)
{
    fl->waiters--;
}

void flights_sweep(struct venice_client *c)
{
    struct flight **at = &c->flights;

    while (*at) {
        struct flight *fl = *at;

        if (fl->waiters > 0) {
            at = &fl->next;
            continue;
        }
        *at = fl->next;
        flight_free(fl);
    }
}

/* ---- Fetching ----------------------------------------------------------------------------- */

static int make_url(struct flight *fl, const struct venice_client *c, char url[URL_MAX])
{
    char model[3 * SESSION_MODEL_MAX + 4];
    int n;

    if (!http_url_escape(model, sizeof model, fl->model))
        return failure_set(&fl->failure, VENICE_E_CONFIG, NULL, "the model's name is too long");
    n = snprintf(url, URL_MAX, "%s/api/v1/tee/attestation?model=%s&nonce=%s", c->options.base_url,
                 model, fl->nonce_hex);
    if (n < 0 || n >= URL_MAX)
        return failure_set(&fl->failure, VENICE_E_CONFIG, NULL, "base_url is too long");
    return 0;
}

/* Every try has a nonce of its own. No key is sent: the service needs none for this. */
static void fetch(struct venice_client *c, struct flight *fl)
{
    char url[URL_MAX];
    uint8_t nonce[NONCE_BYTES];
    const char *const headers[] = { "Accept: application/json", NULL };
    struct http_request q = { .url = url,
                              .headers = headers,
                              .response_max = EVIDENCE_BODY_MAX,
                              .total_seconds = ATTESTATION_SECONDS };

    http_stop(fl->http);
    fl->http = NULL;
    fl->state = FLIGHT_DONE;
    if (crypto_random(nonce, sizeof nonce) != 0) {
        failure_set(&fl->failure, VENICE_E_INTERNAL, NULL, "there are no random numbers");
        return;
    }
    hex_encode(fl->nonce_hex, nonce, sizeof nonce);
    if (make_url(fl, c, url) == 0 &&
        http_start(&fl->http, &fl->failure, c->multi, &c->http, &q) == 0) {
        budget_note(&c->budget, clock_ms());
        fl->state = FLIGHT_FETCH;
    }
}

/* ---- What came ---------------------------------------------------------------------------- */

/* A 502 that says "verified": false is the service's own verdict on the evidence, which the report
 * shows like any other check that failed. */
static bool is_verdict(const struct http *h)
{
    static const struct json_limits LIMITS = { .bytes = HTTP_ERROR_BODY_MAX };
    size_t len = 0;
    const char *body = http_body(h, &len);
    cJSON *root = NULL;
    bool no = http_status(h) == 502 && json_parse(&root, body, len, &LIMITS) == 0 &&
              json_bool(root, "verified") == 0;

    cJSON_Delete(root);
    return no;
}

/* ---- Trying again ------------------------------------------------------------------------- */

static void say_retry(struct venice_client *c, const struct flight *fl, double seconds, int code)
{
    for (struct job *j = c->jobs; j; j = j->next)
        if (j->flight == fl)
            job_say_retry(c, j, seconds, fl->retries, code);
}

/* True where it will be tried again. */
static bool try_again(struct venice_client *c, struct flight *fl, long long now)
{
    struct failure f = { 0 };
    double seconds;

    if (!error_is_passing(http_status(fl->http)) || fl->retries >= RETRIES_MAX)
        return false;
    seconds = http_retry_after(fl->http, 1 << fl->retries);
    if (seconds > RETRY_WAIT_MAX)
        return false;
    fl->retries++;
    fl->state = FLIGHT_PAUSED;
    fl->resume_at = now + (long long)(seconds * 1000);
    say_retry(c, fl, seconds, error_from_answer(&f, fl->http, AT_ATTESTATION, fl->model));
    http_stop(fl->http);
    fl->http = NULL;
    return true;
}

static void take_answer(struct venice_client *c, struct flight *fl, long long now)
{
    long status = http_status(fl->http);

    fl->state = FLIGHT_DONE;
    if (http_failure(fl->http, &fl->failure) != 0)
        return;
    if (status / 100 == 2)
        judge_begin(c, fl);
    else if (try_again(c, fl, now))
        return;
    else if (is_verdict(fl->http) && fl->policy.attestation)
        judge_begin(c, fl);
    else
        (void)error_from_answer(&fl->failure, fl->http, AT_ATTESTATION, fl->model);
}

bool flight_advance(struct venice_client *c, struct flight *fl, long long now)
{
    switch (fl->state) {
    case FLIGHT_START: fetch(c, fl); return true;
    case FLIGHT_FETCH:
        if (!http_over(fl->http))
            return false;
        take_answer(c, fl, now);
        return true;
    case FLIGHT_COLLATERAL:
    case FLIGHT_NRAS: return judge_advance(c, fl);
    case FLIGHT_PAUSED:
        if (now < fl->resume_at)
            return false;
        fetch(c, fl);
        return true;
    case FLIGHT_DONE: break;
    }
    return false;
}

long long flight_due(const struct flight *fl)
{
    switch (fl->state) {
    case FLIGHT_PAUSED: return fl->resume_at;
    case FLIGHT_COLLATERAL: return collateral_fetch_due(fl->collateral);
    case FLIGHT_NRAS: return nras_fetch_due(fl->nras);
    default: return http_due(fl->http);
    }
}

void flight_expire(struct flight *fl, long long now)
{
    http_expire(fl->http, now);
    collateral_fetch_expire(fl->collateral, now);
    nras_fetch_expire(fl->nras, now);
}
