/* Single bits of a real quote. */
#include "support_flips.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/tdx/quote.h"
#include "support_dcap.h"

/* Forty thousand verifications are half a minute, so processes share them. Sanitizers make each ten
 * times slower and have seen the same code after a part of them. */
#if defined(__SANITIZE_ADDRESS__)
enum { STEP = 27 };
#else
enum { STEP = 1 };
#endif

enum { PROCESSES_MAX = 8 };

struct tally {
    size_t tried, refused, tolerated;
    size_t unseen; /* flips that were accepted and must not be */
    size_t extra;  /* flips that were refused and must not be */
    size_t worst;  /* a bit of those two kinds */
};

struct range {
    size_t first, last; /* bits */
    size_t end;         /* the byte behind the signature data */
};

static struct dcap_result result;
static struct dcap_input in = { .now = 1751000000 };
static uint8_t *quote;

static void flip_bit(struct tally *t, size_t bit, size_t end)
{
    size_t at = bit / 8;
    int may_change = at >= end || (at == end - 1 && quote[at] == 0);

    quote[at] ^= (uint8_t)(1 << bit % 8);
    if (dcap_verify(&result, NULL, &in) != 0)
        result.reason = NULL;
    quote[at] ^= (uint8_t)(1 << bit % 8);
    t->tried++;
    t->refused += result.reason != NULL;
    t->tolerated += result.reason == NULL;
    if ((!result.reason && !may_change) || (result.reason && at >= end)) {
        t->unseen += !result.reason;
        t->extra += result.reason != NULL;
        t->worst = bit;
    }
}

/* Tries its share of the bits in a process of its own, and writes what it found. */
static void try_share(int fd, const struct range *range, size_t share, size_t shares)
{
    struct tally t = { 0 };

    for (size_t bit = range->first + share * STEP; bit < range->last; bit += shares * STEP)
        flip_bit(&t, bit, range->end);
    _exit(write(fd, &t, sizeof t) == (ssize_t)sizeof t ? 0 : 1);
}

static void start_shares(int fd, const struct range *range, size_t shares)
{
    for (size_t share = 0; share < shares; share++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            try_share(fd, range, share, shares);
    }
}

static struct tally try_all(const struct range *range)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t shares = processors < 1               ? 1
                    : processors < PROCESSES_MAX ? (size_t)processors
                                                 : PROCESSES_MAX;
    struct tally sum = { 0 }, t;
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    start_shares(ends[1], range, shares);
    for (size_t share = 0; share < shares; share++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
        assert_int_equal(read(ends[0], &t, sizeof t), sizeof t);
        sum.tried += t.tried;
        sum.refused += t.refused;
        sum.tolerated += t.tolerated;
        sum.unseen += t.unseen;
        sum.extra += t.extra;
        sum.worst = t.unseen || t.extra ? t.worst : sum.worst;
    }
    close(ends[0]);
    close(ends[1]);
    return sum;
}

static void load(struct range *range, int pem)
{
    const char *reason;
    struct tdx_quote q;
    char path[512];

    snprintf(path, sizeof path, "%s/dcap-samples/tdx_quote", getenv("VENICE_CORPUS"));
    quote = (uint8_t *)dcap_file(path, &in.quote_len);
    in.quote = quote;
    strcat(path, "_collateral.json");
    in.collateral = dcap_file(path, &in.collateral_len);
    assert_non_null(in.quote);
    assert_non_null(in.collateral);
    assert_int_equal(tdx_quote_parse(&q, &reason, in.quote, in.quote_len), 0);
    range->end = (size_t)((const uint8_t *)q.pem - quote) + q.pem_len;
    range->first = pem ? 8 * (range->end - q.pem_len) : 0;
    range->last = 8 * (pem ? in.quote_len : range->end - q.pem_len);
    assert_int_equal(dcap_verify(&result, NULL, &in), 0);
    assert_null(result.reason);
}

void flip_every_bit(int pem)
{
    struct range range;
    struct tally t;

    if (!getenv("VENICE_CORPUS"))
        skip();
    load(&range, pem);
    t = try_all(&range);
    printf("# note: bytes %zu to %zu: %zu of %zu bit flips refused, %zu tolerated (signature data "
           "and its NUL end at byte %zu)\n",
           range.first / 8, range.last / 8 - 1, t.refused, t.tried, t.tolerated, range.end);
    if (t.unseen || t.extra)
        fail_msg("%zu flips accepted, %zu refused wrongly; one is bit %zu of byte %zu", t.unseen,
                 t.extra, t.worst % 8, t.worst / 8);
    assert_int_equal(t.tried, (range.last - range.first + STEP - 1) / STEP);
    if (!pem)
        assert_int_equal(t.refused, t.tried);
    free(quote);
    free((void *)in.collateral);
}
