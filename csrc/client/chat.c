/* One completion: sealed, sent, and its answer read as it comes. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "client/clock.h"
#include "client/job.h"

/* What an answer may still bring after its finish reason: the usage, and the end of the
 * connection. */
enum { LINGER_MS = 3000, LINGER_AFTER_DONE_MS = 50 };

enum {
    /* Work on one answer at once: a stop, and the other answers, wait no longer than this. */
    PUMP_MS = 10,
    /* Nothing but keep-alives for so long is said, and again whenever as much has gone by. */
    KEPT_ALIVE_MS = 10000
};

/* ---- Sending ------------------------------------------------------------------------------ */

static int open_stream(struct job *j, struct failure *f)
{
    const struct stream_options o = { .refuse_plaintext_whitespace =
                                          j->options.policy.refuse_plaintext_whitespace };
    int r = stream_new(&j->stream, j->request.reply, &o);

    return r == 0 ? 0 : failure_set(f, r, NULL, "there is not enough memory");
}

static int post(struct venice_client *c, struct job *j, struct failure *f)
{
    char url[1024], client_key[192], model_key[192];
    const char *const headers[] = { "Content-Type: application/json",
                                    "Accept: text/event-stream",
                                    client_key,
                                    model_key,
                                    "X-Venice-TEE-Signing-Algo: ecdsa",
                                    NULL };
    struct http_request q = { .url = url,
                              .body = j->request.body,
                              .body_len = j->request.body_len,
                              .headers = headers,
                              .bearer = key_source_value(c->key),
                              .response_max = HTTP_ERROR_BODY_MAX,
                              .stream = true };
    int n = snprintf(url, sizeof url, "%s/api/v1/chat/completions", c->options.base_url);

    if (n < 0 || n >= (int)sizeof url)
        return failure_set(f, VENICE_E_CONFIG, NULL, "base_url is too long");
    (void)snprintf(client_key, sizeof client_key, "X-Venice-TEE-Client-Pub-Key: %s",
                   j->request.client_key_hex);
    (void)snprintf(model_key, sizeof model_key, "X-Venice-TEE-Model-Pub-Key: %s",
                   j->request.model_key_hex);
    return http_start(&j->http, f, c->multi, &c->http, &q);
}

/* Every try is sealed anew, with fresh keys: nothing that was sent is sent again. */
void chat_send(struct venice_client *c, struct job *j)
{
    struct failure f = { 0 };
    int r;

    if (!key_source_value(c->key)) { /* another request was refused with it meanwhile */
        j->state = JOB_KEY;
        return;
    }
    if (!session_stands(j->session, clock_boot())) {
        j->state = JOB_SESSION;
        return;
    }
    r = request_build(&j->request, &f, j->session, j->messages, j->count, j->options.params,
                      j->options.venice_parameters);
    if (r != 0)
        failure_set(&f, r, NULL, "the request could not be sealed");
    else if (open_stream(j, &f) == 0)
        (void)post(c, j, &f);
    if (f.status != 0) {
        job_finish(c, j, &f);
        return;
    }
    j->state = JOB_ANSWER;
    job_say_state(c, j, "waiting");
}

/* ---- Trying again ------------------------------------------------------------------------- */

enum http_sent chat_sent(const struct job *j)
{
    enum http_sent now = http_sent(j->http);

    return now > j->sent ? now : j->sent;
}

/* Lets go of everything that belongs to one try. */
static void end_try(struct job *j)
{
    j->sent = chat_sent(j);
    http_stop(j->http);
    j->http = NULL;
    stream_free(j->stream);
    j->stream = NULL;
    request_clear(&j->request);
    j->stream_over = false;
    j->ended_at = 0;
}

/* The enclave could not open what was sent: its key has changed. Attest anew, once. */
static bool renew(struct venice_client *c, struct job *j)
{
    if (j->renewed || j->text_given)
        return false;
    j->renewed = true;
    sessions_drop_id(c->sessions, j->session->id);
    end_try(j);
    j->state = JOB_SESSION;
    return true;
}

static bool try_again(struct venice_client *c, struct job *j, long long now)
{
    struct failure f = { 0 };
    double seconds;

    if (!error_is_passing(http_status(j->http)) || j->retries >= RETRIES_MAX)
        return false;
    seconds = http_retry_after(j->http, 1 << j->retries);
    if (seconds > RETRY_WAIT_MAX)
        return false;
    j->retries++;
    job_say_retry(c, j, seconds, j->retries, error_from_answer(&f, j->http, AT_CHAT, j->model));
    end_try(j);
    j->state = JOB_PAUSED;
    j->resume_at = now + (long long)(seconds * 1000);
    return true;
}

/* A failure of the transfer. Where the prompt had left and nothing came back, that is what a user
 * must know before he asks again. */
static void finish_lost(struct venice_client *c, struct job *j, const struct failure *f)
{
    struct failure lost = { 0 };
    char hint[sizeof f->hint + 64];
    bool all = http_sent(j->http) == HTTP_SENT_ALL;

    if (j->text_given || http_sent(j->http) == HTTP_SENT_NOTHING) {
        job_finish(c, j, f);
        return;
    }
    (void)snprintf(hint, sizeof hint, "asking again may cost twice%s%s", f->hint[0] ? "; " : "",
                   f->hint);
    failure_set(&lost, f->status, all ? hint : f->hint, "%s, no answer: %s",
                all ? "sent" : "sent in part", f->message);
    job_finish(c, j, &lost);
}

/* An answer that is not an event stream. */
static void take_refusal(struct venice_client *c, struct job *j, long long now)
{
    struct failure f = { 0 };

    if (http_failure(j->http, &f) != 0) {
        finish_lost(c, j, &f);
        return;
    }
    if (error_wants_new_session(j->http) && renew(c, j))
        return;
    if (try_again(c, j, now))
        return;
    if (http_status(j->http) == 401)
        key_source_forget(c->key);
    (void)error_from_answer(&f, j->http, AT_CHAT, j->model);
    job_finish(c, j, &f);
}

/* ---- The answer --------------------------------------------------------------------------- */

static void take_stream_error(struct venice_client *c, struct job *j)
{
    struct failure f = { 0 };

    if (stream_wants_new_session(j->stream) && renew(c, j))
        return;
    if (stream_failure(j->stream))
        f = *stream_failure(j->stream);
    failure_set(&f, VENICE_E_MALFORMED, "try again", "the answer is not readable");
    if (f.status == VENICE_E_CUT_OFF)
        finish_lost(c, j, &f);
    else
        job_finish(c, j, &f);
}

/* What postpones the idle timeout: text that the enclave wrote, and the end of it. The rest could
 * be written by anybody on the way, for ever. */
static void note_life(struct job *j, const venice_event *ev)
{
    bool is_sealed = ev->kind == VENICE_EV_CONTENT || ev->kind == VENICE_EV_REASONING;

    if (is_sealed)
        j->ended_at = 0;
    if (is_sealed || ev->kind == VENICE_EV_FINISH)
        http_alive(j->http, clock_ms());
}

static void take_event(struct venice_client *c, struct job *j, const venice_event *ev)
{
    bool is_text = ev->kind == VENICE_EV_CONTENT || ev->kind == VENICE_EV_REASONING ||
                   ev->kind == VENICE_EV_WHITESPACE;

    if (ev->kind == VENICE_EV_ERROR) {
        take_stream_error(c, j);
        return;
    }
    if (is_text && !j->text_given) {
        j->text_given = true;
        job_say_state(c, j, "streaming");
    }
    note_life(j, ev);
    job_say(c, j, ev->kind, ev->status, ev->data, ev->len);
}

/* A service that is alive and gives no text: the user may want to stop it. */
static void say_kept_alive(struct venice_client *c, struct job *j)
{
    long long quiet = http_kept_alive_ms(j->http, clock_ms());
    char text[96];
    int n;

    if (quiet < j->kept_alive)
        j->kept_alive = 0;
    if (quiet - j->kept_alive < KEPT_ALIVE_MS || j->state != JOB_ANSWER)
        return;
    j->kept_alive = quiet;
    n = snprintf(text, sizeof text, "{\"state\":\"%s\",\"kept_alive\":%lld}",
                 j->text_given ? "streaming" : "waiting", quiet / 1000);
    job_say(c, j, VENICE_EV_STATE, 0, text, (size_t)n);
}

/* Bytes from the transfer to the stream. False: there are none now. */
static bool feed(struct venice_client *c, struct job *j)
{
    size_t n = 0;
    const char *bytes = http_take(j->http, &n);
    struct failure f = { 0 };

    if (n == 0)
        return false;
    if (stream_feed(j->stream, bytes, n) != 0) {
        failure_set(&f, VENICE_E_MEMORY, NULL, "there is not enough memory");
        job_finish(c, j, &f);
    }
    return true;
}

/* How long to wait for the transfer's own end: after [DONE] only so that the connection can be used
 * again, after a finish reason for the usage that comes behind it. */
static long long linger(const struct job *j)
{
    return stream_ended(j->stream) ? LINGER_AFTER_DONE_MS : LINGER_MS;
}

/* Everything that came was read and said: is this the end? The stream is told, and its last events
 * are read, before anything else is done. */
static void look_for_end(struct venice_client *c, struct job *j, long long now)
{
    struct failure f = { 0 };
    bool complete = stream_done(j->stream);

    if (j->stream_over) {
        job_finish(c, j, NULL);
        return;
    }
    if (complete && j->ended_at == 0)
        j->ended_at = now;
    if (!http_over(j->http)) {
        if (!complete || now - j->ended_at < linger(j))
            return;
    } else if (!complete && http_failure(j->http, &f) != 0) {
        finish_lost(c, j, &f);
        return;
    }
    j->stream_over = true;
    (void)stream_finish(j->stream);
}

/* A text is taken out of the stream only while the queue has room, and bytes out of the transfer
 * only when the stream has given all it had: a reader who is slow slows the sender down. */
static void pump(struct venice_client *c, struct job *j, long long now)
{
    venice_event ev;
    long long until = clock_ms() + PUMP_MS;

    j->busy = false;
    while (j->state == JOB_ANSWER && !j->failed_memory) {
        bool was_over = j->stream_over;

        if (clock_ms() >= until) {
            http_pause(j->http, true); /* what comes meanwhile would pile up */
            j->busy = true;
            return;
        }

        if (!queue_has_room(c->queue)) {
            http_pause(j->http, true);
            j->ended_at = 0; /* nothing is late while we do not read */
            return;
        }
        if (stream_next(j->stream, &ev) == 1) {
            take_event(c, j, &ev);
        } else if (!feed(c, j)) {
            http_pause(j->http, false);
            if (http_has_bytes(j->http)) /* letting go can bring some at once */
                continue;
            look_for_end(c, j, now);
            if (j->stream_over == was_over)
                return;
        }
    }
}

bool chat_answer(struct venice_client *c, struct job *j, long long now)
{
    if (http_is_stream(j->http)) {
        pump(c, j, now);
        say_kept_alive(c, j);
    } else if (http_over(j->http)) {
        take_refusal(c, j, now);
    }
    return j->state != JOB_ANSWER;
}

long long chat_due(const struct job *j)
{
    if (j->busy)
        return 0;
    return j->ended_at > 0 && !j->stream_over ? j->ended_at + linger(j) : LLONG_MAX;
}
