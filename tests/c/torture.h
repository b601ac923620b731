/* Makes the n-th allocation of this program fail, for tests whose first line is
 *   link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc  (in a comment of its own)
 * The linker sends the calls of our code here; OpenSSL's come by torture_openssl(), cJSON's by its
 * hooks. */
#ifndef TORTURE_H
#define TORTURE_H

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t n);

static long torture_left = -1; /* allocations until one fails; -1: none does */
static bool torture_hit;

static bool torture_fails(void)
{
    if (torture_left < 0)
        return false;
    if (torture_left-- > 0)
        return false;
    torture_hit = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return torture_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return torture_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return torture_fails() ? NULL : __real_realloc(p, n);
}

static void *torture_openssl_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return n == 0 ? NULL : __wrap_malloc(n);
}

static void *torture_openssl_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return __wrap_realloc(p, n);
}

static void torture_openssl_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

/* To be called first in main. Returns whether OpenSSL took the functions. */
static inline bool torture_openssl(void)
{
    return CRYPTO_set_mem_functions(torture_openssl_malloc, torture_openssl_realloc,
                                    torture_openssl_free) == 1;
}

static void *torture_cjson_malloc(size_t n)
{
    return __wrap_malloc(n);
}

/* Lets the allocation after n others fail, cJSON's too. */
static void torture_begin(long n)
{
    cJSON_Hooks hooks = { torture_cjson_malloc, free };

    cJSON_InitHooks(&hooks);
    torture_left = n;
    torture_hit = false;
}

/* Returns whether an allocation was refused since torture_begin. */
static bool torture_end(void)
{
    torture_left = -1;
    return torture_hit;
}

#endif
