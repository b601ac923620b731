/* Results with their words: a status travels with one sentence of what happened and one of what to
 * do. */
#ifndef VENICE_BASE_STATUS_H
#define VENICE_BASE_STATUS_H

#include "venice.h"

/* Filled once, by the function that knows best; the first failure stays. */
struct failure {
    int status; /* 0 while nothing has failed */
    char message[384];
    char hint[256];
};

/* Fills f unless it already holds a failure or is NULL. hint may be NULL. Returns status.
 * The texts are cut at a UTF-8 boundary where they do not fit, and made safe for a screen. */
int failure_set(struct failure *f, int status, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Out: {"code","message","hint"} as JSON; the caller frees *out with wiping_free. */
int failure_json(const struct failure *f, char **out, size_t *len);

#endif
