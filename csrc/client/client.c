/* The public functions of a client. They run on the editor thread and put work into the inbox; none
 * waits for the worker but venice_client_close, and that no longer than it is told to. */
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/secret.h"
#include "client/job.h"
#include "client/models.h"

/* ---- Making one --------------------------------------------------------------------------- */

/* Signals are the editor's: the worker, and what curl starts from it, must not take one. */
static int start_worker(struct venice_client *c)
{
    sigset_t every, before;
    int r;

    sigfillset(&every);
    if (pthread_sigmask(SIG_SETMASK, &every, &before) != 0)
        return VENICE_E_INTERNAL;
    r = pthread_create(&c->thread, NULL, worker_main, c);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r == 0 ? 0 : VENICE_E_INTERNAL;
}

/* The close waits by a clock that nobody sets. */
static int make_locks(struct venice_client *c)
{
    pthread_condattr_t attr;
    int r = pthread_condattr_init(&attr);

    if (r != 0)
        return VENICE_E_INTERNAL;
#ifndef __APPLE__
    r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    if (r == 0)
        r = pthread_cond_init(&c->ended_signal, &attr);
    pthread_condattr_destroy(&attr);
    if (r != 0)
        return VENICE_E_INTERNAL;
    if (pthread_mutex_init(&c->lock, NULL) == 0)
        return 0;
    pthread_cond_destroy(&c->ended_signal);
    return VENICE_E_INTERNAL;
}

static int make_parts(struct venice_client *c)
{
    int r = queue_new(&c->queue, c->options.queue_bytes);

    if (r == 0)
        r = key_source_new(&c->key);
    if (r == 0)
        r = sessions_new(&c->sessions);
    if (r == 0 && !(c->multi = curl_multi_init()))
        r = VENICE_E_MEMORY;
    c->http.tls_ca = c->options.tls_ca;
    c->http.connect_seconds = c->options.connect_seconds;
    c->http.idle_seconds = c->options.idle_seconds;
    return r;
}

static void give_failure(venice_text *out, const struct failure *f)
{
    size_t len = 0;

    if (!out)
        return;
    venice_text_free(out);
    if (failure_json(f, &out->data, &len) == 0)
        out->len = (uint32_t)len;
}

int venice_client_new(venice_client **out, venice_text *error, const char *options_json, size_t len)
{
    struct failure f = { 0 };
    struct venice_client *c = NULL;
    int r;

    if (error)
        memset(error, 0, sizeof *error);
    if (!out || (!options_json && len > 0))
        return VENICE_E_ARG;
    *out = NULL;
    r = http_setup();
    if (r != 0)
        return r;
    c = wiping_calloc(1, sizeof *c);
    if (!c)
        return VENICE_E_MEMORY;
    r = make_locks(c);
    if (r != 0) {
        wiping_free(c);
        return r;
    }
    r = client_options_read(&c->options, &f, options_json, len);
    if (r == 0)
        r = make_parts(c);
    if (r == 0)
        r = start_worker(c);
    if (r == 0) {
        *out = c;
        return 0;
    }
    if (r == VENICE_E_CONFIG)
        give_failure(error, &f);
    worker_release(c);
    return r;
}

int venice_client_fd(const venice_client *c)
{
    return c ? queue_fd(c->queue) : VENICE_E_ARG;
}

int venice_key_from_env(venice_client *c, const char *name)
{
    return c ? key_source_env(c->key, name) : VENICE_E_ARG;
}

int venice_key_from_command(venice_client *c, const char *const *argv, uint32_t argc)
{
    return c ? key_source_command(c->key, argv, argc) : VENICE_E_ARG;
}

/* ---- Accepting requests ------------------------------------------------------------------- */

/* Takes a slot for a new id. 0: all are taken. */
static uint32_t take_slot(struct venice_client *c)
{
    uint32_t id = 0;

    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < REQUESTS_MAX && id == 0; i++) {
        if (c->slots[i].id == 0) {
            if (++c->last_id == 0)
                ++c->last_id;
            id = c->last_id;
            c->slots[i].id = id;
            c->slots[i].cancel = false;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return id;
}

static void give_slot_back(struct venice_client *c, uint32_t id)
{
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < REQUESTS_MAX; i++)
        if (c->slots[i].id == id)
            c->slots[i].id = 0;
    pthread_mutex_unlock(&c->lock);
}

/* A job with an id, and with the promise that its DONE can be said. */
static int job_new(struct job **out, struct venice_client *c, enum job_kind kind)
{
    struct job *j = wiping_calloc(1, sizeof *j);

    *out = NULL;
    if (!j || proxy_read(&j->proxy) != 0) {
        wiping_free(j);
        return VENICE_E_MEMORY;
    }
    j->kind = kind;
    j->id = take_slot(c);
    if (j->id == 0) {
        job_free(j);
        return VENICE_E_BUSY;
    }
    if (queue_reserve(c->queue) != 0) {
        give_slot_back(c, j->id);
        job_free(j);
        return VENICE_E_MEMORY;
    }
    j->options.policy.attestation = true;
    *out = j;
    return 0;
}

/* Hands the job to the worker, or says its DONE here where it is refused at once: errors come one
 * way only. */
static int accept_job(struct venice_client *c, struct job *j, const struct failure *f,
                      uint32_t *request)
{
    struct job **end;

    *request = j->id;
    if (f->status != 0) {
        job_finish(c, j, f);
        job_free(j);
        return 0;
    }
    pthread_mutex_lock(&c->lock);
    for (end = &c->inbox; *end; end = &(*end)->next)
        ;
    *end = j;
    pthread_mutex_unlock(&c->lock);
    (void)curl_multi_wakeup(c->multi);
    return 0;
}

static int set_model(struct job *j, struct failure *f, const char *model)
{
    if (!model_id_is_valid(model))
        return failure_set(f, VENICE_E_CONFIG, ":Venice model lists those that there are",
                           "that is not the name of a model");
    memcpy(j->model, model, strlen(model) + 1);
    return 0;
}

int venice_models(venice_client *c, uint32_t *request)
{
    struct failure f = { 0 };
    struct job *j;
    int r;

    if (!c || !request)
        return VENICE_E_ARG;
    r = job_new(&j, c, JOB_MODELS);
    if (r != 0)
        return r;
    j->state = JOB_SEND;
    return accept_job(c, j, &f, request);
}

int venice_attest(venice_client *c, uint32_t *request, const char *model, const char *options_json,
                  size_t len)
{
    struct failure f = { 0 };
    struct job *j;
    int r;

    if (!c || !request || !model || (!options_json && len > 0))
        return VENICE_E_ARG;
    r = job_new(&j, c, JOB_ATTEST);
    if (r != 0)
        return r;
    j->state = JOB_SESSION;
    if (set_model(j, &f, model) == 0)
        (void)request_options_read(&j->options, &f, options_json, len, c->options.attestation,
                                   false);
    return accept_job(c, j, &f, request);
}

int venice_receipt(venice_client *c, uint32_t *request, const char *model, const char *options_json,
                   size_t len)
{
    struct failure f = { 0 };
    struct job *j;
    int r;

    if (!c || !request || !model || (!options_json && len > 0))
        return VENICE_E_ARG;
    r = job_new(&j, c, JOB_RECEIPT);
    if (r != 0)
        return r;
    j->state = JOB_SEND;
    if (set_model(j, &f, model) == 0)
        (void)receipt_options_read(&j->receipt, &f, options_json ? options_json : "", len, false);
    return accept_job(c, j, &f, request);
}

/* ---- Chat --------------------------------------------------------------------------------- */

/* content may hold NUL bytes; one is added behind it. */
static char *copy_content(const venice_message *m)
{
    char *copy = wiping_malloc((size_t)m->content_len + 1);

    if (copy) {
        if (m->content_len > 0)
            memcpy(copy, m->content, m->content_len);
        copy[m->content_len] = 0;
    }
    return copy;
}

static int copy_messages(struct job *j, const venice_message *from, uint32_t count)
{
    j->messages = wiping_calloc(count ? count : 1, sizeof *j->messages);
    if (!j->messages)
        return VENICE_E_MEMORY;
    j->count = count;
    for (uint32_t i = 0; i < count; i++) {
        venice_message *to = &j->messages[i];

        to->role = wiping_strdup(from[i].role);
        to->content = copy_content(&from[i]);
        to->content_len = from[i].content_len;
        to->tool_call_id = from[i].tool_call_id ? wiping_strdup(from[i].tool_call_id) : NULL;
        if (!to->role || !to->content || (from[i].tool_call_id && !to->tool_call_id))
            return VENICE_E_MEMORY;
    }
    return 0;
}

/* Everything that can be refused without the network, and without sealing anything. */
static void prepare_chat(struct venice_client *c, struct job *j, struct failure *f,
                         const char *model, const venice_message *messages, uint32_t count,
                         const char *options_json, size_t len)
{
    int r = set_model(j, f, model);

    if (r == 0)
        r = request_options_read(&j->options, f, options_json, len, c->options.attestation, true);
    if (r == 0)
        r = request_check(f, messages, count, j->options.params, j->options.venice_parameters);
    if (r == 0)
        r = copy_messages(j, messages, count);
    if (r == 0)
        r = key_source_prepare(c->key);
    if (r != 0)
        failure_set(f, r, NULL, "the request could not be taken");
}

int venice_chat(venice_client *c, uint32_t *request, const char *model,
                const venice_message *messages, uint32_t count, const char *options_json,
                size_t len)
{
    struct failure f = { 0 };
    struct job *j;
    int r;

    if (!c || !request || !model || (!messages && count > 0) || (!options_json && len > 0))
        return VENICE_E_ARG;
    for (uint32_t i = 0; i < count; i++)
        if (!messages[i].role || (!messages[i].content && messages[i].content_len > 0))
            return VENICE_E_ARG;
    r = job_new(&j, c, JOB_CHAT);
    if (r != 0)
        return r;
    j->state = JOB_KEY;
    prepare_chat(c, j, &f, model, messages, count, options_json, len);
    return accept_job(c, j, &f, request);
}

int venice_cancel(venice_client *c, uint32_t request)
{
    bool found = false;

    if (!c)
        return VENICE_E_ARG;
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < REQUESTS_MAX && request != 0; i++) {
        if (c->slots[i].id == request)
            found = c->slots[i].cancel = true;
    }
    pthread_mutex_unlock(&c->lock);
    if (found)
        (void)curl_multi_wakeup(c->multi);
    return 0;
}

/* ---- Sessions ----------------------------------------------------------------------------- */

int venice_forget(venice_client *c, const char *model)
{
    if (!c)
        return VENICE_E_ARG;
    sessions_drop_model(c->sessions, model);
    return 0;
}

int venice_encrypt(venice_client *c, venice_keypair **reply, venice_text *out, uint32_t session,
                   const venice_message *messages, uint32_t count)
{
    struct failure f = { 0 };
    struct session *s;
    char *text = NULL;
    size_t len = 0;
    int r;

    if (!c || !reply || !out || (!messages && count > 0))
        return VENICE_E_ARG;
    *reply = NULL;
    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < count; i++)
        if (!messages[i].role || (!messages[i].content && messages[i].content_len > 0))
            return VENICE_E_ARG;
    s = sessions_by_id(c->sessions, session);
    if (!s)
        r = failure_set(&f, VENICE_E_ATTESTATION, "attest the model anew",
                        "nothing was sealed: this session is over");
    else
        r = request_build_parts(&text, &len, reply, &f, s, messages, count);
    session_drop(s);
    if (r != 0) {
        failure_set(&f, r, NULL, "the messages could not be sealed");
        give_failure(out, &f);
        return r;
    }
    out->data = text;
    out->len = (uint32_t)len;
    return 0;
}

/* ---- Events ------------------------------------------------------------------------------- */

int venice_next(venice_client *c, venice_event *out)
{
    bool drained = false;
    int r;

    if (!c || !out)
        return VENICE_E_ARG;
    r = queue_next(c->queue, out, &drained);
    if (drained)
        (void)curl_multi_wakeup(c->multi);
    return r;
}

/* ---- The end ------------------------------------------------------------------------------ */

static struct timespec deadline(uint32_t ms)
{
    struct timespec t = { 0 };

#ifdef __APPLE__
    (void)clock_gettime(CLOCK_REALTIME, &t);
#else
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
#endif
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

int venice_client_close(venice_client **client, uint32_t timeout_ms)
{
    struct timespec until = deadline(timeout_ms);
    struct venice_client *c;
    pthread_t thread;
    bool ended;

    if (!client || !*client)
        return client ? 0 : VENICE_E_ARG;
    c = *client;
    *client = NULL;
    thread = c->thread;
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    (void)curl_multi_wakeup(c->multi);
    while (!c->ended && pthread_cond_timedwait(&c->ended_signal, &c->lock, &until) == 0)
        ;
    ended = c->ended;
    c->abandoned = !ended;
    if (!ended)
        (void)pthread_detach(thread);
    pthread_mutex_unlock(&c->lock);
    if (!ended)
        return VENICE_E_BUSY; /* the worker frees everything when it comes back, if it does */
    (void)pthread_join(thread, NULL);
    worker_release(c);
    return 0;
}
