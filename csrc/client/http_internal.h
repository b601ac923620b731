/* What http.c and http_result.c share. */
#ifndef VENICE_CLIENT_HTTP_INTERNAL_H
#define VENICE_CLIENT_HTTP_INTERNAL_H

#include "client/buffer.h"
#include "client/http.h"

enum { HTTP_CONTENT_TYPE = 1 }; /* its place among the kept headers */
enum { HTTP_HEADERS_KEPT = 6, HTTP_HEADER_VALUE_MAX = 127, HTTP_LONG_HEADER_MAX = 32 * 1024 };

/* How a transfer ended. */
enum http_end {
    HTTP_RUNS = 0,
    HTTP_COMPLETE, /* curl is content */
    HTTP_BROKEN,   /* curl says what is wrong */
    HTTP_IDLE,     /* nothing came for idle_seconds */
    HTTP_SLOW,     /* total_seconds are over */
    HTTP_OVERSIZE, /* the body is over response_max, or a stream over HTTP_FLOW_MAX */
    HTTP_CODED,    /* a coding that nobody asked for */
    HTTP_NO_MEMORY,
    HTTP_STALE,   /* the kept connection is not clean: to be started again on a new one */
    HTTP_REPEATED /* curl wanted to send a completion a second time */
};

struct http {
    CURLM *multi;
    CURL *easy; /* NULL when it is over */
    struct curl_slist *headers;
    struct http_url url;
    struct http_config config; /* tls_ca points to the client's options */
    size_t response_max;
    long total_seconds;
    bool wants_stream, once;

    enum http_end end;
    CURLcode result;
    char error[CURL_ERROR_SIZE];
    long status, os_errno;
    long proxy_status; /* of a CONNECT that was refused */
    bool proxied, proxied_as_user;
    bool resolved, connected, paused;
    bool head_over, is_stream;
    int sends;
    long long began, active; /* clock_ms; active: when something meaningful happened last */
    long long heard;         /* when a byte of a stream came last; 0: none */
    long long paused_at;
    size_t body_len;
    curl_off_t uploaded;
    char kept[HTTP_HEADERS_KEPT][HTTP_HEADER_VALUE_MAX + 1];
    struct buffer body, flow, taken;
    const char *long_header[2];
    struct buffer long_value;
    char coding[64]; /* HTTP_CODED: which one */
};

extern const char *const HTTP_KEPT_NAMES[HTTP_HEADERS_KEPT];

#endif
