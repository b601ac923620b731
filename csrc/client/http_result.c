/* What a transfer that is over has to say. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/clock.h"
#include "client/http_internal.h"

static const char NETWORK_HINT[] = "check the network, the proxy and the option base_url";

bool http_over(const struct http *h)
{
    return h->end != HTTP_RUNS && !h->easy;
}

long http_status(const struct http *h)
{
    return h->status;
}

bool http_is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

const char *http_header(const struct http *h, const char *name)
{
    for (int i = 0; i < HTTP_HEADERS_KEPT; i++)
        if (strcasecmp(HTTP_KEPT_NAMES[i], name) == 0)
            return h->kept[i][0] ? h->kept[i] : NULL;
    return NULL;
}

const char *http_long_header(const struct http *h)
{
    return h->long_value.len > 0 ? h->long_value.data : NULL;
}

const char *http_body(const struct http *h, size_t *len)
{
    *len = h->body.len;
    return h->body.data ? h->body.data : "";
}

bool http_is_stream(const struct http *h)
{
    return h->is_stream;
}

/* ---- Failures in words -------------------------------------------------------------------- */

/* "api.venice.ai", or with a port where the URL names one. */
static void name_host(char *out, size_t cap, const struct http *h)
{
    (void)snprintf(out, cap, "%s%s%s", h->url.host, h->url.port[0] ? ":" : "", h->url.port);
}

static int timed_out(const struct http *h, const char *host, struct failure *f)
{
    long seconds = h->end == HTTP_IDLE ? h->config.idle_seconds : h->config.connect_seconds;
    char hint[128];

    if (h->end == HTTP_SLOW)
        return failure_set(f, VENICE_E_TIMEOUT, "try again", "%s did not finish within %ld s", host,
                           h->total_seconds);
    (void)snprintf(hint, sizeof hint, "try again, or allow more: timeout = { %s = %ld }",
                   h->end == HTTP_IDLE ? "idle" : "connect", seconds * 2);
    if (h->end == HTTP_IDLE)
        return failure_set(f, VENICE_E_TIMEOUT, hint, "%s sent nothing%s for %ld s", host,
                           h->heard > h->active ? " but keep-alives" : "", seconds);
    if (!h->resolved)
        return failure_set(f, VENICE_E_TIMEOUT, NETWORK_HINT,
                           "the name lookup of %s took longer than %ld s", host, seconds);
    return failure_set(f, VENICE_E_TIMEOUT, hint, "no connection to %s within %ld s", host,
                       seconds);
}

static int tls_failure(const struct http *h, const char *host, struct failure *f)
{
    const char *why = h->error[0] ? h->error : curl_easy_strerror(h->result);

    if (h->result == CURLE_SSL_CACERT_BADFILE)
        return failure_set(f, VENICE_E_CONFIG, "tls_ca must be a PEM file that can be read",
                           "the CA file %s cannot be used",
                           h->config.tls_ca ? h->config.tls_ca : "of this system");
    return failure_set(f, VENICE_E_TLS,
                       "check the clock and the CA bundle; tls_ca names another PEM file",
                       "no secure connection to %s: %s", host, why);
}

/* strerror is not safe beside other threads, and strerror_r comes in two forms. */
static const char *system_error(long number, char *buf, size_t cap)
{
#ifdef __GLIBC__
    return strerror_r((int)number, buf, cap);
#else
    return strerror_r((int)number, buf, cap) == 0 ? buf : "unknown error";
#endif
}

static int connect_failure(const struct http *h, const char *host, struct failure *f)
{
    char why[96];
    const char *cause = h->error[0] ? h->error : curl_easy_strerror(h->result);

    if (h->os_errno != 0)
        cause = system_error(h->os_errno, why, sizeof why);
    if (h->proxied && !h->connected)
        return failure_set(f, VENICE_E_CONNECT, "check https_proxy in the environment",
                           "no connection to the proxy: %s", cause);
    return failure_set(f, VENICE_E_CONNECT, NETWORK_HINT, "no connection to %s: %s", host, cause);
}

/* What a proxy says to CONNECT is not the service's word. */
static int proxy_refusal(const struct http *h, const char *host, struct failure *f)
{
    if (h->proxy_status == 407 && h->proxied_as_user)
        return failure_set(f, VENICE_E_CONNECT, "check them in the variable https_proxy",
                           "the proxy does not take the user and the password (HTTP 407)");
    if (h->proxy_status == 407)
        return failure_set(f, VENICE_E_CONNECT,
                           "say them before Neovim starts: "
                           "https_proxy=http://user:password@host:port",
                           "the proxy asks for a user and a password (HTTP 407)");
    return failure_set(f, VENICE_E_CONNECT,
                       "ask those who run it, or go without it: no_proxy names hosts",
                       "the proxy does not connect us to %s (HTTP %ld)", host, h->proxy_status);
}

/* Newer releases of libcurl refuse a transfer coding themselves, before we see its header. */
static int coding_failure(const char *host, const char *coding, struct failure *f)
{
    return failure_set(f, VENICE_E_MALFORMED, "a proxy may have answered: is base_url right?",
                       "%s answered in a coding that was not asked for: %s", host, coding);
}

static int curl_failure(const struct http *h, const char *host, struct failure *f)
{
    if (h->proxy_status != 0)
        return proxy_refusal(h, host, f);
    switch (h->result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return failure_set(f, VENICE_E_DNS, NETWORK_HINT, "the name %s was not found", h->url.host);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return failure_set(f, VENICE_E_DNS, "check https_proxy in the environment",
                           "the name of the proxy was not found");
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY: return connect_failure(h, host, f);
    case CURLE_OPERATION_TIMEDOUT: return timed_out(h, host, f);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS: return tls_failure(h, host, f);
    case CURLE_BAD_CONTENT_ENCODING: return coding_failure(host, h->error, f);
    case CURLE_OUT_OF_MEMORY:
        return failure_set(f, VENICE_E_MEMORY, NULL, "there is not enough memory");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return failure_set(f, VENICE_E_MALFORMED, "is base_url right?",
                           "%s does not speak HTTP: %s", host, h->error);
    default:
        return failure_set(f, VENICE_E_CONNECT, "try again", "the connection to %s was lost: %s",
                           host, h->error[0] ? h->error : curl_easy_strerror(h->result));
    }
}

int http_failure(const struct http *h, struct failure *f)
{
    char host[HTTP_HOST_MAX + 16];

    name_host(host, sizeof host, h);
    /* The status says more than how the body of an error ended; a stream's end is its reader's. */
    if (h->status >= 300 || h->end == HTTP_COMPLETE)
        return 0;
    switch (h->end) {
    case HTTP_IDLE:
    case HTTP_SLOW: return timed_out(h, host, f);
    case HTTP_CODED: return coding_failure(host, h->coding, f);
    case HTTP_OVERSIZE:
        if (h->is_stream)
            return failure_set(f, VENICE_E_LIMIT, "ask again",
                               "%s sent more than %d bytes that could not be read yet", host,
                               HTTP_FLOW_MAX);
        return failure_set(f, VENICE_E_LIMIT, NULL, "the answer of %s is larger than %zu bytes",
                           host, h->response_max);
    case HTTP_NO_MEMORY: return failure_set(f, VENICE_E_MEMORY, NULL, "there is not enough memory");
    case HTTP_REPEATED:
        return failure_set(f, VENICE_E_CONNECT, "try again: nothing is sent twice unasked",
                           "%s closed the connection before it answered", host);
    default: return http_is_stream(h) ? 0 : curl_failure(h, host, f);
    }
}

/* ---- When to try again -------------------------------------------------------------------- */

static bool read_number(double *out, const char *text)
{
    char *end = NULL;
    double v;

    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    v = strtod(text, &end);
    if (*end != 0 || !isfinite(v))
        return false;
    *out = v;
    return true;
}

/* A reset is milliseconds from now; a number too large for that is the moment itself. */
static bool read_reset(double *out, const struct http *h, const char *reset, const char *remaining)
{
    static const double MOMENTS = 1e12;
    double v, left;

    if (!read_number(&v, http_header(h, reset)))
        return false;
    if (read_number(&left, http_header(h, remaining)) && left > 0)
        return false; /* this budget is not the one that ran out */
    if (v >= MOMENTS)
        v -= (double)clock_unix() * 1000;
    *out = v > 0 ? v / 1000 : 0;
    return true;
}

double http_retry_after(const struct http *h, double fallback)
{
    const char *after = http_header(h, "retry-after");
    double seconds, requests = -1, tokens = -1;
    time_t date;

    if (read_number(&seconds, after))
        return seconds;
    date = after ? curl_getdate(after, NULL) : -1;
    if (date != -1) {
        seconds = difftime(date, (time_t)clock_unix());
        return seconds > 0 ? seconds : 0;
    }
    (void)read_reset(&requests, h, "x-ratelimit-reset-requests", "x-ratelimit-remaining-requests");
    (void)read_reset(&tokens, h, "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens");
    seconds = requests > tokens ? requests : tokens;
    return seconds >= 0 ? seconds : fallback;
}
