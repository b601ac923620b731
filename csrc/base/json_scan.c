/* Whether a text is JSON that we take: one pass, without recursion, before cJSON sees it. */
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/ecma_number.h"
#include "base/json.h"
#include "venice.h"

/* --- member names -------------------------------------------------------------------------- */

/* A member's name as it stands in the text, between the quotes. */
struct name {
    uint32_t object; /* which object it belongs to */
    uint32_t len;
    bool escaped; /* holds a backslash */
    const char *text;
};

/* Four hex digits to a UTF-16 unit; -1 where they are not. */
static int utf16_unit(const char *p, const char *end)
{
    uint8_t two[2];

    if (end - p < 4 || hex_decode(two, p, 4) != 0)
        return -1;
    return two[0] << 8 | two[1];
}

/* Reads an escaped name as UTF-8, byte by byte, so that no copy is needed. The scan has checked
 * it. */
struct unescape {
    const char *p, *end;
    uint8_t pending[4];
    unsigned have, at;
};

static void put_utf8(struct unescape *u, uint32_t c)
{
    u->have = u->at = 0;
    if (c < 0x80) {
        u->pending[u->have++] = (uint8_t)c;
        return;
    }
    if (c < 0x800) {
        u->pending[u->have++] = (uint8_t)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            u->pending[u->have++] = (uint8_t)(0xe0 | c >> 12);
        } else {
            u->pending[u->have++] = (uint8_t)(0xf0 | c >> 18);
            u->pending[u->have++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        }
        u->pending[u->have++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    }
    u->pending[u->have++] = (uint8_t)(0x80 | (c & 0x3f));
}

/* The next byte, or -1 at the end. */
static int unescape_next(struct unescape *u)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t c;

    if (u->at < u->have)
        return u->pending[u->at++];
    if (u->p >= u->end)
        return -1;
    if (*u->p != '\\')
        return (unsigned char)*u->p++;
    if (u->p[1] != 'u') {
        const char *found = strchr(from, u->p[1]);

        u->p += 2;
        return found ? (unsigned char)to[found - from] : -1;
    }
    c = (uint32_t)utf16_unit(u->p + 2, u->end);
    u->p += 6;
    if (c >= 0xd800 && c <= 0xdbff) {
        c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)utf16_unit(u->p + 2, u->end) - 0xdc00);
        u->p += 6;
    }
    put_utf8(u, c);
    return u->pending[u->at++];
}

static int compare_text(const struct name *a, const struct name *b)
{
    struct unescape x = { .p = a->text, .end = a->text + a->len };
    struct unescape y = { .p = b->text, .end = b->text + b->len };

    if (!a->escaped && !b->escaped) {
        int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

        return order ? order : (a->len > b->len) - (a->len < b->len);
    }
    for (;;) {
        int c = unescape_next(&x), d = unescape_next(&y);

        if (c != d)
            return c < d ? -1 : 1;
        if (c < 0)
            return 0;
    }
}

static bool name_is(const char *text, size_t len, const char *wanted)
{
    struct unescape x = { .p = text, .end = text + len };

    for (;; wanted++) {
        int c = unescape_next(&x);

        if (c < 0)
            return *wanted == 0;
        if (c != (unsigned char)*wanted)
            return false;
    }
}

static int compare_names(const void *left, const void *right)
{
    const struct name *a = left, *b = right;

    if (a->object != b->object)
        return a->object < b->object ? -1 : 1;
    return compare_text(a, b);
}

/* Sorted, not hashed: a sender who chooses the names cannot make this slow. */
static bool has_duplicates(struct name *names, size_t n)
{
    if (n < 2)
        return false;
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++)
        if (compare_names(&names[i - 1], &names[i]) == 0)
            return true;
    return false;
}

/* --- the scan ------------------------------------------------------------------------------ */

struct scan {
    const char *p, *end;
    const char *start;
    size_t values, values_max;
    unsigned depth, depth_max;
    bool names_wanted;
    bool lax; /* json_is_array: what any server's parser might take */
    bool nul_allowed;
    uint32_t objects;              /* so many have been opened */
    uint32_t open[JSON_DEPTH_MAX]; /* the number of the object at each depth; 0 for an array */
    struct name *names;
    size_t name_count, name_cap;
    /* json_raw_member: the name to look for at depth 1, and the value's bytes */
    const char *wanted, *raw, *raw_end;
    const char *over; /* which limit was hit */
};

static int over_limit(struct scan *s, const char *what)
{
    s->over = what;
    return VENICE_E_LIMIT;
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

/* An escape from the backslash on. No \u0000, no half of a surrogate pair. */
static int scan_escape(struct scan *s)
{
    int unit, second;

    if (s->end - s->p < 2)
        return VENICE_E_MALFORMED;
    if (s->p[1] != 'u') {
        if (s->p[1] == 0 || !strchr("\"\\/bfnrt", s->p[1]))
            return VENICE_E_MALFORMED;
        s->p += 2;
        return 0;
    }
    unit = utf16_unit(s->p + 2, s->end);
    if (unit < 0 ||
        (!s->lax && ((unit == 0 && !s->nul_allowed) || (unit >= 0xdc00 && unit <= 0xdfff))))
        return VENICE_E_MALFORMED;
    s->p += 6;
    if (s->lax || unit < 0xd800 || unit > 0xdbff)
        return 0;
    if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
        return VENICE_E_MALFORMED;
    second = utf16_unit(s->p + 2, s->end);
    if (second < 0xdc00 || second > 0xdfff)
        return VENICE_E_MALFORMED;
    s->p += 6;
    return 0;
}

static int scan_string(struct scan *s)
{
    if (s->p == s->end || *s->p != '"')
        return VENICE_E_MALFORMED;
    for (s->p++; s->p < s->end;) {
        unsigned char c = (unsigned char)*s->p;

        if (c == '"') {
            s->p++;
            return 0;
        }
        if (c < 0x20)
            return VENICE_E_MALFORMED;
        if (c == '\\') {
            int r = scan_escape(s);

            if (r != 0)
                return r;
        } else {
            s->p++;
        }
    }
    return VENICE_E_MALFORMED;
}

static bool scan_digits(struct scan *s)
{
    const char *first = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > first;
}

/* A number that no double holds would become infinite, which is equal to nothing in JSON and is no
 * number in Lua. */
static int scan_number(struct scan *s)
{
    const char *first = s->p;
    double value;

    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!scan_digits(s))
        return VENICE_E_MALFORMED;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!scan_digits(s))
            return VENICE_E_MALFORMED;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!scan_digits(s))
            return VENICE_E_MALFORMED;
    }
    if (s->p - first > JSON_NUMBER_CHARS)
        return over_limit(s, "a number is too long");
    if (s->lax || json_number_read(&value, first, (size_t)(s->p - first)))
        return 0;
    return over_limit(s, "a number is too large");
}

static int scan_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return VENICE_E_MALFORMED;
    s->p += n;
    return 0;
}

static int remember_name(struct scan *s, const char *text, size_t len)
{
    if (s->name_count == s->name_cap) {
        size_t cap = s->name_cap ? s->name_cap * 2 : 32;
        struct name *grown = realloc(s->names, cap * sizeof *grown); /* positions, no secrets */

        if (!grown)
            return VENICE_E_MEMORY;
        s->names = grown;
        s->name_cap = cap;
    }
    s->names[s->name_count++] = (struct name){ .object = s->open[s->depth - 1],
                                               .len = (uint32_t)len,
                                               .escaped = memchr(text, '\\', len) != NULL,
                                               .text = text };
    return 0;
}

/* A member's name and its colon. */
static int scan_name(struct scan *s)
{
    const char *text;
    size_t len;
    bool nul_allowed = s->nul_allowed;
    int r;

    skip_space(s);
    text = s->p;
    s->nul_allowed = false; /* two names could look the same behind it */
    r = scan_string(s);
    s->nul_allowed = nul_allowed;
    if (r != 0)
        return r;
    text++; /* past the quote */
    len = (size_t)(s->p - text) - 1;
    if (s->names_wanted && (r = remember_name(s, text, len)) != 0)
        return r;
    skip_space(s);
    if (s->p == s->end || *s->p != ':')
        return VENICE_E_MALFORMED;
    s->p++;
    skip_space(s);
    if (s->wanted && s->depth == 1 && name_is(text, len, s->wanted)) {
        if (s->raw)
            return VENICE_E_MALFORMED; /* which of the two would be meant? */
        s->raw = s->p;
    }
    return 0;
}

/* After a value: through commas and closing brackets to where the next value begins. *more is false
 * where the outermost value is complete. */
static int scan_after_value(struct scan *s, bool *more)
{
    for (;;) {
        bool in_object = s->depth > 0 && s->open[s->depth - 1] != 0;

        if (s->depth == 1 && s->raw && !s->raw_end)
            s->raw_end = s->p;
        *more = s->depth > 0;
        if (!*more)
            return 0;
        skip_space(s);
        if (s->p == s->end)
            return VENICE_E_MALFORMED;
        if (*s->p == ',') {
            s->p++;
            return in_object ? scan_name(s) : 0;
        }
        if (*s->p != (in_object ? '}' : ']'))
            return VENICE_E_MALFORMED;
        s->p++;
        s->depth--;
    }
}

/* An opening bracket. *empty where the closing one follows at once. */
static int scan_open(struct scan *s, bool *empty)
{
    bool is_object = *s->p == '{';

    *empty = false;
    if (s->depth >= s->depth_max)
        return over_limit(s, "it is nested too deeply");
    s->open[s->depth++] = is_object ? ++s->objects : 0;
    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == (is_object ? '}' : ']')) {
        s->p++;
        s->depth--;
        *empty = true;
        return 0;
    }
    return is_object ? scan_name(s) : 0;
}

static int scan_scalar(struct scan *s)
{
    switch (*s->p) {
    case '"': return scan_string(s);
    case 't': return scan_word(s, "true");
    case 'f': return scan_word(s, "false");
    case 'n': return scan_word(s, "null");
    case 'N': return s->lax ? scan_word(s, "NaN") : VENICE_E_MALFORMED;
    case 'I': return s->lax ? scan_word(s, "Infinity") : VENICE_E_MALFORMED;
    default: break;
    }
    if (s->lax && scan_word(s, "-Infinity") == 0)
        return 0;
    return scan_number(s);
}

/* Exactly one value with white space around it. No recursion: depth costs four bytes. */
static int scan_text(struct scan *s)
{
    bool more = true;
    int r;

    while (more) {
        bool complete = true;

        skip_space(s);
        if (s->p == s->end)
            return VENICE_E_MALFORMED;
        if (++s->values > s->values_max)
            return over_limit(s, "it has too many values");
        if (*s->p == '{' || *s->p == '[')
            r = scan_open(s, &complete);
        else
            r = scan_scalar(s);
        if (r == 0 && complete)
            r = scan_after_value(s, &more);
        if (r != 0)
            return r;
    }
    skip_space(s);
    return s->p == s->end ? 0 : VENICE_E_MALFORMED;
}

/* --- what it is asked ---------------------------------------------------------------------- */

static void scan_begin(struct scan *s, const char *text, size_t len,
                       const struct json_limits *limits)
{
    unsigned depth = limits && limits->depth ? limits->depth : JSON_DEPTH;

    memset(s, 0, sizeof *s);
    s->p = s->start = text;
    s->end = text + len;
    s->values_max = limits && limits->values ? limits->values : JSON_VALUES;
    s->depth_max = depth < JSON_DEPTH_MAX ? depth : JSON_DEPTH_MAX;
    s->names_wanted = !(limits && limits->allow_duplicates);
    s->nul_allowed = limits && limits->allow_nul;
}

static bool is_too_long(size_t len, const struct json_limits *limits)
{
    return len > (limits && limits->bytes ? limits->bytes : JSON_BYTES) || len > UINT32_MAX;
}

const char *json_over_limit(const char *text, size_t len, const struct json_limits *limits)
{
    struct scan s;

    if (is_too_long(len, limits))
        return "it is too long";
    scan_begin(&s, text, len, limits);
    (void)scan_text(&s);
    free(s.names);
    return s.over;
}

int json_check(const char *text, size_t len, const struct json_limits *limits)
{
    struct scan s;
    int r;

    if (!text)
        return VENICE_E_ARG;
    if (is_too_long(len, limits))
        return VENICE_E_LIMIT;
    if (!utf8_valid((const uint8_t *)text, len))
        return VENICE_E_MALFORMED;
    scan_begin(&s, text, len, limits);
    r = scan_text(&s);
    if (r == 0 && has_duplicates(s.names, s.name_count))
        r = VENICE_E_MALFORMED;
    free(s.names);
    return r;
}

int json_raw_member(const char **out, size_t *out_len, const char *text, size_t len,
                    const char *name)
{
    const struct json_limits all = {
        .depth = JSON_DEPTH_MAX, .values = SIZE_MAX, .allow_duplicates = true, .allow_nul = true
    };
    struct scan s;

    *out = NULL;
    *out_len = 0;
    scan_begin(&s, text, len, &all);
    s.wanted = name;
    if (scan_text(&s) != 0 || !s.raw || !s.raw_end)
        return VENICE_E_MALFORMED;
    *out = s.raw;
    *out_len = (size_t)(s.raw_end - s.raw);
    return 0;
}

bool json_is_array(const char *text, size_t n)
{
    const struct json_limits all = {
        .depth = JSON_DEPTH_MAX, .values = SIZE_MAX, .allow_duplicates = true, .allow_nul = true
    };
    struct scan s;
    int r;

    scan_begin(&s, text, n, &all);
    s.lax = true;
    skip_space(&s);
    if (s.p == s.end || *s.p != '[')
        return false;
    r = scan_text(&s);
    return r == 0 || r == VENICE_E_LIMIT;
}
