/* The event-stream splitter (PROTOCOL section 1.3, Framing; WHATWG HTML, section 9.2).
 *
 * Bytes are looked at once, as they come. Only values of data lines are kept; names, comments and
 * other fields pass through a few integers. Whole events wait in one buffer:
 *
 *     | taken | length data NUL | length data NUL | length data-so-far |
 *             ^ head                              ^ open               ^ len
 */
#include "e2ee/sse.h"

#include <stdbool.h>
#include <string.h>

#include "base/secret.h"
#include "venice.h"

enum line_state {
    LINE_NAME,  /* in the field's name, of which name_len characters were "data" so far */
    LINE_SPACE, /* after the colon: one space may follow */
    LINE_VALUE, /* in the value of a data line */
    LINE_OTHER  /* in a comment, or in a field that is passed over */
};

struct sse {
    char *buf;
    size_t len, cap;
    size_t head;   /* the oldest event that was not taken */
    size_t open;   /* where the event that is being read begins */
    bool has_data; /* it has a data line */
    enum line_state state;
    size_t line_len;
    unsigned name_len;
    unsigned bom_len; /* bytes of a byte order mark seen; 3 when it is too late for one */
    bool after_cr;
    int failed;
};

static const char NAME[] = "data";
enum { NAME_LEN = 4, BOM_LEN = 3 };

int sse_new(struct sse **out)
{
    *out = wiping_calloc(1, sizeof **out);
    return *out ? 0 : VENICE_E_MEMORY;
}

void sse_free(struct sse *s)
{
    if (!s)
        return;
    wiping_free(s->buf);
    wiping_free(s);
}

static int append(struct sse *s, const char *bytes, size_t n)
{
    if (n > s->cap - s->len) {
        size_t cap = s->cap ? s->cap : 4096;
        char *grown;

        while (cap - s->len < n)
            cap *= 2;
        grown = wiping_realloc(s->buf, cap);
        if (!grown)
            return VENICE_E_MEMORY;
        s->buf = grown;
        s->cap = cap;
    }
    memcpy(s->buf + s->len, bytes, n);
    s->len += n;
    return 0;
}

/* Makes room for the length of the next event, which is not known yet. */
static int open_event(struct sse *s)
{
    const size_t unknown = 0;

    s->open = s->len;
    return append(s, (const char *)&unknown, sizeof unknown);
}

static size_t data_len(const struct sse *s)
{
    return s->len - s->open - sizeof(size_t);
}

static int append_data(struct sse *s, const char *bytes, size_t n)
{
    if (n > SSE_EVENT_MAX - data_len(s))
        return VENICE_E_LIMIT;
    return append(s, bytes, n);
}

static int begin_data_line(struct sse *s)
{
    if (s->has_data)
        return append_data(s, "\n", 1);
    s->has_data = true;
    return open_event(s);
}

static int close_event(struct sse *s)
{
    size_t n;
    int r;

    if (!s->has_data)
        return 0;
    n = data_len(s);
    r = append(s, "", 1);
    if (r != 0)
        return r;
    memcpy(s->buf + s->open, &n, sizeof n);
    s->open = s->len;
    s->has_data = false;
    return 0;
}

static int end_line(struct sse *s)
{
    int r = 0;

    if (s->line_len == 0)
        r = close_event(s);
    else if (s->state == LINE_NAME && s->name_len == NAME_LEN)
        r = begin_data_line(s); /* "data" alone is an empty data line */
    s->state = LINE_NAME;
    s->line_len = 0;
    s->name_len = 0;
    return r;
}

/* One character of a field's name. */
static int take_name(struct sse *s, char c)
{
    if (c == ':' && s->name_len == NAME_LEN) {
        s->state = LINE_SPACE;
        return begin_data_line(s);
    }
    if (s->name_len < NAME_LEN && c == NAME[s->name_len])
        s->name_len++;
    else
        s->state = LINE_OTHER;
    return 0;
}

/* A run of bytes without a line end. */
static int take_run(struct sse *s, const char *p, size_t n)
{
    const char *end = p + n;
    int r = 0;

    if (n > SSE_EVENT_MAX - s->line_len)
        return VENICE_E_LIMIT;
    s->line_len += n;
    while (r == 0 && p < end && s->state == LINE_NAME)
        r = take_name(s, *p++);
    if (r != 0 || p == end)
        return r;
    if (s->state == LINE_SPACE) {
        s->state = LINE_VALUE;
        if (*p == ' ')
            p++;
    }
    return s->state == LINE_VALUE ? append_data(s, p, (size_t)(end - p)) : 0;
}

/* A byte order mark at the very beginning is no part of the first line. Returns how many of the
 * bytes belong to it; a mark that turns out to be none makes its line one that is passed over. */
static size_t take_bom(struct sse *s, const char *bytes, size_t len)
{
    static const char mark[BOM_LEN + 1] = "\xef\xbb\xbf";
    size_t taken = 0;

    while (s->bom_len < BOM_LEN && taken < len) {
        if (bytes[taken] == mark[s->bom_len]) {
            s->bom_len++;
            taken++;
        } else {
            if (s->bom_len > 0) {
                s->state = LINE_OTHER;
                s->line_len = s->bom_len;
            }
            s->bom_len = BOM_LEN;
        }
    }
    return taken;
}

/* Moves what is not taken to the front. What is left is, at worst, one event that is being read,
 * and it is moved once for each event that was taken before it: linear. */
static void compact(struct sse *s)
{
    if (s->head == 0 || s->head < s->len / 2)
        return;
    memmove(s->buf, s->buf + s->head, s->len - s->head);
    s->len -= s->head;
    s->open -= s->head;
    s->head = 0;
}

int sse_feed(struct sse *s, const char *bytes, size_t len)
{
    size_t i;

    if (s->failed || len == 0)
        return s->failed;
    compact(s);
    i = take_bom(s, bytes, len);
    while (i < len && !s->failed) {
        size_t first = i;

        if (s->after_cr && bytes[i] == '\n')
            first = ++i;
        s->after_cr = false;
        while (i < len && bytes[i] != '\n' && bytes[i] != '\r')
            i++;
        if (i > first)
            s->failed = take_run(s, bytes + first, i - first);
        if (i < len && !s->failed) {
            s->after_cr = bytes[i] == '\r';
            s->failed = end_line(s);
            i++;
        }
    }
    return s->failed;
}

int sse_next(struct sse *s, char **data, size_t *len)
{
    size_t n;

    if (s->head == s->open || s->len == 0)
        return 0;
    memcpy(&n, s->buf + s->head, sizeof n);
    *data = s->buf + s->head + sizeof n;
    *len = n;
    s->head += sizeof n + n + 1;
    return 1;
}
