#include "support_e2ee.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "e2ee/envelope.h"
#include "e2ee/stream.h"

void text_add(struct text *t, const char *bytes, size_t n)
{
    if (t->len + n + 1 > t->cap) {
        t->cap = (t->len + n + 1) * 2;
        t->data = realloc(t->data, t->cap);
        assert_non_null(t->data);
    }
    if (n > 0)
        memcpy(t->data + t->len, bytes, n);
    t->len += n;
    t->data[t->len] = 0;
}

void text_addf(struct text *t, const char *format, ...)
{
    char buffer[4096];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(buffer, sizeof buffer, format, args);
    va_end(args);
    assert_in_range(n, 0, sizeof buffer - 1);
    text_add(t, buffer, (size_t)n);
}

void text_clear(struct text *t)
{
    free(t->data);
    memset(t, 0, sizeof *t);
}

char *corpus_read(const char *path, size_t *len)
{
    const char *corpus = getenv("VENICE_CORPUS");
    struct text t = { 0 };
    char name[4096], buffer[65536];
    size_t n;
    FILE *file;

    if (!corpus)
        return NULL;
    snprintf(name, sizeof name, "%s/%s", corpus, path);
    file = fopen(name, "rb");
    if (!file)
        fail_msg("cannot read %s", name);
    while ((n = fread(buffer, 1, sizeof buffer, file)) > 0)
        text_add(&t, buffer, n);
    fclose(file);
    *len = t.len;
    return t.data;
}

void text_add_event(struct text *t, const venice_keypair *kp, const char *template)
{
    text_add(t, "data: ", 6);
    while (*template) {
        const char *close = *template == '<' ? strchr(template, '>') : NULL;

        if (close) {
            size_t n = (size_t)(close - template) - 1;
            char *blob = malloc(2 * (n + ENVELOPE_OVERHEAD));

            assert_non_null(blob);
            assert_int_equal(envelope_seal(blob, &ENVELOPE_LEGACY_V1, keypair_public(kp),
                                           (const uint8_t *)template + 1, n),
                             0);
            text_add(t, "\"", 1);
            text_add(t, blob, 2 * (n + ENVELOPE_OVERHEAD));
            text_add(t, "\"", 1);
            free(blob);
            template = close + 1;
        } else {
            text_add(t, template ++, 1);
        }
    }
    text_add(t, "\n\n", 2);
}

static char letter_of(const venice_event *ev)
{
    switch (ev->kind) {
    case VENICE_EV_CONTENT: return 'C';
    case VENICE_EV_REASONING: return 'R';
    case VENICE_EV_WHITESPACE: return ev->status ? 'w' : 'W';
    case VENICE_EV_USAGE: return 'U';
    case VENICE_EV_FINISH: return 'F';
    case VENICE_EV_ERROR: return 'E';
    default: return '?';
    }
}

static void log_event(struct text *log, const venice_event *ev, char *last)
{
    char letter = letter_of(ev);
    bool join = letter == *last && strchr("CRWw", letter);

    assert_int_equal(strlen(ev->data) <= ev->len, 1);
    assert_int_equal(ev->data[ev->len], 0);
    if (join)
        log->len--; /* the closing parenthesis */
    else
        text_addf(log, "%c(", letter);
    if (letter == 'E')
        text_addf(log, "%s", venice_status_name(ev->status));
    else
        text_add(log, ev->data, ev->len);
    text_add(log, ")", 1);
    *last = letter;
}

void stream_log(struct text *log, venice_keypair *kp, bool refuse_white_space, const char *bytes,
                size_t len, size_t step, bool finish)
{
    struct stream_options options = { .refuse_plaintext_whitespace = refuse_white_space };
    venice_stream *s;
    venice_event ev;
    char last = 0;

    text_add(log, "", 0);
    assert_int_equal(stream_new(&s, kp, &options), 0);
    for (size_t at = 0; at < len; at += step) {
        assert_int_equal(stream_feed(s, bytes + at, step < len - at ? step : len - at), 0);
        while (stream_next(s, &ev))
            log_event(log, &ev, &last);
    }
    if (finish)
        stream_finish(s);
    while (stream_next(s, &ev))
        log_event(log, &ev, &last);
    stream_free(s);
}
