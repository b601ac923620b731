/* Every single bit of a real quote: which of them may change without the quote being refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support_dcap.h"

/* Forty thousand verifications are half a minute, so two processes share them. Sanitizers make each
 * slower and have seen the same code after a part of them. */
#if defined(__SANITIZE_ADDRESS__)
enum { STEP = 27 };
#else
enum { STEP = 1 };
#endif

enum { AUTH_SIZE_AT = 632, AUTH_AT = 636, PROCESSES = 2 };

struct tally {
    size_t tried, refused, tolerated;
    size_t unseen; /* flips that were accepted and must not be */
    size_t extra;  /* flips that were refused and must not be */
    size_t first;  /* the first bit of those two kinds */
};

static struct dcap_result result;
static uint8_t *quote;
static struct dcap_input in = { .now = 1751000000 };

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
        t->first = t->first ? t->first : bit;
    }
}

/* Tries its share of the bits in a process of its own, and writes what it found. */
static void try_share(int fd, size_t share, size_t end)
{
    struct tally t = { 0 };

    for (size_t bit = share * STEP; bit < 8 * in.quote_len; bit += PROCESSES * STEP)
        flip_bit(&t, bit, end);
    _exit(write(fd, &t, sizeof t) == (ssize_t)sizeof t ? 0 : 1);
}

static void try_all(struct tally *sum, size_t end)
{
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    for (size_t share = 0; share < PROCESSES; share++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            try_share(ends[1], share, end);
    }
    for (size_t share = 0; share < PROCESSES; share++) {
        struct tally t;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
        assert_int_equal(read(ends[0], &t, sizeof t), sizeof t);
        sum->tried += t.tried;
        sum->refused += t.refused;
        sum->tolerated += t.tolerated;
        sum->unseen += t.unseen;
        sum->extra += t.extra;
        sum->first = t.first ? t.first : sum->first;
    }
    close(ends[0]);
    close(ends[1]);
}

static void every_bit_matters(void **state)
{
    struct tally t = { 0 };
    char path[512];
    size_t end;

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    snprintf(path, sizeof path, "%s/dcap-samples/tdx_quote", getenv("VENICE_CORPUS"));
    quote = (uint8_t *)dcap_file(path, &in.quote_len);
    in.quote = quote;
    strcat(path, "_collateral.json");
    in.collateral = dcap_file(path, &in.collateral_len);
    assert_non_null(in.quote);
    assert_non_null(in.collateral);
    end = AUTH_AT + (size_t)(quote[AUTH_SIZE_AT] | quote[AUTH_SIZE_AT + 1] << 8);
    assert_int_equal(dcap_verify(&result, NULL, &in), 0);
    assert_null(result.reason);
    try_all(&t, end);
    printf("# note: %zu of %zu bit flips refused; %zu tolerated, all behind the signature data "
           "(byte %zu on) or in the NUL before it\n",
           t.refused, t.tried, t.tolerated, end);
    if (t.unseen || t.extra)
        fail_msg("%zu flips accepted, %zu refused wrongly; one is bit %zu of byte %zu", t.unseen,
                 t.extra, t.first % 8, t.first / 8);
    assert_int_equal(t.tried, (8 * in.quote_len + STEP - 1) / STEP);
    free(quote);
    free((void *)in.collateral);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_bit_matters) };

    return cmocka_run_group_tests_name("dcap_flips", tests, NULL, NULL);
}
