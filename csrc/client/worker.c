/* The worker: one thread, one curl multi handle, one loop. It never waits for anything but the poll
 * at the end of the loop. */
#include <locale.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "base/secret.h"
#include "client/clock.h"
#include "client/job.h"
#include "client/key_command.h"

enum { POLL_MAX_MS = 60 * 1000 };

/* ---- From the editor ---------------------------------------------------------------------- */

/* Under the lock: which of the jobs the editor wants no more. */
static void mark_cancelled(struct venice_client *c)
{
    for (int i = 0; i < REQUESTS_MAX; i++) {
        if (c->slots[i].id == 0 || !c->slots[i].cancel)
            continue;
        for (struct job *j = c->jobs; j; j = j->next)
            j->cancelled = j->cancelled || j->id == c->slots[i].id;
    }
}

/* Every transfer from now on goes through the proxy of the newest request, retries of older ones
 * too: the environment was changed in between. */
static void take_proxies(struct venice_client *c, struct job *j)
{
    for (; j; j = j->next) {
        if (!j->proxy)
            continue;
        proxy_free(c->proxy);
        c->proxy = j->proxy;
        j->proxy = NULL;
    }
    c->http.proxy = c->proxy;
}

/* Takes what was put into the inbox, in its order, and the cancels that came with it: of requests
 * that came together, one that is cancelled must not take the attestation of the others with it.
 * Returns false when it is time to end. */
static bool take_inbox(struct venice_client *c)
{
    struct job **end = &c->jobs;
    bool closing;

    while (*end)
        end = &(*end)->next;
    pthread_mutex_lock(&c->lock);
    *end = c->inbox;
    c->inbox = NULL;
    mark_cancelled(c);
    closing = c->closing;
    pthread_mutex_unlock(&c->lock);
    take_proxies(c, *end);
    return !closing;
}

/* DONE first, then the transfer: taking one from curl can wait for a name lookup (NATIVE.md H6). */
static void cancel_jobs(struct venice_client *c)
{
    struct failure f = { 0 };

    failure_set(&f, VENICE_E_CANCELLED, NULL, "stopped");
    for (struct job *j = c->jobs; j; j = j->next)
        if (j->cancelled)
            job_finish(c, j, &f);
}

static void free_finished(struct venice_client *c)
{
    struct job **at = &c->jobs;

    while (*at) {
        struct job *j = *at;

        if (j->state != JOB_OVER) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        job_free(j);
    }
}

/* ---- The key ------------------------------------------------------------------------------ */

/* One answer for all who wait: a command is not run again for each of them. */
static bool advance_key(struct venice_client *c)
{
    struct failure f = { 0 };
    bool wanted = false;
    int r;

    for (struct job *j = c->jobs; j; j = j->next)
        wanted = wanted || j->state == JOB_KEY;
    if (!wanted) {
        key_source_stop(c->key);
        return false;
    }
    r = key_source_step(c->key, &f);
    if (r == 0)
        return false;
    for (struct job *j = c->jobs; j; j = j->next) {
        if (j->state == JOB_KEY && r > 0)
            j->state = JOB_SESSION;
        else if (j->state == JOB_KEY)
            job_finish(c, j, &f);
    }
    return true;
}

/* ---- The loop ----------------------------------------------------------------------------- */

/* Until nobody can go on without something new from outside. */
static void advance(struct venice_client *c)
{
    long long now = clock_ms();
    bool moved = true;

    while (moved) {
        moved = advance_key(c);
        /* Nothing is freed in these loops. */
        for (struct flight *fl = c->flights; fl; fl = fl->next)
            moved = flight_advance(c, fl, now) || moved;
        for (struct job *j = c->jobs; j; j = j->next)
            moved = job_advance(c, j, now) || moved;
        free_finished(c);
    }
    flights_sweep(c); /* here, so that those who have just come could still join */
}

/* Ends what is idle or too slow. */
static void expire(struct venice_client *c)
{
    long long now = clock_ms();

    for (struct job *j = c->jobs; j; j = j->next)
        http_expire(j->http, now);
    for (struct flight *fl = c->flights; fl; fl = fl->next)
        flight_expire(fl, now);
}

static int poll_timeout(struct venice_client *c)
{
    long long now = clock_ms(), due = now + POLL_MAX_MS, t;

    for (struct job *j = c->jobs; j; j = j->next) {
        t = j->state == JOB_KEY ? now + KEY_COMMAND_POLL_MS : job_due(j);
        due = t < due ? t : due;
    }
    for (struct flight *fl = c->flights; fl; fl = fl->next) {
        t = flight_due(fl);
        due = t < due ? t : due;
    }
    return due > now ? (int)(due - now) : 0;
}

static void wait_for_something(struct venice_client *c)
{
    struct curl_waitfd key = { .fd = key_source_fd(c->key), .events = CURL_WAIT_POLLIN };

    (void)curl_multi_poll(c->multi, &key, key.fd >= 0 ? 1 : 0, poll_timeout(c), NULL);
}

static void loop(struct venice_client *c)
{
    int running;

    while (take_inbox(c)) {
        cancel_jobs(c);
        free_finished(c);
        (void)curl_multi_perform(c->multi, &running);
        http_collect(c->multi);
        expire(c);
        advance(c);
        wait_for_something(c);
    }
}

/* Whoever comes last frees: the closing thread where it could wait, else this one. The thread has a
 * locale of its own, because strerror_r reads the environment for a language to translate to. */
void *worker_main(void *client)
{
    struct venice_client *c = client;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = (locale_t)0;
    bool abandoned;

    if (plain)
        before = uselocale(plain);
    loop(c);
    while (c->jobs) {
        struct job *j = c->jobs;

        c->jobs = j->next;
        job_free(j);
    }
    flights_sweep(c);
    key_source_stop(c->key);
    curl_multi_cleanup(c->multi); /* here, because it may wait; nobody wakes it after the close */
    c->multi = NULL;
    if (plain) {
        (void)uselocale(before);
        freelocale(plain);
    }
    pthread_mutex_lock(&c->lock);
    c->ended = true;
    abandoned = c->abandoned;
    pthread_cond_signal(&c->ended_signal);
    pthread_mutex_unlock(&c->lock);
    if (abandoned)
        worker_release(c);
    return NULL;
}

void worker_release(struct venice_client *c)
{
    if (!c)
        return;
    while (c->inbox) {
        struct job *j = c->inbox;

        c->inbox = j->next;
        job_free(j);
    }
    if (c->multi)
        curl_multi_cleanup(c->multi);
    key_source_free(c->key);
    sessions_free(c->sessions);
    nras_keys_clear(&c->nras_keys);
    proxy_free(c->proxy);
    queue_free(c->queue);
    client_options_clear(&c->options);
    pthread_cond_destroy(&c->ended_signal);
    pthread_mutex_destroy(&c->lock);
    wiping_free(c);
}
