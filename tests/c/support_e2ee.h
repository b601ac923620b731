/* Helpers of the tests of csrc/base and csrc/e2ee. */
#ifndef SUPPORT_E2EE_H
#define SUPPORT_E2EE_H

#include <stdbool.h>
#include <stddef.h>

#include "e2ee/session.h"

/* Text that grows; fails the test where there is no memory. */
struct text {
    char *data;
    size_t len, cap;
};

void text_add(struct text *t, const char *bytes, size_t n);
void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_clear(struct text *t);

/* A file below the corpus, with a NUL behind it; NULL where there is no corpus. */
char *corpus_read(const char *path, size_t *len);

/* Adds "data: TEMPLATE\n\n". In the template, <some text> becomes a JSON string that holds the text
 * sealed for kp. */
void text_add_event(struct text *t, const venice_keypair *kp, const char *template);

/* Runs bytes through a stream, `step` at a time, and writes down what comes out as
 * "C(text)", "R(text)", "W(text)", "w(text)" (white space in reasoning), "U(json)", "F(reason)",
 * "E(code)"; neighbouring texts of a kind are joined. finish says whether the input ends. */
void stream_log(struct text *log, venice_keypair *kp, bool refuse_white_space, const char *bytes,
                size_t len, size_t step, bool finish);

#endif
