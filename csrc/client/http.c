/* One transfer. HTTP/1.1 on purpose: one answer a connection, so that stopping an answer closes the
 * connection at once, and a reader who pauses slows the sender down through TCP. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
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

/* The sockets that this thread's transfers have opened, the latest ones: curl does not say which
 * one a request is about to use. Some may be closed by now, and their numbers somebody else's. */
enum { SOCKETS_KNOWN = 64 };
static _Thread_local int opened[SOCKETS_KNOWN];
static _Thread_local unsigned opened_count;

static int make_socket(const struct curl_sockaddr *a)
{
#ifdef SOCK_CLOEXEC
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
#else
    int fd = socket(a->family, a->socktype, a->protocol);

    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
#endif
}

/* libcurl itself sets close-on-exec only since 8.19 (NATIVE.md line 28, H8). */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    int fd = make_socket(a);

    (void)user;
    (void)purpose;
    if (fd >= 0)
        opened[opened_count++ % SOCKETS_KNOWN] = fd;
    return fd;
}

/* The port of an address, and its text where out is given; 0 for another family. */
static int read_address(char out[INET6_ADDRSTRLEN], const struct sockaddr_storage *a)
{
    const void *v4 = &((const struct sockaddr_in *)a)->sin_addr;
    const void *v6 = &((const struct sockaddr_in6 *)a)->sin6_addr;

    if (a->ss_family != AF_INET && a->ss_family != AF_INET6)
        return 0;
    if (out && !inet_ntop(a->ss_family, a->ss_family == AF_INET ? v4 : v6, out, INET6_ADDRSTRLEN))
        return 0;
    return ntohs(a->ss_family == AF_INET ? ((const struct sockaddr_in *)a)->sin_port
                                         : ((const struct sockaddr_in6 *)a)->sin6_port);
}

static bool is_between(int fd, int local_port, const char *ip, int port)
{
    struct sockaddr_storage near = { 0 }, far = { 0 };
    socklen_t near_len = sizeof near, far_len = sizeof far;
    char text[INET6_ADDRSTRLEN] = "";

    return getsockname(fd, (struct sockaddr *)&near, &near_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&far, &far_len) == 0 &&
           read_address(NULL, &near) == local_port && read_address(text, &far) == port &&
           strcmp(text, ip) == 0;
}

/* -1: it is not among those that are known. */
static int find_socket(int local_port, const char *ip, int port)
{
    unsigned count = opened_count < SOCKETS_KNOWN ? opened_count : SOCKETS_KNOWN;

    for (unsigned i = 0; i < count; i++)
        if (is_between(opened[i], local_port, ip, port))
            return opened[i];
    return -1;
}

static void note_upload(struct http *h)
{
    curl_off_t sent = 0;

    if (curl_easy_getinfo(h->easy, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK && sent > h->uploaded)
        h->uploaded = sent;
}

/* Whether a connection was kept from an earlier request and says something before this one was
 * sent: it was closed, or what it says would be taken for the answer. */
static bool is_stale(const struct http *h, int fd)
{
    long made = 0;
    struct pollfd p = { .fd = fd, .events = POLLIN };

    if (curl_easy_getinfo(h->easy, CURLINFO_NUM_CONNECTS, &made) != CURLE_OK || made > 0)
        return false;
    return fd < 0 || poll(&p, 1, 0) != 0;
}

/* Called when a connection stands and a request is about to be sent. curl sends a request again
 * when a connection that it used before turns out to be closed; a completion is never repeated
 * unseen (DESIGN promise 1). */
static int before_request(void *user, char *ip, char *local_ip, int port, int local_port)
{
    struct http *h = user;

    (void)local_ip;
    note_upload(h);
    if (is_stale(h, find_socket(local_port, ip, port))) {
        h->end = HTTP_STALE;
        return CURL_PREREQFUNC_ABORT;
    }
    h->connected = true;
    h->active = clock_ms();
    if (h->sends++ > 0 && h->once) {
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
    if (ul_now > h->uploaded) {
        h->active = clock_ms();
        h->uploaded = ul_now;
    }
    return 0;
}

static bool is_named(const char *line, size_t name_len, const char *name)
{
    return name && strlen(name) == name_len && strncasecmp(name, line, name_len) == 0;
}

/* Whether each word of a list is one of the codings that change nothing here. */
static bool is_plain_coding(const char *value, size_t n, bool chunked)
{
    while (n > 0) {
        const char *comma = memchr(value, ',', n);
        size_t len = comma ? (size_t)(comma - value) : n, word = len;
        const char *at = value;

        while (word > 0 && (*at == ' ' || *at == '\t'))
            at++, word--;
        while (word > 0 && (at[word - 1] == ' ' || at[word - 1] == '\t'))
            word--;
        if (word > 0 && !is_named(at, word, "identity") &&
            !(chunked && is_named(at, word, "chunked")))
            return false;
        value += comma ? len + 1 : len;
        n -= comma ? len + 1 : len;
    }
    return true;
}

/* libcurl undoes a transfer coding that was not asked for: 1.5 MB become 2 GB within one call. */
static void check_coding(struct http *h, const char *line, size_t name_len, const char *value,
                         size_t n)
{
    bool transfer = is_named(line, name_len, "transfer-encoding");

    if (!transfer && !is_named(line, name_len, "content-encoding"))
        return;
    if (is_plain_coding(value, n, transfer))
        return;
    h->end = HTTP_CODED;
    (void)snprintf(h->coding, sizeof h->coding, "%.*s",
                   (int)(n < sizeof h->coding ? n : sizeof h->coding - 1), value);
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
    check_coding(h, line, name_len, value, left);
    for (int i = 0; i < HTTP_HEADERS_KEPT; i++) {
        if (!is_named(line, name_len, HTTP_KEPT_NAMES[i]))
            continue;
        /* The beginning of a type says what it is; another value that is too long is none. */
        if (left > HTTP_HEADER_VALUE_MAX && i != HTTP_CONTENT_TYPE)
            continue;
        snprintf(h->kept[i], sizeof h->kept[i], "%.*s",
                 (int)(left < HTTP_HEADER_VALUE_MAX ? left : HTTP_HEADER_VALUE_MAX), value);
    }
    if (is_named(line, name_len, h->long_header[0]) ||
        is_named(line, name_len, h->long_header[1])) {
        buffer_reset(&h->long_value);
        (void)buffer_append(&h->long_value, value, left, HTTP_LONG_HEADER_MAX);
    }
}

/* A type that is another, or longer than the name that it begins with, is no event stream. */
static bool says_event_stream(const struct http *h)
{
    static const char STREAM[] = "text/event-stream";
    const char *type = h->kept[HTTP_CONTENT_TYPE];
    size_t n = sizeof STREAM - 1;

    return !type[0] || (strncasecmp(type, STREAM, n) == 0 && (!type[n] || strchr("; \t", type[n])));
}

/* The blank line below a header. 100 and its like are not the answer yet, and no life: a service
 * could send them for ever. */
static void end_head(struct http *h)
{
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &h->status);
    if (h->status / 100 == 1)
        return;
    h->head_over = true;
    h->active = clock_ms();
    h->is_stream = h->wants_stream && h->status / 100 == 2 && says_event_stream(h);
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    struct http *h = user;
    size_t n = size * count;

    if (h->head_over)
        return n;                                    /* a trailer */
    if (n > 5 && strncasecmp(line, "HTTP/", 5) == 0) /* a new answer, after 100 for instance */
        memset(h->kept, 0, sizeof h->kept);
    keep_header(h, line, n);
    if (n > 0 && (line[0] == '\r' || line[0] == '\n'))
        end_head(h);
    return h->end == HTTP_CODED ? 0 : n; /* anything but n stops the transfer */
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct http *h = user;
    size_t n = size * count;
    bool wanted = h->status / 100 == 2 && !h->wants_stream;
    int r;

    if (h->is_stream) {
        h->heard = clock_ms();
        r = buffer_append(&h->flow, bytes, n, HTTP_FLOW_MAX);
    } else {
        h->active = clock_ms();
        r = buffer_append(&h->body, bytes, n, wanted ? h->response_max : HTTP_ERROR_BODY_MAX);
    }
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
    h->body_len = q->body_len;
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

    note_upload(h);
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

/* Nothing was sent yet. False: it cannot be done. */
static bool start_anew(struct http *h)
{
    if (curl_multi_remove_handle(h->multi, h->easy) != CURLM_OK ||
        curl_easy_setopt(h->easy, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK ||
        curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
        return false;
    h->end = HTTP_RUNS;
    return true;
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
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&h) == CURLE_OK && h &&
            !(h->end == HTTP_STALE && start_anew(h)))
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
    long long now = clock_ms();

    if (!h->easy || h->paused == paused)
        return;
    h->paused = paused;
    if (paused) {
        h->paused_at = now;
    } else {
        h->active += now - h->paused_at;
        h->heard += h->heard > 0 ? now - h->paused_at : 0;
    }
    (void)curl_easy_pause(h->easy, paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

/* ---- Life, and what was sent -------------------------------------------------------------- */

void http_alive(struct http *h, long long now)
{
    h->active = now;
}

long long http_kept_alive_ms(const struct http *h, long long now)
{
    return h->heard > h->active ? now - h->active : 0;
}

enum http_sent http_sent(const struct http *h)
{
    curl_off_t sent = 0;

    if (!h || h->sends == 0)
        return HTTP_SENT_NOTHING;
    if (h->easy)
        (void)curl_easy_getinfo(h->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (sent < h->uploaded)
        sent = h->uploaded;
    if (sent >= (curl_off_t)h->body_len)
        return HTTP_SENT_ALL;
    return sent > 0 ? HTTP_SENT_PART : HTTP_SENT_NOTHING;
}
