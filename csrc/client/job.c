/* A request's life: its events, its one DONE, and the states that all kinds share. */
#include "client/job.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"

static void free_messages(struct job *j)
{
    for (uint32_t i = 0; j->messages && i < j->count; i++) {
        wiping_free((char *)(uintptr_t)j->messages[i].role);
        wiping_free((char *)(uintptr_t)j->messages[i].content);
        wiping_free((char *)(uintptr_t)j->messages[i].tool_call_id);
    }
    wiping_free(j->messages);
    j->messages = NULL;
    j->count = 0;
}

void job_free(struct job *j)
{
    if (!j)
        return;
    if (j->flight)
        flight_leave(j->flight);
    http_stop(j->http); /* before the body that it sends */
    request_clear(&j->request);
    stream_free(j->stream);
    session_drop(j->session);
    request_options_clear(&j->options);
    receipt_options_clear(&j->receipt);
    proxy_free(j->proxy);
    free_messages(j);
    wiping_free(j);
}

/* ---- Events ------------------------------------------------------------------------------- */

void job_say(struct venice_client *c, struct job *j, uint32_t kind, int status, const char *data,
             size_t len)
{
    if (queue_push(c->queue, kind, j->id, status, data, len) != 0)
        j->failed_memory = true;
}

void job_say_state(struct venice_client *c, struct job *j, const char *word)
{
    char text[64];
    int n = snprintf(text, sizeof text, "{\"state\":\"%s\"}", word);

    job_say(c, j, VENICE_EV_STATE, 0, text, (size_t)n);
}

void job_say_retry(struct venice_client *c, struct job *j, double seconds, int attempt, int code)
{
    char text[128];
    int n = snprintf(text, sizeof text,
                     "{\"state\":\"retrying\",\"seconds\":%.3g,\"attempt\":%d,\"code\":\"%s\"}",
                     seconds, attempt, venice_status_name(code));

    job_say(c, j, VENICE_EV_STATE, 0, text, (size_t)n);
}

/* ---- DONE --------------------------------------------------------------------------------- */

static bool add_failure(cJSON *o, const struct failure *f)
{
    return cJSON_AddStringToObject(o, "code", venice_status_name(f->status)) &&
           cJSON_AddStringToObject(o, "message", f->message) &&
           (!f->hint[0] || cJSON_AddStringToObject(o, "hint", f->hint));
}

static bool add_text(cJSON *o, const char *name, const char *text)
{
    return !text || cJSON_AddStringToObject(o, name, text);
}

static bool add_answer(cJSON *o, const venice_stream *s)
{
    const char *usage = s ? stream_usage(s) : NULL;

    return !s || (add_text(o, "id", stream_id(s)) && add_text(o, "model", stream_model(s)) &&
                  add_text(o, "finish_reason", stream_finish_reason(s)) &&
                  (!usage || cJSON_AddRawToObject(o, "usage", usage)));
}

int done_json(char **out, size_t *len, const struct job *j, const struct failure *f)
{
    static const char *const SENT[] = { "nothing", "part", "all" };
    int r = VENICE_E_MEMORY;
    cJSON *o = cJSON_CreateObject();

    if (o && (!f || f->status == 0 || add_failure(o, f)) && add_answer(o, j->stream) &&
        (j->kind != JOB_CHAT || add_text(o, "sent", SENT[chat_sent(j)])) &&
        (j->kind != JOB_ATTEST || !j->session ||
         cJSON_AddNumberToObject(o, "session", (double)j->session->id)))
        r = json_print(out, len, o);
    cJSON_Delete(o);
    return r;
}

/* From here on a cancel is about nothing. */
static void free_slot(struct venice_client *c, uint32_t id)
{
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < REQUESTS_MAX; i++)
        if (c->slots[i].id == id)
            c->slots[i].id = 0;
    pthread_mutex_unlock(&c->lock);
}

void job_finish(struct venice_client *c, struct job *j, const struct failure *f)
{
    char *text = NULL;
    size_t len = 0;
    int status = f ? f->status : 0;

    if (j->state == JOB_OVER)
        return;
    j->state = JOB_OVER;
    free_slot(c, j->id);
    if (done_json(&text, &len, j, f) != 0) {
        text = NULL; /* the queue has words of its own for this */
        len = SIZE_MAX;
    }
    (void)queue_push(c->queue, VENICE_EV_DONE, j->id, status, text, len);
    wiping_free(text);
}

/* ---- States ------------------------------------------------------------------------------- */

static void finish_no_memory(struct venice_client *c, struct job *j)
{
    struct failure f = { 0 };

    failure_set(&f, VENICE_E_MEMORY, NULL, "there is not enough memory");
    job_finish(c, j, &f);
}

/* The report of a session, marked as one that was not made for this request. */
static int say_cached(struct venice_client *c, struct job *j)
{
    const struct json_limits ours = { .bytes = SIZE_MAX, .values = SIZE_MAX };
    char *text = NULL;
    size_t len = 0;
    cJSON *tree = NULL;
    int r = json_parse(&tree, j->session->report, j->session->report_len, &ours);

    if (r == 0 && !cJSON_AddTrueToObject(tree, "cached"))
        r = VENICE_E_MEMORY;
    if (r == 0)
        r = json_print(&text, &len, tree);
    if (r == 0)
        job_say(c, j, VENICE_EV_REPORT, 0, text, len);
    cJSON_Delete(tree);
    wiping_free(text);
    return r;
}

/* A session that an accepted report stands behind, under this request's own demands. */
static void look_for_session(struct venice_client *c, struct job *j)
{
    session_drop(j->session);
    j->session = NULL;
    if (!j->options.fresh)
        j->session = sessions_find(c->sessions, j->model, j->options.policy_text, j->options.pins);
    if (j->session && j->kind == JOB_ATTEST) {
        if (say_cached(c, j) != 0)
            finish_no_memory(c, j);
        else
            job_finish(c, j, NULL);
    } else if (j->session) {
        j->state = JOB_SEND;
    } else {
        j->flight = flight_join(c, j);
        if (!j->flight) {
            finish_no_memory(c, j);
            return;
        }
        j->state = JOB_ATTESTING;
        job_say_state(c, j, "attesting");
    }
}

/* The report is said whatever it is; a refusal ends the request here. */
static bool take_attestation(struct venice_client *c, struct job *j)
{
    struct flight *fl = j->flight;

    if (fl->state != FLIGHT_DONE)
        return false;
    if (fl->report)
        job_say(c, j, VENICE_EV_REPORT, 0, fl->report, fl->report_len);
    if (fl->bundle && j->options.evidence)
        job_say(c, j, VENICE_EV_EVIDENCE, 0, fl->bundle, fl->bundle_len);
    if (fl->session)
        j->session = session_hold(fl->session);
    if (!fl->session || j->kind == JOB_ATTEST)
        job_finish(c, j, &fl->failure);
    else
        j->state = JOB_SEND;
    j->flight = NULL;
    flight_leave(fl);
    return true;
}

bool job_advance(struct venice_client *c, struct job *j, long long now)
{
    bool moved = true;

    switch (j->state) {
    case JOB_SESSION: look_for_session(c, j); break;
    case JOB_ATTESTING: moved = take_attestation(c, j); break;
    case JOB_SEND:
        if (j->kind == JOB_MODELS)
            models_send(c, j);
        else if (j->kind == JOB_RECEIPT)
            receipt_send(c, j);
        else
            chat_send(c, j);
        break;
    case JOB_ANSWER:
        moved = j->kind == JOB_MODELS    ? models_answer(c, j)
                : j->kind == JOB_RECEIPT ? receipt_answer(c, j, now)
                                         : chat_answer(c, j, now);
        break;
    case JOB_PAUSED:
        moved = now >= j->resume_at;
        if (moved)
            j->state = j->kind == JOB_RECEIPT ? JOB_SEND : JOB_SESSION;
        break;
    case JOB_KEY: /* the worker moves these all at once */
    case JOB_OVER: return false;
    }
    if (j->failed_memory)
        finish_no_memory(c, j);
    return moved;
}

long long job_due(const struct job *j)
{
    long long due = http_due(j->http);

    if (j->state == JOB_PAUSED && j->resume_at < due)
        due = j->resume_at;
    if (j->state == JOB_ANSWER && j->kind == JOB_CHAT && chat_due(j) < due)
        due = chat_due(j);
    return due;
}
