/* What http.c and http_result.c share. */
#ifndef VENICE_CLIENT_HTTP_INTERNAL_H
#define VENICE_CLIENT_HTTP_INTERNAL_H

#include "client/buffer.h"
#include "client/http.h"

enum { HTTP_HEADERS_KEPT = 6, HTTP_HEADER_VALUE_MAX = 127, HTTP_LONG_HEADER_MAX = 32 * 1024 };

/* How a transfer ended. */
enum http_end {
    HTTP_RUNS = 0,
    HTTP_COMPLETE, /* curl is content */
    HTTP_BROKEN,   /* curl says what is wrong */
    HTTP_IDLE,     /* nothing came for idle_seconds */
    HTTP_SLOW,     /* total_seconds are over */
    HTTP_OVERSIZE, /* the body is over response_max */
    HTTP_NO_MEMORY,
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
    int sends;
    long long began, active; /* clock_ms */
    curl_off_t uploaded;
    char kept[HTTP_HEADERS_KEPT][HTTP_HEADER_VALUE_MAX + 1];
    struct buffer body, flow, taken;
    const char *long_header[2];
    struct buffer long_value;
};

extern const char *const HTTP_KEPT_NAMES[HTTP_HEADERS_KEPT];

#endif
