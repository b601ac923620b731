/* One transfer. HTTP/1.1 on purpose: one answer a connection, so that stopping an answer closes the
 * connection at once, and a reader who pauses slows the sender down through TCP. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/secret.h"
#include "client/clock.h"
#include "client/http_internal.h"
#include "client/version.h"

/* Seconds for which an idle connection may be used again. Short, because a completion is not sent a
 * second time where the other side has closed meanwhile. */
enum { REUSE_SECONDS = 50 };

const char *const HTTP_KEPT_NAMES[HTTP_HEADERS_KEPT] = {
    "retry-after",
    "content-type",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
};

/* ---- What curl calls ---------------------------------------------------------------------- */

/* libcurl itself sets close-on-exec only since 8.19 (NATIVE.md line 28, H8). */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    (void)user;
    (void)purpose;
#ifdef SOCK_CLOEXEC
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
#else
    int fd = socket(a->family, a->socktype, a->protocol);

    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
#endif
}

/* Called when a connection stands and a request is about to be sent. curl sends a request again
 * when a connection that it used before turns out to be closed; a completion is never repeated
 * unseen (DESIGN promise 1). */
static int before_request(void *user, char *ip, char *local_ip, int port, int local_port)
{
    struct http *h = user;

    (void)ip, (void)local_ip, (void)port, (void)local_port;
    h->connected = true;
    h->active = clock_ms();
    if (h->once && h->sends++ > 0) {
        h->end = HTTP_REPEATED;
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

/* A long upload is life too. */
static int on_progress(void *user, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total,
                       curl_off_t ul_now)
{
    struct http *h = user;

    (void)dl_total, (void)dl_now, (void)ul_total;
    if (ul_now != h->uploaded)
        h->active = clock_ms();
    h->uploaded = ul_now;
    return 0;
}

static bool is_named(const char *line, size_t name_len, const char *name)
{
    return name && strlen(name) == name_len && strncasecmp(name, line, name_len) == 0;
}

static void keep_header(struct http *h, const char *line, size_t n)
{
    const char *value = memchr(line, ':', n);
    size_t name_len = value ? (size_t)(value - line) : 0, left;

    if (!value)
        return;
    value++;
    left = n - name_len - 1;
    while (left > 0 && (*value == ' ' || *value == '\t'))
        value++, left--;
    while (left > 0 && strchr("\r\n \t", value[left - 1]))
        left--;
    for (int i = 0; i < HTTP_HEADERS_KEPT; i++)
        if (is_named(line, name_len, HTTP_KEPT_NAMES[i]) && left <= HTTP_HEADER_VALUE_MAX)
            snprintf(h->kept[i], sizeof h->kept[i], "%.*s", (int)left, value);
    if (is_named(line, name_len, h->long_header[0]) ||
        is_named(line, name_len, h->long_header[1])) {
        buffer_reset(&h->long_value);
        (void)buffer_append(&h->long_value, value, left, HTTP_LONG_HEADER_MAX);
    }
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    struct http *h = user;
    size_t n = size * count;

    h->active = clock_ms();
    if (n > 5 && strncasecmp(line, "HTTP/", 5) == 0) /* a new answer, after 100 for instance */
        memset(h->kept, 0, sizeof h->kept);
    keep_header(h, line, n);
    return n;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct http *h = user;
    size_t n = size * count;
    long status = 0;
    int r;

    h->active = clock_ms();
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    h->status = status;
    if (http_is_stream(h))
        r = buffer_append(&h->flow, bytes, n, SIZE_MAX / 2);
    else
        r = buffer_append(&h->body, bytes, n,
                          status / 100 == 2 && !h->wants_stream ? h->response_max
                                                                : HTTP_ERROR_BODY_MAX);
    if (r == 0)
        return n;
    h->end = r == VENICE_E_LIMIT ? HTTP_OVERSIZE : HTTP_NO_MEMORY;
    return n == 0 ? 1 : 0; /* anything but n stops the transfer */
}

/* ---- Setting one up ----------------------------------------------------------------------- */

static int add_header(struct http *h, const char *line)
{
    struct curl_slist *grown = curl_slist_append(h->headers, line);

    if (!grown)
        return VENICE_E_MEMORY;
    h->headers = grown;
    return 0;
}

/* curl copies the line into its own memory, which is wiped when it is freed (http_setup). */
static int add_bearer(struct http *h, const char *key)
{
    static const char PREFIX[] = "Authorization: Bearer ";
    size_t n = sizeof PREFIX + strlen(key);
    char *line = wiping_malloc(n);
    int r = VENICE_E_MEMORY;

    if (line) {
        snprintf(line, n, "%s%s", PREFIX, key);
        r = add_header(h, line);
    }
    wiping_free(line);
    return r;
}

static int add_headers(struct http *h, const struct http_request *q)
{
    /* identity: a compressor would hold tokens back. Expect: no round trip before a long body. */
    int r = add_header(h, "Accept-Encoding: identity");

    if (r == 0 && q->body)
        r = add_header(h, "Expect:");
    for (size_t i = 0; r == 0 && q->headers && q->headers[i]; i++)
        r = add_header(h, q->headers[i]);
    if (r == 0 && q->bearer)
        r = add_bearer(h, q->bearer);
    return r;
}

static CURLcode set_security(struct http *h)
{
    CURL *e = h->easy;
    CURLcode c = curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, h->url.https ? "https" : "http");

    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (c == CURLE_OK && h->config.tls_ca) {
        c = curl_easy_setopt(e, CURLOPT_CAINFO, h->config.tls_ca);
        if (c == CURLE_OK)
            c = curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    return c;
}

static CURLcode set_transport(struct http *h)
{
    CURL *e = h->easy;
    CURLcode c = curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);

    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, h->config.connect_seconds);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)REUSE_SECONDS);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_USERAGENT, "venice.nvim/" VENICE_VERSION);
    /* Do not wait for a name lookup that nobody needs any more (H6): other answers stream. */
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    return c;
}

static CURLcode set_callbacks(struct http *h)
{
    CURL *e = h->easy;
    CURLcode c = curl_easy_setopt(e, CURLOPT_PRIVATE, h);

    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->error);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_PREREQDATA, h);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_XFERINFODATA, h);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
    return c;
}

static CURLcode set_request(struct http *h, const struct http_request *q)
{
    CURL *e = h->easy;
    CURLcode c = curl_easy_setopt(e, CURLOPT_URL, q->url);

    if (c == CURLE_OK)
        c = curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers);
    if (c == CURLE_OK && q->body) {
        c = curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
        if (c == CURLE_OK)
            c = curl_easy_setopt(e, CURLOPT_POSTFIELDS, q->body);
    }
    return c;
}

static CURLcode set_up(struct http *h, const struct http_request *q)
{
    CURLcode c = set_security(h);

    if (c == CURLE_OK)
        c = set_transport(h);
    if (c == CURLE_OK)
        c = set_callbacks(h);
    if (c == CURLE_OK)
        c = set_request(h, q);
    return c;
}

int http_start(struct http **out, struct failure *f, CURLM *multi, const struct http_config *config,
               const struct http_request *q)
{
    int r = VENICE_E_MEMORY;
    const struct proxy *proxy;
    struct http *h = wiping_calloc(1, sizeof *h);

    *out = NULL;
    if (!h)
        return failure_set(f, r, NULL, "there is not enough memory");
    h->config = *config;
    h->config.proxy = NULL; /* it belongs to the newest request */
    h->response_max = q->response_max;
    h->total_seconds = q->total_seconds;
    h->wants_stream = q->stream;
    h->once = q->body != NULL;
    h->long_header[0] = q->long_header[0];
    h->long_header[1] = q->long_header[1];
    h->began = h->active = clock_ms();
    r = http_url_read(&h->url, q->url, "base_url", f);
    if (r != 0)
        goto out;
    r = VENICE_E_MEMORY;
    h->easy = curl_easy_init();
    if (!h->easy || add_headers(h, q) != 0)
        goto out;
    proxy = h->url.loopback ? NULL : config->proxy;
    h->proxied = proxy_is_set(proxy);
    h->proxied_as_user = proxy_has_user(proxy);
    r = proxy_apply(h->easy, proxy, f);
    if (r != 0)
        goto out;
    r = VENICE_E_INTERNAL;
    if (set_up(h, q) != CURLE_OK || curl_multi_add_handle(multi, h->easy) != CURLM_OK)
        goto out;
    h->multi = multi;
    *out = h;
    h = NULL;
    r = 0;
out:
    if (r != 0)
        failure_set(f, r, NULL, "a transfer could not be prepared");
    http_stop(h);
    return r;
}

/* ---- Its end ------------------------------------------------------------------------------ */

/* Takes the transfer from curl, which closes the connection where an answer is still coming. */
static void release(struct http *h)
{
    if (h->easy) {
        if (h->multi)
            curl_multi_remove_handle(h->multi, h->easy);
        curl_easy_cleanup(h->easy);
    }
    h->easy = NULL;
    curl_slist_free_all(h->headers);
    h->headers = NULL;
}

void http_stop(struct http *h)
{
    if (!h)
        return;
    release(h);
    buffer_free(&h->body);
    buffer_free(&h->flow);
    buffer_free(&h->taken);
    buffer_free(&h->long_value);
    wiping_free(h);
}

static void finish(struct http *h, enum http_end end, CURLcode result)
{
    double lookup = 0;

    if (h->end == HTTP_RUNS)
        h->end = end;
    h->result = result;
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &h->status);
    curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &h->os_errno);
    curl_easy_getinfo(h->easy, CURLINFO_HTTP_CONNECTCODE, &h->proxy_status);
    if (h->proxy_status / 100 == 2)
        h->proxy_status = 0;
    else if (h->proxy_status != 0)
        h->status = 0; /* the service has said nothing */
    curl_easy_getinfo(h->easy, CURLINFO_NAMELOOKUP_TIME, &lookup);
    h->resolved = lookup > 0;
    release(h);
}

void http_collect(CURLM *multi)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(multi, &left)) != NULL) {
        CURL *easy = m->easy_handle;
        CURLcode result = m->data.result; /* m dies with the handle */
        struct http *h = NULL;

        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&h) == CURLE_OK && h)
            finish(h, result == CURLE_OK ? HTTP_COMPLETE : HTTP_BROKEN, result);
    }
}

static long long slow_at(const struct http *h)
{
    return h->total_seconds > 0 ? h->began + h->total_seconds * 1000LL : LLONG_MAX;
}

static long long idle_at(const struct http *h)
{
    return h->connected && !h->paused ? h->active + h->config.idle_seconds * 1000LL : LLONG_MAX;
}

long long http_due(const struct http *h)
{
    if (!h || !h->easy)
        return LLONG_MAX;
    return slow_at(h) < idle_at(h) ? slow_at(h) : idle_at(h);
}

void http_expire(struct http *h, long long now)
{
    if (now >= http_due(h))
        finish(h, now >= slow_at(h) ? HTTP_SLOW : HTTP_IDLE, CURLE_OPERATION_TIMEDOUT);
}

/* ---- What came ---------------------------------------------------------------------------- */

const char *http_take(struct http *h, size_t *len)
{
    struct buffer empty = h->taken;

    buffer_reset(&empty);
    h->taken = h->flow;
    h->flow = empty;
    *len = h->taken.len;
    return h->taken.data;
}

bool http_has_bytes(const struct http *h)
{
    return h->flow.len > 0;
}

void http_pause(struct http *h, bool paused)
{
    if (!h->easy || h->paused == paused)
        return;
    h->paused = paused;
    h->active = clock_ms();
    (void)curl_easy_pause(h->easy, paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}
