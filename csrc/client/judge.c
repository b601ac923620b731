/* From the body of an attestation to a report, and from an accepted report to a session. */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "client/clock.h"
#include "client/collateral_cache.h"
#include "client/job.h"
#include "client/pem_file.h"

static const char NO_MEMORY[] = "there is not enough memory";

/* ---- Collateral ------------------------------------------------------------------------------ */

/* Users write the address with and without a slash at its end. One that is too long stays empty,
 * which collateral_fetch_start refuses. */
static void set_service(struct flight *fl)
{
    const char *url = policy_string(&fl->policy, "collateral_url");
    size_t n;

    if (!url)
        url = COLLATERAL_INTEL_URL;
    for (n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
        ;
    snprintf(fl->service, sizeof fl->service, "%.*s", n < sizeof fl->service ? (int)n : 0, url);
}

static struct collateral_key cache_key(const struct venice_client *c, const struct flight *fl)
{
    return (struct collateral_key){
        .dir = c->options.cache_dir, .url = fl->service, .fmspc = fl->fmspc, .ca = fl->ca
    };
}

/* From the cache, unless what was there has already been judged and found wanting; else from the
 * network. Returns 0 where it was given or is on its way. */
static int want_collateral(struct venice_client *c, struct flight *fl)
{
    struct collateral_key key;
    char *json = NULL;
    size_t len = 0;
    int r;

    if (attestation_collateral_key(fl->attestation, fl->fmspc, &fl->ca) != 0)
        return attestation_feed_collateral(fl->attestation, NULL, 0);
    key = cache_key(c, fl);
    if (!fl->refreshed)
        collateral_cache_read(&json, &len, &key, fl->now);
    if (json) {
        fl->from_cache = true;
        r = attestation_feed_collateral(fl->attestation, json, len);
        wiping_free(json);
        return r;
    }
    fl->from_cache = false;
    if (collateral_fetch_start(&fl->collateral, &fl->no_collateral, c->multi, &c->http, key.url,
                               key.fmspc, key.ca) != 0)
        return attestation_feed_collateral(fl->attestation, NULL, 0);
    fl->state = FLIGHT_COLLATERAL;
    return 0;
}

/* Gives what was fetched, or that there is none: then the report says collateral_missing, or
 * collateral_malformed where an answer cannot be read, and no_collateral says why. */
static int take_collateral(struct flight *fl)
{
    int r;

    wiping_free(fl->fetched);
    r = collateral_fetch_result(fl->collateral, &fl->fetched, &fl->fetched_len, &fl->no_collateral);
    collateral_fetch_stop(fl->collateral);
    fl->collateral = NULL;
    if (r == VENICE_E_MALFORMED)
        return attestation_feed_collateral(fl->attestation, "", 0);
    return attestation_feed_collateral(fl->attestation, fl->fetched, fl->fetched_len);
}

/* Whether the collateral was good enough to place the platform: its signatures and dates held,
 * and it knows this platform. Whatever failed after that (revoked, debug mode, the binding) is
 * not its fault. */
static bool collateral_was_good(const struct flight *fl)
{
    return report_string(attestation_report(fl->attestation), "status") != NULL;
}

static void keep_collateral(struct venice_client *c, struct flight *fl)
{
    struct collateral_key key = cache_key(c, fl);

    if (fl->fetched && collateral_was_good(fl))
        collateral_cache_write(&key, fl->fetched, fl->fetched_len);
}

/* ---- NVIDIA's service ------------------------------------------------------------------------ */

/* Returns 0 where it is on its way, or it was said that there is no answer. */
static int want_nras(struct venice_client *c, struct flight *fl)
{
    const char *url = policy_string(&fl->policy, "nras");
    const char *payload = attestation_nras_payload(fl->attestation);

    if (!payload || nras_fetch_start(&fl->nras, &fl->no_nras, c->multi, &c->http,
                                     url ? url : NRAS_URL, payload, &c->nras_keys, clock_ms()) != 0)
        return attestation_feed_nras(fl->attestation, NULL, 0, NULL, 0);
    fl->state = FLIGHT_NRAS;
    return 0;
}

/* A key set is kept once a whole answer has verified with it. */
static int take_nras(struct flight *fl)
{
    const char *response = NULL, *jwks = NULL, *level;
    size_t response_len = 0, jwks_len = 0;
    int r;

    if (nras_fetch_result(fl->nras, &response, &response_len, &jwks, &jwks_len, &fl->no_nras) != 0)
        response = jwks = NULL;
    r = attestation_feed_nras(fl->attestation, response, response_len, jwks, jwks_len);
    level = report_string(attestation_report(fl->attestation), "gpu.level");
    if (r == 0 && level && strcmp(level, "nras") == 0)
        nras_fetch_keep_keys(fl->nras, clock_ms());
    nras_fetch_stop(fl->nras);
    fl->nras = NULL;
    return r;
}

/* ---- The outcome ----------------------------------------------------------------------------- */

/* A session lasts as long as the user wants, and no longer than the evidence allows. */
static void begin_session(struct venice_client *c, struct flight *fl, struct attestation *a,
                          const uint8_t public65[65])
{
    int64_t seconds = c->options.session_seconds, allowed = attestation_lifetime(a);
    const char *level = report_level_name(report_level(attestation_report(a)));

    /* allowed counts from fl->now; since then the collateral may have been fetched. */
    if (allowed < INT64_MAX)
        allowed -= clock_unix() - fl->now;
    if (allowed < seconds)
        seconds = allowed;
    if (seconds <= 0) {
        failure_set(&fl->failure, VENICE_E_ATTESTATION, ":Venice attest shows every check",
                    "nothing was sent: the evidence of %s is no longer fresh", fl->model);
        return;
    }
    if (session_new(&fl->session, sessions_id(c->sessions), fl->model, public65,
                    clock_boot() + seconds, fl->report, fl->report_len) != 0 ||
        sessions_put(c->sessions, fl->session, fl->policy_text, level,
                     report_get(attestation_report(a), "pin")) != 0) {
        session_drop(fl->session);
        fl->session = NULL;
        failure_set(&fl->failure, VENICE_E_MEMORY, NULL, NO_MEMORY);
    }
}

/* The sentence for a refusal; where collateral is what is missing, it names who did not give it. */
static void refuse(struct venice_client *c, struct flight *fl)
{
    const struct report *report = attestation_report(fl->attestation);
    const char *reason = report_reason(report);

    if (fl->no_collateral.status != 0 && reason && strncmp(reason, "collateral_", 11) == 0)
        failure_set(&fl->failure, VENICE_E_ATTESTATION, fl->no_collateral.hint,
                    "nothing was sent: the hardware of %.100s cannot be judged: %s", fl->model,
                    fl->no_collateral.message);
    else if (fl->no_nras.status != 0 && reason && strcmp(reason, "nras_missing") == 0)
        failure_set(&fl->failure, VENICE_E_ATTESTATION, fl->no_nras.hint,
                    "nothing was sent: NVIDIA's service did not judge the GPUs of %.100s: %s",
                    fl->model, fl->no_nras.message);
    else {
        /* What is refused now is not sent to because it was accepted before. */
        sessions_drop_model(c->sessions, fl->model);
        (void)error_from_report(&fl->failure, report, fl->model);
    }
}

static void conclude(struct venice_client *c, struct flight *fl)
{
    const struct report *report = attestation_report(fl->attestation);
    uint8_t public65[65];

    keep_collateral(c, fl);
    if (report_json(report, &fl->report, &fl->report_len) != 0 ||
        (fl->wants_bundle &&
         attestation_bundle(fl->attestation, &fl->bundle, &fl->bundle_len) != 0))
        failure_set(&fl->failure, VENICE_E_MEMORY, NULL, NO_MEMORY);
    else if (attestation_key(fl->attestation, public65) == 1)
        begin_session(c, fl, fl->attestation, public65);
    else
        refuse(c, fl);
}

/* ---- The steps ------------------------------------------------------------------------------- */

void judge_clear(struct flight *fl)
{
    nras_fetch_stop(fl->nras); /* before the payload that it sends */
    fl->nras = NULL;
    attestation_free(fl->attestation);
    fl->attestation = NULL;
    collateral_fetch_stop(fl->collateral);
    fl->collateral = NULL;
    wiping_free(fl->fetched);
    fl->fetched = NULL;
}

/* The roots that options name, in place of Intel's and NVIDIA's. */
static int read_root(char **pem, struct flight *fl, const char *member, const char *option)
{
    const char *path = policy_string(&fl->policy, member);

    *pem = NULL;
    return path ? pem_file_read(pem, path, option, &fl->failure) : 0;
}

static int begin(struct flight *fl)
{
    char *root_pem = NULL, *gpu_root_pem = NULL;
    const char *body;
    size_t len = 0;
    int r;

    fl->now = clock_unix();
    r = read_root(&root_pem, fl, "root_ca", "verify.root_ca");
    if (r == 0)
        r = read_root(&gpu_root_pem, fl, "gpu_root_ca", "verify.gpu_root_ca");
    if (r == 0)
        r = attestation_new(&fl->attestation, &fl->policy, fl->model, fl->nonce_hex, fl->now,
                            root_pem, fl->pins);
    if (r == 0 && gpu_root_pem)
        r = attestation_set_gpu_root(fl->attestation, gpu_root_pem);
    wiping_free(root_pem);
    wiping_free(gpu_root_pem);
    if (r != 0)
        return r;
    body = http_body(fl->http, &len);
    return attestation_feed_response(fl->attestation, body, len);
}

/* Whether what came from the cache may be to blame: damaged, or older than the platform's firmware.
 * Then it is asked for anew, once. */
static bool blames_cache(const struct flight *fl)
{
    return fl->from_cache && !fl->refreshed && !collateral_was_good(fl);
}

/* Goes on until the report is complete, something is under way, or it cannot go on. */
static void go_on(struct venice_client *c, struct flight *fl, int r)
{
    while (r == 0) {
        if (attestation_needs(fl->attestation) == NEED_COLLATERAL) {
            r = want_collateral(c, fl);
            if (r == 0 && fl->state == FLIGHT_COLLATERAL)
                return;
        } else if (attestation_needs(fl->attestation) == NEED_NRAS) {
            r = want_nras(c, fl);
            if (r == 0 && fl->state == FLIGHT_NRAS)
                return;
        } else if (blames_cache(fl)) {
            fl->refreshed = true;
            attestation_free(fl->attestation);
            fl->attestation = NULL;
            r = begin(fl);
        } else {
            conclude(c, fl);
            break;
        }
    }
    if (r == VENICE_E_CONFIG)
        failure_set(&fl->failure, r,
                    "verify.root_ca and verify.gpu_root_ca are certificates in PEM",
                    "the root certificate cannot be used");
    else if (r != 0)
        failure_set(&fl->failure, r, NULL, "the attestation could not be judged");
    fl->state = FLIGHT_DONE;
    judge_clear(fl);
}

void judge_begin(struct venice_client *c, struct flight *fl)
{
    fl->state = FLIGHT_DONE;
    fl->refreshed = fl->from_cache = false;
    set_service(fl);
    go_on(c, fl, begin(fl));
}

bool judge_advance(struct venice_client *c, struct flight *fl)
{
    if (fl->state == FLIGHT_NRAS) {
        if (!nras_fetch_over(fl->nras, clock_ms()))
            return false;
        fl->state = FLIGHT_DONE;
        go_on(c, fl, take_nras(fl));
        return true;
    }
    if (!collateral_fetch_over(fl->collateral))
        return false;
    fl->state = FLIGHT_DONE;
    go_on(c, fl, take_collateral(fl));
    return true;
}
