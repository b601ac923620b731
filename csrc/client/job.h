/* What the files of the worker share: the client, its requests, and the attestations under way.
 *
 *   client.c  public functions, editor thread      worker.c  the thread and its loop
 *   job.c     a request's life, whatever its kind  chat.c, models_job.c  the kinds
 *   flight.c  one attestation, for all who wait for it; judge.c what follows from its evidence
 *
 * Everything here belongs to the worker but for what venice_client marks otherwise. */
#ifndef VENICE_CLIENT_JOB_H
#define VENICE_CLIENT_JOB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "attest/aci/receipt_options.h"
#include "client/budget.h"
#include "client/collateral_fetch.h"
#include "client/errors.h"
#include "client/http.h"
#include "client/key_source.h"
#include "client/nras_fetch.h"
#include "client/options.h"
#include "client/queue.h"
#include "client/sessions.h"
#include "e2ee/request.h"
#include "e2ee/stream.h"

enum {
    REQUESTS_MAX = 64,        /* accepted and not over */
    RETRIES_MAX = 2,          /* DESIGN section 5a, Chat */
    RETRY_WAIT_MAX = 60,      /* seconds; longer is not waited for */
    ATTESTATION_SECONDS = 60, /* PROTOCOL section 1.2: seen to take 10 */
    MODELS_SECONDS = 60,
    RECEIPT_SECONDS = 30
};

enum job_kind { JOB_MODELS, JOB_ATTEST, JOB_CHAT, JOB_RECEIPT };

enum job_state {
    JOB_KEY,       /* waits for the API key */
    JOB_SESSION,   /* looks for a session, else for an attestation to join */
    JOB_ATTESTING, /* waits for its flight */
    JOB_SEND,      /* has what it needs to send */
    JOB_ANSWER,    /* its transfer is under way */
    JOB_PAUSED,    /* waits before another try */
    JOB_OVER       /* DONE was said */
};

struct flight;

struct job {
    struct job *next;
    uint32_t id;
    enum job_kind kind;
    enum job_state state;
    char model[SESSION_MODEL_MAX + 1];
    struct request_options options;
    venice_message *messages; /* copies */
    uint32_t count;
    struct receipt_options receipt; /* JOB_RECEIPT */
    struct proxy *proxy;            /* as it was when the request was made; the worker takes it */

    struct flight *flight; /* while JOB_ATTESTING */
    struct session *session;
    struct request request;
    struct http *http;
    venice_stream *stream;
    int retries;
    bool cancelled;       /* the editor wants it no more */
    bool renewed;         /* attested anew because the enclave could not open what was sent */
    bool text_given;      /* some text has reached the queue */
    bool stream_over;     /* the stream was told that no more will come */
    bool failed_memory;   /* an event could not be said */
    bool busy;            /* stopped in the middle of what has come, so that others get on */
    enum http_sent sent;  /* of the tries that are over, the most */
    long long kept_alive; /* milliseconds of nothing but keep-alives that were said */
    long long resume_at;  /* JOB_PAUSED */
    long long ended_at;   /* when the stream's own end was first seen; 0: not */
};

/* One attestation under way for a model under certain demands, and what came of it. */
enum flight_state {
    FLIGHT_START,
    FLIGHT_FETCH,
    FLIGHT_PAUSED,
    FLIGHT_COLLATERAL,
    FLIGHT_NRAS,
    FLIGHT_DONE
};

struct flight {
    struct flight *next;
    enum flight_state state;
    unsigned waiters;
    char model[SESSION_MODEL_MAX + 1];
    struct policy policy;
    cJSON *pins;
    char *policy_text;
    char nonce_hex[65];
    struct http *http;
    int retries;
    long long resume_at;
    /* judge.c: */
    struct attestation *attestation;
    int64_t now;                         /* unix seconds at which it is judged */
    struct collateral_fetch *collateral; /* FLIGHT_COLLATERAL */
    char service[1024], fmspc[13];       /* whose collateral, for which platform */
    const char *ca;
    char *fetched; /* collateral that came from the network */
    size_t fetched_len;
    bool from_cache, refreshed;
    struct failure no_collateral; /* why there is none */
    struct nras_fetch *nras;      /* FLIGHT_NRAS, and until it is judged */
    struct failure no_nras;
    /* FLIGHT_DONE: */
    char *report; /* JSON; NULL where no evidence came */
    size_t report_len;
    bool wants_bundle; /* somebody asked for the evidence */
    char *bundle;
    size_t bundle_len;
    struct session *session; /* NULL: failure says why */
    struct failure failure;
};

/* A request that was accepted and whose DONE was not said yet. Under the lock. */
struct slot {
    uint32_t id; /* 0: free */
    bool cancel;
};

struct venice_client {
    struct client_options options; /* constant */
    struct http_config http;       /* constant but for the proxy, which is the worker's */
    struct queue *queue;           /* has a lock of its own, as have: */
    struct key_source *key;
    struct sessions *sessions;
    CURLM *multi;
    pthread_t thread;
    uint32_t last_id; /* editor thread */

    pthread_mutex_t lock; /* for what follows, up to the next comment */
    pthread_cond_t ended_signal;
    struct job *inbox;
    struct slot slots[REQUESTS_MAX];
    bool closing, ended, abandoned;

    struct job *jobs;    /* worker only, as all that follows */
    struct proxy *proxy; /* the newest request's */
    struct flight *flights;
    struct budget budget;
    struct nras_keys nras_keys;
};

/* ---- job.c -------------------------------------------------------------------------------- */

/* Wipes and frees; stops its transfer and leaves its flight. Takes NULL. */
void job_free(struct job *j);

/* Says an event; a failed allocation is remembered and ends the job. */
void job_say(struct venice_client *c, struct job *j, uint32_t kind, int status, const char *data,
             size_t len);
/* Says {"state":word}. */
void job_say_state(struct venice_client *c, struct job *j, const char *word);
void job_say_retry(struct venice_client *c, struct job *j, double seconds, int attempt, int code);

/* Says DONE with f (NULL or status 0: success) and what is known; the job is over then. */
void job_finish(struct venice_client *c, struct job *j, const struct failure *f);
/* The JSON of a DONE. */
int done_json(char **out, size_t *len, const struct job *j, const struct failure *f);

/* Makes progress; true where something changed, so that it is asked again. */
bool job_advance(struct venice_client *c, struct job *j, long long now_ms);
/* When to ask again at the latest (clock_ms), or LLONG_MAX. */
long long job_due(const struct job *j);

/* ---- chat.c ------------------------------------------------------------------------------- */

void chat_send(struct venice_client *c, struct job *j);
bool chat_answer(struct venice_client *c, struct job *j, long long now_ms);
/* How much of a chat has left this machine, in whichever try. */
enum http_sent chat_sent(const struct job *j);
long long chat_due(const struct job *j);

/* ---- models_job.c ------------------------------------------------------------------------- */

void models_send(struct venice_client *c, struct job *j);
bool models_answer(struct venice_client *c, struct job *j);

/* ---- receipt_job.c ------------------------------------------------------------------------ */

void receipt_send(struct venice_client *c, struct job *j);
bool receipt_answer(struct venice_client *c, struct job *j, long long now_ms);

/* ---- flight.c ----------------------------------------------------------------------------- */

/* Joins the attestation that is under way for the same demands, or starts one. NULL: no memory. */
struct flight *flight_join(struct venice_client *c, const struct job *j);
/* Leaves. What nobody waits for any more is stopped by flights_sweep. */
void flight_leave(struct flight *fl);
void flights_sweep(struct venice_client *c);
bool flight_advance(struct venice_client *c, struct flight *fl, long long now_ms);
long long flight_due(const struct flight *fl);
void flight_expire(struct flight *fl, long long now_ms);

/* ---- judge.c ------------------------------------------------------------------------------ */

/* Judges the body that came: the flight is FLIGHT_DONE then, or waits in FLIGHT_COLLATERAL or
 * FLIGHT_NRAS for what judge_advance takes. */
void judge_begin(struct venice_client *c, struct flight *fl);
bool judge_advance(struct venice_client *c, struct flight *fl);
void judge_clear(struct flight *fl);

/* ---- worker.c ----------------------------------------------------------------------------- */

void *worker_main(void *client);
/* Frees everything of a client whose worker has ended or never was. */
void worker_release(struct venice_client *c);

#endif
