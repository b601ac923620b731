/* One transfer on a curl multi handle: TLS, limits, close-on-exec, no redirects, no proxy for
 * loopback. Worker thread only, except for http_setup. */
#ifndef VENICE_CLIENT_HTTP_H
#define VENICE_CLIENT_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "client/http_url.h"
#include "client/proxy.h"

enum {
    /* What is kept of an answer that is an error; more of it is not read. */
    HTTP_ERROR_BODY_MAX = 64 * 1024,
    /* What has come of a stream and was not taken. One call of libcurl brings 1.6 MB at most, and
     * it is not called again before those were taken or the transfer was paused. */
    HTTP_FLOW_MAX = 4 * 1024 * 1024
};

struct http_config {
    const char *tls_ca;        /* NULL: the system's */
    const struct proxy *proxy; /* NULL: none; read by http_start only */
    long connect_seconds, idle_seconds;
};

struct http_request {
    const char *url;  /* whole */
    const char *body; /* NULL: GET; else POST, not copied, must outlive the transfer */
    size_t body_len;
    const char *const *headers; /* "Name: value", NULL-terminated; copied; may be NULL */
    const char *bearer;         /* NULL, or the API key; wiped from our copies at the end */
    size_t response_max;        /* bytes of a body that is kept (not of a stream) */
    long total_seconds;         /* 0, or the time that the whole may take */
    bool stream;                /* an event stream goes to http_take as it comes */
    const char
        *long_header[2]; /* NULL, or a header that is kept whole, by either name; not copied */
};

struct http;

/* Sets up libcurl, once, with allocators that wipe. Thread-safe. */
int http_setup(void);

/* Whether libcurl really uses them: false where another part of the process was first (H18). */
bool http_allocators_in_force(void);

int http_start(struct http **out, struct failure *f, CURLM *multi, const struct http_config *config,
               const struct http_request *request);
void http_stop(struct http *h); /* removes it from the multi handle, closes, wipes; takes NULL */

/* Reads curl's messages: marks the transfers that are over. */
void http_collect(CURLM *multi);

/* When the transfer will have been idle or under way for too long (clock_ms), or LLONG_MAX; and its
 * end then. Both take NULL. */
long long http_due(const struct http *h);
void http_expire(struct http *h, long long now_ms);

bool http_over(const struct http *h);

/* For a transfer that is over: 0 where an answer came, whatever its status and, of a stream,
 * whether it came to its end. Else the code, with host and cause in words. */
int http_failure(const struct http *h, struct failure *f);

long http_status(const struct http *h); /* 0: no answer */
/* Whether a status names another address. 304 and its like do not. */
bool http_is_redirect(long status);
/* A kept header: retry-after, content-type, x-ratelimit-{reset,remaining}-{requests,tokens}. */
const char *http_header(const struct http *h, const char *name); /* NULL: none */
const char *http_body(const struct http *h, size_t *len);        /* kept body, never NULL */
const char *http_long_header(const struct http *h); /* the one that was asked for; NULL: none */

/* Streams: whether a 2xx answer says that it is an event stream (or says nothing). Decided once,
 * when its header is over: trailers change nothing. */
bool http_is_stream(const struct http *h);
/* Streams: the bytes that have come since the last call; valid until the next. */
const char *http_take(struct http *h, size_t *len);
bool http_has_bytes(const struct http *h); /* whether http_take would give some */
/* Streams: stops and restarts reading from the socket; while stopped the idle time does not run. */
void http_pause(struct http *h, bool paused);

/* Streams: says that something meaningful has come. Bytes alone do not postpone the idle timeout:
 * comments would keep an answer alive for ever. */
void http_alive(struct http *h, long long now_ms);
/* Streams: for how long nothing but such bytes has come; 0 where none came since something did. */
long long http_kept_alive_ms(const struct http *h, long long now_ms);

/* How much of a body was handed to the network. Also after the end. */
enum http_sent { HTTP_SENT_NOTHING, HTTP_SENT_PART, HTTP_SENT_ALL };
enum http_sent http_sent(const struct http *h); /* takes NULL */

/* Seconds to wait before another try, from Retry-After (seconds or date), else the x-ratelimit
 * reset header (milliseconds), else fallback. */
double http_retry_after(const struct http *h, double fallback);

#endif
