/* libcurl's set-up, once a process: whoever comes first decides over allocators and over what
 * happens at exit, so both are decided before anything else is done. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/crypto.h"
#include "base/secret.h"
#include "client/http.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int setup_result;
static bool in_force;
static atomic_bool was_called;

/* Tells whether curl really allocates here, which curl_global_init_mem does not say. */
static void *curl_malloc(size_t n)
{
    atomic_store_explicit(&was_called, true, memory_order_relaxed);
    return wiping_malloc(n);
}

static void probe(void)
{
    struct curl_slist *list;

    atomic_store(&was_called, false);
    list = curl_slist_append(NULL, "probe");
    in_force = atomic_load(&was_called);
    curl_slist_free_all(list);
}

/* crypto_init sets OPENSSL_INIT_NO_ATEXIT: else exit() would tear OpenSSL down under the worker's
 * feet (NATIVE.md H5). */
static void set_up(void)
{
    setup_result = crypto_init();
    if (setup_result == 0 &&
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, wiping_free, wiping_realloc,
                             wiping_strdup, wiping_calloc) != CURLE_OK)
        setup_result = VENICE_E_INTERNAL;
    if (setup_result == 0)
        probe();
}

int http_setup(void)
{
    return pthread_once(&once, set_up) == 0 ? setup_result : VENICE_E_INTERNAL;
}

bool http_allocators_in_force(void)
{
    return http_setup() == 0 && in_force;
}
