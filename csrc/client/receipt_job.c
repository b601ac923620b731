/* The request for the signature of an answer: no key, no session (PROTOCOL.md section 1.4). */
#include <stdio.h>

#include "attest/aci/receipt.h"
#include "base/secret.h"
#include "client/clock.h"
#include "client/job.h"

enum {
    URL_MAX = 4096,
    QUERY_MAX = 1024,
    NOT_YET_TRIES = 3, /* the signature can come after the answer */
    NOT_YET_MS = 300
};

static const char NO_MEMORY[] = "there is not enough memory";
static const char LATER[] = "look at the answer again in a minute";

static int make_url(char url[URL_MAX], const struct venice_client *c, const struct job *j,
                    struct failure *f)
{
    char model[3 * SESSION_MODEL_MAX + 4], id[QUERY_MAX];
    int n;

    if (!http_url_escape(model, sizeof model, j->model) ||
        !http_url_escape(id, sizeof id, j->receipt.input.request_id))
        return failure_set(f, VENICE_E_CONFIG, NULL, "the id of the answer is too long");
    n = snprintf(url, URL_MAX, "%s/api/v1/tee/signature?model=%s&request_id=%s&signing_algo=ecdsa",
                 c->options.base_url, model, id);
    if (n < 0 || n >= URL_MAX)
        return failure_set(f, VENICE_E_CONFIG, NULL, "base_url is too long");
    return 0;
}

static int ask(struct venice_client *c, struct job *j, struct failure *f)
{
    char url[URL_MAX];
    const char *const headers[] = { "Accept: application/json", NULL };
    struct http_request q = { .url = url,
                              .headers = headers,
                              .response_max = RECEIPT_BODY_MAX,
                              .total_seconds = RECEIPT_SECONDS };
    int r;

    if (!budget_has_room(&c->budget, clock_ms()))
        return failure_set(f, VENICE_E_RATE_LIMITED, LATER,
                           "not checked: the service signs and attests ten times a minute, and the "
                           "rest is kept for attestations");
    r = make_url(url, c, j, f);
    if (r == 0)
        r = http_start(&j->http, f, c->multi, &c->http, &q);
    if (r == 0)
        budget_note(&c->budget, clock_ms());
    return r;
}

void receipt_send(struct venice_client *c, struct job *j)
{
    struct failure f = { 0 };

    if (ask(c, j, &f) != 0)
        job_finish(c, j, &f);
    else
        j->state = JOB_ANSWER;
}

/* ---- What came
 * ------------------------------------------------------------------------------------------ */

/* What a check says is the event; that it said so is success. */
static void judge(struct venice_client *c, struct job *j, struct failure *f)
{
    struct receipt_input *in = &j->receipt.input;
    char *json = NULL;
    size_t len = 0;
    int r;

    in->response = http_body(j->http, &in->response_len);
    in->model = j->model;
    in->now = clock_unix();
    r = receipt_verify(&json, &len, in);
    if (r == 0)
        job_say(c, j, VENICE_EV_RECEIPT, 0, json, len);
    else
        failure_set(f, r, NULL, r == VENICE_E_MEMORY ? NO_MEMORY : "it could not be checked");
    wiping_free(json);
}

static bool try_again(struct job *j, long long now)
{
    if (http_status(j->http) != 404 || j->retries >= NOT_YET_TRIES)
        return false;
    j->retries++;
    http_stop(j->http);
    j->http = NULL;
    j->state = JOB_PAUSED;
    j->resume_at = now + NOT_YET_MS;
    return true;
}

bool receipt_answer(struct venice_client *c, struct job *j, long long now)
{
    struct failure f = { 0 };

    if (!http_over(j->http))
        return false;
    if (http_failure(j->http, &f) == 0) {
        if (try_again(j, now))
            return true;
        if (http_status(j->http) == 429)
            budget_exhaust(&c->budget, now);
        if (http_status(j->http) / 100 == 2)
            judge(c, j, &f);
        else
            (void)error_from_answer(&f, j->http, AT_RECEIPT, j->model);
    }
    if (!j->failed_memory)
        job_finish(c, j, &f);
    return true;
}
