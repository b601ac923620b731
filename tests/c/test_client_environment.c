/* The environment belongs to the editor thread: the worker never reads it, and a proxy is the one
 * that was named when the request was made. Needs no simulator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/clock.h"
#include "support_client.h"

extern char **environ;

/* ---- Who reads the environment -------------------------------------------------------------- */

static pthread_t editor;
static atomic_bool watched;
static atomic_int strangers;
static char stranger[64]; /* the last name that another thread has asked for */

static char *look_up(const char *name)
{
    size_t n = strlen(name);

    if (atomic_load(&watched) && !pthread_equal(pthread_self(), editor)) {
        snprintf(stranger, sizeof stranger, "%s", name);
        atomic_fetch_add(&strangers, 1);
    }
    for (char **e = environ; e && *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

/* In place of the C library's, for everything in this process that is not the C library itself. */
__attribute__((visibility("default"))) char *getenv(const char *name)
{
    return look_up(name);
}

__attribute__((visibility("default"))) char *secure_getenv(const char *name)
{
    return look_up(name);
}

static void watch(void)
{
    editor = pthread_self();
    atomic_store(&strangers, 0);
    atomic_store(&watched, true);
}

static void nobody_has_read_it(void)
{
    atomic_store(&watched, false);
    if (atomic_load(&strangers) > 0)
        fail_msg("another thread has read %s", stranger);
}

/* ---- A proxy -------------------------------------------------------------------------------- */

static struct {
    pthread_t thread;
    int fd;
    char url[64];
    const char *answer;
    atomic_int asked;
    char request[2048]; /* the last one */
} proxy;

/* Answers one request on each connection, until its socket is shut. */
static void *serve(void *unused)
{
    (void)unused;
    for (;;) {
        int peer = accept(proxy.fd, NULL, NULL);
        ssize_t n;

        if (peer < 0)
            return NULL;
        n = read(peer, proxy.request, sizeof proxy.request - 1);
        proxy.request[n > 0 ? n : 0] = 0;
        atomic_fetch_add(&proxy.asked, 1);
        (void)send(peer, proxy.answer, strlen(proxy.answer), MSG_NOSIGNAL);
        close(peer);
    }
}

static void proxy_start(const char *credentials, const char *answer)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t len = sizeof a;

    proxy.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    proxy.answer = answer;
    atomic_store(&proxy.asked, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(proxy.fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(proxy.fd, 8), 0);
    assert_int_equal(getsockname(proxy.fd, (struct sockaddr *)&a, &len), 0);
    snprintf(proxy.url, sizeof proxy.url, "http://%s127.0.0.1:%d", credentials, ntohs(a.sin_port));
    assert_int_equal(pthread_create(&proxy.thread, NULL, serve, NULL), 0);
}

static void proxy_stop(void)
{
    shutdown(proxy.fd, SHUT_RDWR);
    pthread_join(proxy.thread, NULL);
    close(proxy.fd);
}

/* ---- The cases ------------------------------------------------------------------------------ */

static void forget_proxies(void)
{
    static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                         "ALL_PROXY",  "no_proxy",    "NO_PROXY" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

static int set_up(void **state)
{
    static const char options[] = "{\"base_url\":\"https://venice-test.invalid\","
                                  "\"connect_timeout\":3,\"idle_timeout\":3}";

    (void)state;
    forget_proxies();
    return venice_client_new(&the_client, NULL, options, sizeof options - 1);
}

static int tear_down(void **state)
{
    (void)state;
    forget_proxies();
    return venice_client_close(&the_client, 5000);
}

static void ask_models(struct seen *s)
{
    memset(s, 0, sizeof *s);
    assert_int_equal(venice_models(the_client, &s->id), 0);
    await_done(s);
}

static const char REFUSED_407[] = "HTTP/1.1 407 Proxy Authentication Required\r\n"
                                  "Proxy-Authenticate: Basic realm=\"x\"\r\n"
                                  "Content-Length: 2\r\n\r\nno";
static const char REFUSED_403[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";

static void the_worker_reads_no_environment(void **state)
{
    struct seen s;

    (void)state;
    proxy_start("", REFUSED_403);
    watch();
    setenv("https_proxy", proxy.url, 1);
    ask_models(&s);
    assert_int_equal(atomic_load(&proxy.asked), 1);
    seen_free(&s);
    unsetenv("https_proxy"); /* a name that is looked up, on a thread of curl */
    ask_models(&s);
    seen_free(&s);
    nobody_has_read_it();
    proxy_stop();
}

/* The same with a service that answers: attestation, collateral, a chat, its receipt. */
static void a_whole_chat_reads_none_either(void **state)
{
    struct seen s;

    NEEDS_SIMULATOR();
    assert_int_equal(venice_client_close(&the_client, 5000), 0);
    setenv("VENICE_API_KEY", "test-key-0123456789", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1); /* loopback is never reached through one */
    simulator_anew();
    watch();
    client_open("");
    ask_with(&s, MODEL, "hello", "{}");
    await_done(&s);
    assert_int_equal(s.reports, 1);
    seen_free(&s);
    ask(&s);
    await_done(&s);
    expect_done(&s, 0, "stop");
    seen_free(&s);
    nobody_has_read_it();
}

static void a_proxy_is_the_one_of_the_request(void **state)
{
    static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
    struct seen s;

    (void)state;
    proxy_start("", REFUSED_403);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        atomic_store(&proxy.asked, 0);
        setenv(names[i], proxy.url, 1);
        ask_models(&s);
        assert_int_equal(atomic_load(&proxy.asked), 1);
        assert_int_equal(strncmp(proxy.request, "CONNECT venice-test.invalid:443 ", 32), 0);
        seen_free(&s);
        setenv("no_proxy", "example.org, .invalid", 1);
        ask_models(&s);
        assert_int_equal(atomic_load(&proxy.asked), 1);
        seen_free(&s);
        forget_proxies();
    }
    setenv("http_proxy", proxy.url, 1); /* of plain http only */
    setenv("https_proxy", "", 1);       /* none */
    ask_models(&s);
    assert_int_equal(atomic_load(&proxy.asked), 1);
    seen_free(&s);
    proxy_stop();
}

/* A refusal of the proxy is not one of the service. */
static void a_proxy_that_refuses(void **state)
{
    struct seen s;

    (void)state;
    proxy_start("", REFUSED_407);
    setenv("https_proxy", proxy.url, 1);
    ask_models(&s);
    expect_done(&s, VENICE_E_CONNECT, "the proxy asks for a user and a password (HTTP 407)");
    expect_done(&s, VENICE_E_CONNECT, "https_proxy=http://user:password@host:port");
    seen_free(&s);
    proxy.answer = REFUSED_403;
    ask_models(&s);
    expect_done(&s, VENICE_E_CONNECT,
                "the proxy does not connect us to venice-test.invalid (HTTP 403)");
    expect_done(&s, VENICE_E_CONNECT, "no_proxy");
    seen_free(&s);
    proxy_stop();
}

static void a_password_goes_to_the_proxy_alone(void **state)
{
    struct seen s;

    (void)state;
    proxy_start("us%65r:pass%3Aword@", REFUSED_407);
    setenv("https_proxy", proxy.url, 1);
    ask_models(&s);
    /* user:pass:word */
    assert_non_null(strstr(proxy.request, "Proxy-Authorization: Basic dXNlcjpwYXNzOndvcmQ="));
    expect_done(&s, VENICE_E_CONNECT, "the proxy does not take the user and the password");
    assert_null(strstr(seen_text(&s.done), "pass:word"));
    seen_free(&s);
    proxy_stop();
    setenv("https_proxy", "http://user:secret-word@127.0.0.1:1", 1);
    ask_models(&s);
    expect_done(&s, VENICE_E_CONNECT, "no connection to the proxy");
    assert_null(strstr(seen_text(&s.done), "secret"));
    seen_free(&s);
}

static void what_is_no_proxy(void **state)
{
    static const char *const rows[] = { "gopher://user:secret@127.0.0.1:1", "http://", "a b",
                                        "http://user:secret@127.0.0.1:99999999" };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen s;

        setenv("https_proxy", rows[i], 1);
        ask_models(&s);
        expect_done(&s, VENICE_E_CONFIG,
                    "https_proxy in the environment is not the address of a proxy");
        assert_null(strstr(seen_text(&s.done), "secret"));
        seen_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_worker_reads_no_environment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_whole_chat_reads_none_either, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_proxy_is_the_one_of_the_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_proxy_that_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_password_goes_to_the_proxy_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_proxy, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("client_environment", tests, group_set_up, group_tear_down);
}
