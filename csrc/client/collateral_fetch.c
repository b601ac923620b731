/* The four transfers, side by side; the first that fails ends the wait for the rest. */
#include "client/collateral_fetch.h"

#include <limits.h>
#include <stdio.h>

#include "base/secret.h"

enum { URL_MAX = 2048, BODY_MAX = 256 * 1024, TOTAL_SECONDS = 30 };

static const char NO_MEMORY[] = "there is not enough memory";
static const char OPTION[] = "verify.collateral_url";

struct collateral_fetch {
    struct http *http[COLLATERAL_PARTS];
    char host[COLLATERAL_PARTS][HTTP_HOST_MAX + 16]; /* Intel's root CRL has another */
};

/* ---- Fetching -------------------------------------------------------------------------------- */

static int start_part(struct collateral_fetch *c, struct failure *f, CURLM *multi,
                      const struct http_config *config, enum collateral_part part, const char *url)
{
    struct http_request q = { .url = url,
                              .response_max = BODY_MAX,
                              .total_seconds = TOTAL_SECONDS };
    struct http_url parts;
    int r = http_url_read(&parts, url, OPTION, f);

    if (r != 0)
        return r;
    snprintf(c->host[part], sizeof c->host[part], "%s%s%s", parts.host, parts.port[0] ? ":" : "",
             parts.port);
    collateral_part_headers(q.long_header, part);
    return http_start(&c->http[part], f, multi, config, &q);
}

/* What stands before a path cannot hold a query. */
static int check_service(struct failure *f, const char *service)
{
    struct http_url parts;
    int r = http_url_read(&parts, service, OPTION, f);

    if (r == 0 && parts.query)
        r = failure_set(f, VENICE_E_CONFIG, "it is the address before /tdx/certification",
                        "%s must not hold a query", OPTION);
    return r;
}

int collateral_fetch_start(struct collateral_fetch **out, struct failure *f, CURLM *multi,
                           const struct http_config *config, const char *service, const char *fmspc,
                           const char *ca)
{
    char url[URL_MAX];
    struct collateral_fetch *c;
    int r = check_service(f, service);

    *out = NULL;
    if (r != 0)
        return r;
    c = wiping_calloc(1, sizeof *c);
    if (!c)
        return failure_set(f, VENICE_E_MEMORY, NULL, NO_MEMORY);
    for (int i = 0; i < COLLATERAL_PARTS && r == 0; i++) {
        if (collateral_part_url(url, sizeof url, (enum collateral_part)i, service, fmspc, ca) != 0)
            r = failure_set(f, VENICE_E_CONFIG, NULL, "%s is too long", OPTION);
        else
            r = start_part(c, f, multi, config, (enum collateral_part)i, url);
    }
    if (r != 0)
        collateral_fetch_stop(c);
    else
        *out = c;
    return r;
}

void collateral_fetch_stop(struct collateral_fetch *c)
{
    if (!c)
        return;
    for (int i = 0; i < COLLATERAL_PARTS; i++)
        http_stop(c->http[i]);
    wiping_free(c);
}

static bool has_failed(const struct http *h)
{
    return http_over(h) && (http_failure(h, NULL) != 0 || http_status(h) / 100 != 2);
}

bool collateral_fetch_over(const struct collateral_fetch *c)
{
    bool all = true;

    for (int i = 0; i < COLLATERAL_PARTS; i++) {
        if (has_failed(c->http[i]))
            return true;
        all = all && http_over(c->http[i]);
    }
    return all;
}

long long collateral_fetch_due(const struct collateral_fetch *c)
{
    long long due = LLONG_MAX;

    for (int i = 0; c && i < COLLATERAL_PARTS; i++) {
        long long t = http_due(c->http[i]);

        due = t < due ? t : due;
    }
    return due;
}

void collateral_fetch_expire(struct collateral_fetch *c, long long now_ms)
{
    for (int i = 0; c && i < COLLATERAL_PARTS; i++)
        http_expire(c->http[i], now_ms);
}

/* ---- The outcome ----------------------------------------------------------------------------- */

static int say_status(struct failure *f, const char *host, const char *what, long status)
{
    if (status == 404)
        return failure_set(f, VENICE_E_NOT_FOUND, "check verify.collateral_url",
                           "%s does not have the %s of this platform (HTTP 404)", host, what);
    if (http_is_redirect(status))
        return failure_set(f, VENICE_E_MALFORMED,
                           "verify.collateral_url must name the service itself",
                           "%s sends us elsewhere (HTTP %ld), which is not followed", host, status);
    return failure_set(f, VENICE_E_SERVER,
                       "try again later, or name another service: verify.collateral_url",
                       "%s gave no %s (HTTP %ld)", host, what, status);
}

/* The first part that failed, in words. 0: none did. */
static int say_failure(const struct collateral_fetch *c, struct failure *f)
{
    for (int i = 0; i < COLLATERAL_PARTS; i++) {
        struct failure cause = { 0 };
        int r;

        if (!has_failed(c->http[i]))
            continue;
        r = http_failure(c->http[i], &cause);
        if (r == 0)
            return say_status(f, c->host[i], collateral_part_name((enum collateral_part)i),
                              http_status(c->http[i]));
        return failure_set(f, r, "try again later, or name another service: verify.collateral_url",
                           "%s", cause.message);
    }
    return 0;
}

int collateral_fetch_result(const struct collateral_fetch *c, char **json, size_t *len,
                            struct failure *f)
{
    struct collateral_answer answers[COLLATERAL_PARTS];
    enum collateral_part bad;
    int r = say_failure(c, f);

    *json = NULL;
    *len = 0;
    if (r != 0)
        return r;
    for (int i = 0; i < COLLATERAL_PARTS; i++) {
        answers[i].body = http_body(c->http[i], &answers[i].len);
        answers[i].chain = http_long_header(c->http[i]);
    }
    r = collateral_assemble(json, len, &bad, answers);
    if (r == VENICE_E_MALFORMED)
        return failure_set(f, r, "check verify.collateral_url",
                           "%s answered with a %s that cannot be read", c->host[bad],
                           collateral_part_name(bad));
    return r == 0 ? 0 : failure_set(f, r, NULL, NO_MEMORY);
}
