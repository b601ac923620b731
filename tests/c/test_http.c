/* Which addresses are taken, when to try again, and how failures of a transfer are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/http_internal.h"

static void urls_that_are_taken(void **state)
{
    static const char *const good[] = {
        "https://api.venice.ai",      "https://api.venice.ai:8443/x",
        "HTTPS://API.VENICE.AI",      "https://10.0.0.1",
        "https://[2001:db8::1]/",     "http://127.0.0.1:8080",
        "http://127.255.255.254/a/b", "http://[::1]:9",
        "http://localhost",           "http://LOCALHOST:1",
        "https://localhost",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct failure f = { 0 };
        struct http_url u;

        if (http_url_read(&u, good[i], "base_url", &f) != 0)
            fail_msg("%s: %s", good[i], f.message);
    }
}

static void urls_that_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "api.venice.ai",
        "//api.venice.ai",
        "http://api.venice.ai",
        "http://128.0.0.1",
        "http://10.127.0.1",
        "http://126.255.255.255",
        "http://[::2]",
        "http://[::ffff:8.8.8.8]",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://0.0.0.0",
        "http://notlocalhost",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://user@api.venice.ai",
        "https://user:pass@api.venice.ai",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1:80@evil.example/",
        "https://api.venice.ai/#fragment",
        "https://api.venice.ai\r\nX: y",
        "https://api venice.ai",
        "https://",
        "http://",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct failure f = { 0 };
        struct http_url u;

        if (http_url_read(&u, bad[i], "base_url", &f) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(f.status, VENICE_E_CONFIG);
        assert_non_null(strstr(f.message, "base_url"));
    }
}

static void loopback_is_known(void **state)
{
    struct http_url u;

    (void)state;
    assert_int_equal(http_url_read(&u, "https://127.9.9.9:5", "x", NULL), 0);
    assert_true(u.loopback && u.https);
    assert_string_equal(u.host, "127.9.9.9");
    assert_string_equal(u.port, "5");
    assert_int_equal(http_url_read(&u, "https://api.venice.ai/?q", "x", NULL), 0);
    assert_true(!u.loopback && u.query);
}

/* A transfer as it would be after an answer with this header. */
static double retry_after(const char *name, const char *value, const char *name2,
                          const char *value2)
{
    struct http h = { 0 };
    const char *names[] = { name, name2 }, *values[] = { value, value2 };

    for (int n = 0; n < 2; n++)
        for (int i = 0; names[n] && i < HTTP_HEADERS_KEPT; i++)
            if (strcmp(HTTP_KEPT_NAMES[i], names[n]) == 0)
                snprintf(h.kept[i], sizeof h.kept[i], "%s", values[n]);
    return http_retry_after(&h, 7);
}

static bool near(double a, double b)
{
    return a > b - 2 && a < b + 2;
}

static void retry_after_is_read(void **state)
{
    char text[64];
    time_t then = time(NULL) + 30;
    struct tm tm;

    (void)state;
    assert_true(retry_after(NULL, NULL, NULL, NULL) == 7);
    assert_true(retry_after("retry-after", "3", NULL, NULL) == 3);
    assert_true(retry_after("retry-after", "0", NULL, NULL) == 0);
    assert_true(retry_after("retry-after", "1.5", NULL, NULL) == 1.5);
    assert_true(retry_after("retry-after", "-5", NULL, NULL) == 7);
    assert_true(retry_after("retry-after", "soon", NULL, NULL) == 7);
    assert_true(retry_after("retry-after", "9e999", NULL, NULL) == 7);
    gmtime_r(&then, &tm);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    assert_true(near(retry_after("retry-after", text, NULL, NULL), 30));
    assert_true(retry_after("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", NULL, NULL) == 0);
    /* Milliseconds; Retry-After goes before it. */
    assert_true(retry_after("x-ratelimit-reset-requests", "2500", NULL, NULL) == 2.5);
    assert_true(retry_after("x-ratelimit-reset-tokens", "4000", NULL, NULL) == 4);
    assert_true(
        retry_after("x-ratelimit-reset-requests", "2000", "x-ratelimit-reset-tokens", "5000") == 5);
    assert_true(retry_after("x-ratelimit-reset-tokens", "4000", "retry-after", "1") == 1);
    assert_true(
        retry_after("x-ratelimit-reset-tokens", "9000", "x-ratelimit-remaining-tokens", "12") == 7);
    snprintf(text, sizeof text, "%lld", ((long long)time(NULL) + 20) * 1000);
    assert_true(near(retry_after("x-ratelimit-reset-requests", text, NULL, NULL), 20));
}

/* ---- Transfers that fail ------------------------------------------------------------------ */

static CURLM *multi;

static int set_up(void **state)
{
    (void)state;
    if (http_setup() != 0)
        return -1;
    multi = curl_multi_init();
    return multi ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    curl_multi_cleanup(multi);
    return 0;
}

static void run(struct http *h)
{
    long long end = clock_ms() + 20000;
    int running;

    while (!http_over(h)) {
        assert_true(clock_ms() < end);
        curl_multi_perform(multi, &running);
        http_collect(multi);
        http_expire(h, clock_ms());
        if (!http_over(h))
            curl_multi_poll(multi, NULL, 0, 20, NULL);
    }
}

static struct http *start(const char *url, bool stream, const char *tls_ca)
{
    const struct http_config config = { .connect_seconds = 1, .idle_seconds = 1, .tls_ca = tls_ca };
    struct http_request q = { .url = url, .response_max = 1000, .stream = stream };
    struct http *h;
    struct failure f = { 0 };

    if (stream) {
        q.body = "{}";
        q.body_len = 2;
    }
    if (http_start(&h, &f, multi, &config, &q) != 0)
        fail_msg("%s", f.message);
    return h;
}

/* A socket that listens on loopback, and its URL. */
static int listen_here(char *url, size_t cap, const char *scheme, int backlog)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(url, cap, "%s://127.0.0.1:%d", scheme, ntohs(a.sin_port));
    return fd;
}

static void fails_as(const char *url, int status, const char *part, const char *hint)
{
    struct failure f = { 0 };
    struct http *h = start(url, false, NULL);

    run(h);
    assert_int_equal(http_failure(h, &f), status);
    if (!strstr(f.message, part) || !strstr(f.hint, hint))
        fail_msg("%s / %s", f.message, f.hint);
    http_stop(h);
}

static void a_dead_port(void **state)
{
    char url[64], host[128];

    (void)state;
    close(listen_here(url, sizeof url, "http", 1));
    snprintf(host, sizeof host, "no connection to %s: Connection refused", url + 7);
    fails_as(url, VENICE_E_CONNECT, host, "base_url");
}

static void a_name_that_is_not(void **state)
{
    struct failure f = { 0 };
    struct http *h = start("https://venice-test.invalid", false, NULL);

    (void)state;
    run(h);
    (void)http_failure(h, &f);
    /* A resolver that never answers is a timeout, which is named as one. */
    if (f.status != VENICE_E_DNS)
        assert_int_equal(f.status, VENICE_E_TIMEOUT);
    assert_non_null(strstr(f.message, "venice-test.invalid"));
    assert_non_null(strstr(f.message, "name"));
    assert_non_null(strstr(f.hint, "base_url"));
    http_stop(h);
}

static void tls_to_something_else(void **state)
{
    char url[64];
    int fd = listen_here(url, sizeof url, "https", 4);
    struct http *h = start(url, false, NULL);
    struct failure f = { 0 };
    int running, peer = -1;

    (void)state;
    for (int i = 0; i < 200 && peer < 0; i++) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        curl_multi_perform(multi, &running);
        if (poll(&p, 1, 10) == 1)
            peer = accept(fd, NULL, NULL);
    }
    assert_true(peer >= 0);
    assert_int_equal(write(peer, "this is not TLS at all\n", 23), 23);
    run(h);
    assert_int_equal(http_failure(h, &f), VENICE_E_TLS);
    assert_non_null(strstr(f.message, "no secure connection to 127.0.0.1:"));
    assert_non_null(strstr(f.hint, "tls_ca"));
    http_stop(h);
    close(peer);
    close(fd);
}

static void a_ca_file_that_is_none(void **state)
{
    char url[64];
    int fd = listen_here(url, sizeof url, "https", 4);
    struct http *h = start(url, false, "/nonexistent/ca.pem");
    struct failure f = { 0 };

    (void)state;
    run(h);
    assert_int_equal(http_failure(h, &f), VENICE_E_CONFIG);
    assert_non_null(strstr(f.message, "/nonexistent/ca.pem"));
    http_stop(h);
    close(fd);
}

/* Accepted by the kernel, answered by nobody. */
static void silence_is_an_idle_timeout(void **state)
{
    char url[64];
    int fd = listen_here(url, sizeof url, "http", 4);
    long long began = clock_ms();

    (void)state;
    fails_as(url, VENICE_E_TIMEOUT, "sent nothing for 1 s", "idle = 2");
    assert_in_range(clock_ms() - began, 900, 3000);
    close(fd);
}

static void a_tls_handshake_that_never_ends(void **state)
{
    char url[64];
    int fd = listen_here(url, sizeof url, "https", 4);

    (void)state;
    fails_as(url, VENICE_E_TIMEOUT, "within 1 s", "connect = 2");
    close(fd);
}

/* Serves one connection with this text and closes it. */
static void answer_with(struct http *h, int fd, const char *text, size_t len)
{
    char request[2048];
    int running, peer = -1;

    for (int i = 0; i < 400; i++) {
        struct pollfd p = { .fd = peer < 0 ? fd : peer, .events = POLLIN };

        curl_multi_perform(multi, &running);
        if (poll(&p, 1, 5) != 1)
            continue;
        if (peer >= 0)
            break;
        peer = accept(fd, NULL, NULL);
    }
    assert_true(peer >= 0);
    assert_true(read(peer, request, sizeof request) > 0);
    for (size_t n = 0; n < len;) {
        ssize_t w = send(peer, text + n, len - n, MSG_NOSIGNAL | MSG_DONTWAIT);

        curl_multi_perform(multi, &running);
        http_collect(multi);
        if (w > 0)
            n += (size_t)w;
        else if (http_over(h))
            break;
    }
    close(peer);
    run(h);
}

static void a_body_over_its_limit(void **state)
{
    static char text[4096] = "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n";
    char url[64];
    int fd = listen_here(url, sizeof url, "http", 4);
    struct http *h = start(url, false, NULL);
    struct failure f = { 0 };
    size_t len = strlen(text);

    (void)state;
    memset(text + len, 'x', 3000);
    answer_with(h, fd, text, len + 3000);
    assert_int_equal(http_failure(h, &f), VENICE_E_LIMIT);
    assert_non_null(strstr(f.message, "1000 bytes"));
    http_stop(h);
    close(fd);
}

static void an_answer_that_is_not_http(void **state)
{
    char url[64];
    int fd = listen_here(url, sizeof url, "http", 4);
    struct http *h = start(url, false, NULL);
    struct failure f = { 0 };

    (void)state;
    answer_with(h, fd, "220 mail.example ESMTP\r\n", 24);
    assert_int_equal(http_failure(h, &f), VENICE_E_MALFORMED);
    http_stop(h);
    close(fd);
}

static void a_connection_that_is_lost(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nhalf";
    char url[64];
    int fd = listen_here(url, sizeof url, "http", 4);
    struct http *h = start(url, false, NULL);
    struct failure f = { 0 };

    (void)state;
    answer_with(h, fd, text, sizeof text - 1);
    assert_int_equal(http_failure(h, &f), VENICE_E_CONNECT);
    assert_non_null(strstr(f.message, "lost"));
    http_stop(h);
    close(fd);
}

/* A redirect is an answer like any other: it is not followed, and its status is seen. */
static void a_redirect_is_not_followed(void **state)
{
    static const char text[] = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                               "Content-Length: 0\r\nRetry-After:  5 \r\n\r\n";
    char url[64];
    int fd = listen_here(url, sizeof url, "http", 4);
    struct http *h = start(url, true, NULL);
    struct failure f = { 0 };

    (void)state;
    answer_with(h, fd, text, sizeof text - 1);
    assert_int_equal(http_failure(h, &f), 0);
    assert_int_equal(http_status(h), 302);
    assert_string_equal(http_header(h, "Retry-After"), "5");
    assert_true(http_is_stream(h) == false);
    http_stop(h);
    close(fd);
}

static void only_event_streams_are_streams(void **state)
{
    static const struct {
        const char *type;
        bool stream;
    } rows[] = {
        { "Content-Type: text/event-stream\r\n", true },
        { "Content-Type: text/event-stream; charset=utf-8\r\n", true },
        { "content-type: TEXT/EVENT-STREAM\r\n", true },
        { "", true },
        { "Content-Type: application/json\r\n", false },
        { "Content-Type: text/html\r\n", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char url[64], text[256];
        int fd = listen_here(url, sizeof url, "http", 4);
        struct http *h = start(url, true, NULL);
        size_t len = 0;

        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%sContent-Length: 5\r\n\r\nhello",
                 rows[i].type);
        answer_with(h, fd, text, strlen(text));
        assert_int_equal(http_is_stream(h), rows[i].stream);
        if (rows[i].stream)
            assert_memory_equal(http_take(h, &len), "hello", 5);
        else
            assert_string_equal(http_body(h, &len), "hello");
        assert_int_equal(len, 5);
        http_stop(h);
        close(fd);
    }
}

/* A type that is too long to be kept is still a type; one that only begins like ours is another. */
static void long_and_strange_types(void **state)
{
    char text[1024], html[512] = "", stream[512] = "";
    const char *const heads[] = { html, stream, "Content-Type: text/event-streams\r\n" };
    const bool streams[] = { false, true, false };

    (void)state;
    snprintf(html, sizeof html, "Content-Type: text/html; x=%0300d\r\n", 0);
    snprintf(stream, sizeof stream, "Content-Type: text/event-stream; x=%0300d\r\n", 0);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char url[64];
        int fd = listen_here(url, sizeof url, "http", 4);
        struct http *h = start(url, true, NULL);

        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%sContent-Length: 5\r\n\r\nhello",
                 heads[i]);
        answer_with(h, fd, text, strlen(text));
        assert_int_equal(http_is_stream(h), streams[i]);
        http_stop(h);
        close(fd);
    }
}

/* ---- Hostile answers ---------------------------------------------------------------------- */

/* What stands behind a body says nothing about it. */
static void a_trailer_changes_nothing(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\nTrailer: Content-Type\r\n\r\n"
                               "5\r\nhello\r\n0\r\nContent-Type: text/html\r\n"
                               "Retry-After: 9\r\nHTTP/1.1 500 No\r\n\r\n";
    char url[64];
    int fd = listen_here(url, sizeof url, "http", 4);
    struct http *h = start(url, true, NULL);
    size_t len = 0;

    (void)state;
    answer_with(h, fd, text, sizeof text - 1);
    assert_true(http_is_stream(h));
    assert_int_equal(http_status(h), 200);
    assert_null(http_header(h, "retry-after"));
    assert_memory_equal(http_take(h, &len), "hello", 5);
    http_stop(h);
    close(fd);
}

/* libcurl would undo some of these, without a bound. */
static void codings_that_nobody_asked_for(void **state)
{
    static const struct {
        const char *header;
        bool refused;
    } rows[] = {
        { "Transfer-Encoding: gzip, chunked", true },
        { "transfer-encoding: GZIP", true },
        { "Transfer-Encoding: chunked, deflate", true },
        { "Transfer-Encoding: chunked\r\nTransfer-Encoding: x-gzip", true },
        { "Content-Encoding: gzip", true },
        { "Content-Encoding: identity, br", true },
        { "Content-Encoding:  Identity ", false },
        { "Content-Encoding:", false },
        { "Transfer-Encoding: identity", false },
        { "Transfer-Encoding:\tChunked", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int stream = 0; stream < 2; stream++) {
            char url[64], text[256];
            int fd = listen_here(url, sizeof url, "http", 4);
            struct http *h = start(url, stream, NULL);
            struct failure f = { 0 };

            snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                     rows[i].header);
            answer_with(h, fd, text, strlen(text));
            if (http_failure(h, &f) != (rows[i].refused ? VENICE_E_MALFORMED : 0))
                fail_msg("%s: %s", rows[i].header, f.message);
            if (rows[i].refused)
                assert_non_null(strstr(f.message, "a coding that was not asked for: "));
            http_stop(h);
            close(fd);
        }
    }
}

/* Of an error the status counts, whatever coding its page has. */
static void a_coded_error_is_its_status(void **state)
{
    static const char text[] = "HTTP/1.1 503 No\r\nContent-Encoding: gzip\r\nRetry-After: 3\r\n"
                               "Content-Length: 4\r\n\r\n\x1f\x8b..";
    char url[64];
    int fd = listen_here(url, sizeof url, "http", 4);
    struct http *h = start(url, true, NULL);
    struct failure f = { 0 };

    (void)state;
    answer_with(h, fd, text, sizeof text - 1);
    assert_int_equal(http_failure(h, &f), 0);
    assert_int_equal(http_status(h), 503);
    http_stop(h);
    close(fd);
}

/* Somebody who does not take what comes, and does not pause either. */
static void what_nobody_reads_has_a_bound(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    size_t len = 2 * (size_t)HTTP_FLOW_MAX, held = 0;
    char url[64], *text = malloc(len);
    int fd = listen_here(url, sizeof url, "http", 4);
    struct http *h = start(url, true, NULL);
    struct failure f = { 0 };

    (void)state;
    assert_non_null(text);
    memset(text, ':', len);
    memcpy(text, head, sizeof head - 1);
    answer_with(h, fd, text, len);
    assert_int_equal(http_failure(h, &f), VENICE_E_LIMIT);
    assert_non_null(strstr(f.message, "could not be read yet"));
    (void)http_take(h, &held);
    assert_in_range(held, 1, HTTP_FLOW_MAX);
    http_stop(h);
    close(fd);
    free(text);
}

/* One connection to fd, or -1; the transfers go on meanwhile. */
static int accept_within(int fd, int ms)
{
    int running;

    for (int i = 0; i < ms / 5; i++) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        curl_multi_perform(multi, &running);
        http_collect(multi);
        if (poll(&p, 1, 5) == 1)
            return accept(fd, NULL, NULL);
    }
    return -1;
}

/* Reads what was sent to peer; false where nothing was. */
static bool asked_within(int peer, int ms)
{
    char request[2048];
    int running;

    for (int i = 0; i < ms / 5; i++) {
        struct pollfd p = { .fd = peer, .events = POLLIN };

        curl_multi_perform(multi, &running);
        http_collect(multi);
        if (poll(&p, 1, 5) == 1)
            return read(peer, request, sizeof request) > 0;
    }
    return false;
}

#define ANSWER(text) \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 6\r\n\r\n" text

static void say(int peer, const char *text)
{
    assert_int_equal(send(peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Bytes on a kept connection that came before the request are no answer to it. */
static void a_kept_connection_that_speaks_is_not_used(void **state)
{
    static const struct {
        const char *early; /* NULL: it is quiet, and used again */
        bool closed;
    } rows[] = {
        { "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true },
        { ANSWER("before"), false },
        { "H", false },
        { "", true },
        { NULL, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char url[64];
        int peer, other, fd = listen_here(url, sizeof url, "http", 4);
        struct http *h = start(url, true, NULL);
        size_t len = 0;

        peer = accept_within(fd, 2000);
        assert_true(peer >= 0 && asked_within(peer, 2000));
        say(peer, ANSWER("first."));
        run(h);
        assert_int_equal(http_failure(h, NULL), 0);
        http_stop(h);
        if (rows[i].early)
            say(peer, rows[i].early);
        if (rows[i].closed)
            close(peer);
        h = start(url, true, NULL);
        if (rows[i].early) {
            other = accept_within(fd, 2000);
            if (other < 0)
                fail_msg("row %zu: the old connection was used", i);
            assert_true(asked_within(other, 2000));
        } else {
            assert_true(asked_within(peer, 2000));
            other = dup(peer);
        }
        say(other, ANSWER("second"));
        run(h);
        assert_int_equal(http_failure(h, NULL), 0);
        assert_memory_equal(http_take(h, &len), "second", 6);
        assert_int_equal(http_sent(h), HTTP_SENT_ALL);
        http_stop(h);
        if (!rows[i].closed)
            close(peer);
        close(other);
        close(fd);
    }
}

/* Neither 102 nor the lines of a header are an answer. */
static void what_is_no_life(void **state)
{
    static const char *const drips[] = { "HTTP/1.1 102 Processing\r\n\r\n", "X-Y: z\r\n" };

    (void)state;
    for (size_t i = 0; i < sizeof drips / sizeof *drips; i++) {
        char url[64];
        int peer, fd = listen_here(url, sizeof url, "http", 4);
        struct http *h = start(url, true, NULL);
        struct failure f = { 0 };
        long long began = clock_ms();

        peer = accept_within(fd, 2000);
        assert_true(peer >= 0 && asked_within(peer, 2000));
        if (i == 1)
            say(peer, "HTTP/1.1 200 OK\r\n");
        while (!http_over(h) && clock_ms() - began < 8000) {
            (void)send(peer, drips[i], strlen(drips[i]), MSG_NOSIGNAL);
            (void)asked_within(peer, 50);
            http_expire(h, clock_ms());
        }
        assert_true(http_over(h));
        assert_int_equal(http_failure(h, &f), VENICE_E_TIMEOUT);
        assert_non_null(strstr(f.message, "sent nothing for 1 s"));
        assert_int_equal(http_sent(h), HTTP_SENT_ALL);
        http_stop(h);
        close(peer);
        close(fd);
    }
}

/* Of a stream, what somebody could make sense of is life; bytes are not. */
static void keep_alives_are_no_life(void **state)
{
    char url[64];
    int peer, fd = listen_here(url, sizeof url, "http", 4);
    struct http *h = start(url, true, NULL);
    struct failure f = { 0 };
    long long began = clock_ms();
    size_t len;

    (void)state;
    peer = accept_within(fd, 2000);
    assert_true(peer >= 0 && asked_within(peer, 2000));
    say(peer, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    while (!http_over(h) && clock_ms() - began < 8000) {
        (void)send(peer, ": x\n", 4, MSG_NOSIGNAL);
        (void)asked_within(peer, 50);
        (void)http_take(h, &len);
        if (clock_ms() - began < 1500) /* a reader who understands it, for a while */
            http_alive(h, clock_ms());
        http_pause(h, true); /* a pause is no life either */
        http_pause(h, false);
        http_expire(h, clock_ms());
    }
    assert_true(http_over(h));
    assert_in_range(clock_ms() - began, 2000, 7000);
    (void)http_failure(h, &f);
    assert_int_equal(http_failure(h, &f), VENICE_E_TIMEOUT);
    assert_non_null(strstr(f.message, "sent nothing but keep-alives for 1 s"));
    http_stop(h);
    close(peer);
    close(fd);
}

static void what_was_sent_is_known(void **state)
{
    enum { BODY = 32 * 1024 * 1024 };
    char url[64], *body = malloc(BODY);
    int peer, fd = listen_here(url, sizeof url, "http", 4);
    const struct http_config config = { .connect_seconds = 1, .idle_seconds = 1 };
    struct http_request q = { .url = url, .stream = true, .body = body, .body_len = BODY };
    struct failure f = { 0 };
    struct http *h;

    (void)state;
    assert_non_null(body);
    memset(body, 'x', BODY);
    assert_int_equal(http_sent(NULL), HTTP_SENT_NOTHING);
    assert_int_equal(http_start(&h, &f, multi, &config, &q), 0);
    assert_int_equal(http_sent(h), HTTP_SENT_NOTHING);
    peer = accept_within(fd, 2000); /* who reads a little, and no more */
    assert_true(peer >= 0 && asked_within(peer, 2000));
    run(h);
    assert_int_equal(http_sent(h), HTTP_SENT_PART);
    http_stop(h);
    close(peer);
    close(fd);
    q.body_len = 100;
    assert_int_equal(http_start(&h, &f, multi, &config, &q), 0);
    run(h); /* nobody listens */
    assert_int_equal(http_failure(h, &f), VENICE_E_CONNECT);
    assert_int_equal(http_sent(h), HTTP_SENT_NOTHING);
    http_stop(h);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_that_are_taken),
        cmocka_unit_test(urls_that_are_refused),
        cmocka_unit_test(loopback_is_known),
        cmocka_unit_test(retry_after_is_read),
        cmocka_unit_test(a_dead_port),
        cmocka_unit_test(a_name_that_is_not),
        cmocka_unit_test(tls_to_something_else),
        cmocka_unit_test(a_ca_file_that_is_none),
        cmocka_unit_test(silence_is_an_idle_timeout),
        cmocka_unit_test(a_tls_handshake_that_never_ends),
        cmocka_unit_test(a_body_over_its_limit),
        cmocka_unit_test(an_answer_that_is_not_http),
        cmocka_unit_test(a_connection_that_is_lost),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(only_event_streams_are_streams),
        cmocka_unit_test(long_and_strange_types),
        cmocka_unit_test(a_trailer_changes_nothing),
        cmocka_unit_test(codings_that_nobody_asked_for),
        cmocka_unit_test(a_coded_error_is_its_status),
        cmocka_unit_test(what_nobody_reads_has_a_bound),
        cmocka_unit_test(a_kept_connection_that_speaks_is_not_used),
        cmocka_unit_test(what_is_no_life),
        cmocka_unit_test(keep_alives_are_no_life),
        cmocka_unit_test(what_was_sent_is_known),
    };

    return cmocka_run_group_tests_name("http", tests, set_up, tear_down);
}
