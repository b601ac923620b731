/* JSON in canonical form (RFC 8785). The text becomes a flat array of values (positions in the
 * text and in one buffer of unescaped strings), members are sorted where an object ends, and the
 * array is printed. */
#include "base/jcs.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/ecma_number.h"
#include "base/secret.h"
#include "venice.h"

enum kind { KIND_WORD, KIND_NUMBER, KIND_STRING, KIND_ARRAY, KIND_OBJECT };

/* A string, unescaped, by its place in the buffer. */
struct span {
    uint32_t at, len;
};

struct value {
    enum kind kind;
    uint32_t first, next; /* the first child and the next sibling; 0: none (0 is the root) */
    struct span name;     /* where the parent is an object */
    struct span text;     /* a string unescaped; a word or a number as it stands in the text */
};

struct tree {
    const char *p, *start, *end;
    unsigned depth;
    struct value *values;
    uint32_t count, cap;
    char *strings; /* as long as the text, which unescaping never exceeds */
    uint32_t strings_len;
    const char *const *order; /* NULL: by UTF-16 units */
};

/* --- reading ---------------------------------------------------------------------------------- */

static void skip_space(struct tree *t)
{
    while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\n' || *t->p == '\r'))
        t->p++;
}

static bool next_is(struct tree *t, char c)
{
    skip_space(t);
    if (t->p == t->end || *t->p != c)
        return false;
    t->p++;
    return true;
}

static void put_utf8(struct tree *t, uint32_t c)
{
    char *to = t->strings + t->strings_len;

    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    t->strings_len = (uint32_t)(to - t->strings);
}

/* Four hex digits; -1 where they are not. */
static int32_t take_unit(struct tree *t)
{
    uint8_t two[2];

    if (t->end - t->p < 4 || hex_decode(two, t->p, 4) != 0)
        return -1;
    t->p += 4;
    return two[0] << 8 | two[1];
}

/* After the u of an escape. */
static int read_unicode(struct tree *t)
{
    int32_t unit = take_unit(t), low;

    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return VENICE_E_MALFORMED;
    if (unit < 0xd800 || unit > 0xdbff) {
        put_utf8(t, (uint32_t)unit);
        return 0;
    }
    if (t->end - t->p < 2 || t->p[0] != '\\' || t->p[1] != 'u')
        return VENICE_E_MALFORMED;
    t->p += 2;
    low = take_unit(t);
    if (low < 0xdc00 || low > 0xdfff)
        return VENICE_E_MALFORMED;
    put_utf8(t, 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return 0;
}

static int read_escape(struct tree *t)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (t->p == t->end)
        return VENICE_E_MALFORMED;
    if (*t->p == 'u') {
        t->p++;
        return read_unicode(t);
    }
    found = memchr(from, *t->p, sizeof from - 1);
    if (!found)
        return VENICE_E_MALFORMED;
    t->strings[t->strings_len++] = to[found - from];
    t->p++;
    return 0;
}

/* That the text is UTF-8 was checked at the start. */
static int read_string(struct tree *t, struct span *out)
{
    if (!next_is(t, '"'))
        return VENICE_E_MALFORMED;
    out->at = t->strings_len;
    while (t->p < t->end) {
        unsigned char c = (unsigned char)*t->p++;
        int r;

        if (c == '"') {
            out->len = t->strings_len - out->at;
            return 0;
        }
        if (c < 0x20)
            return VENICE_E_MALFORMED;
        if (c != '\\')
            t->strings[t->strings_len++] = (char)c;
        else if ((r = read_escape(t)) != 0)
            return r;
    }
    return VENICE_E_MALFORMED;
}

static bool take_digits(struct tree *t)
{
    const char *first = t->p;

    while (t->p < t->end && *t->p >= '0' && *t->p <= '9')
        t->p++;
    return t->p > first;
}

static int read_number(struct tree *t, struct span *out)
{
    const char *first = t->p;

    if (*t->p == '-')
        t->p++;
    if (t->p < t->end && *t->p == '0')
        t->p++;
    else if (!take_digits(t))
        return VENICE_E_MALFORMED;
    if (t->p < t->end && *t->p == '.') {
        t->p++;
        if (!take_digits(t))
            return VENICE_E_MALFORMED;
    }
    if (t->p < t->end && (*t->p == 'e' || *t->p == 'E')) {
        t->p++;
        if (t->p < t->end && (*t->p == '+' || *t->p == '-'))
            t->p++;
        if (!take_digits(t))
            return VENICE_E_MALFORMED;
    }
    out->at = (uint32_t)(first - t->start);
    out->len = (uint32_t)(t->p - first);
    return out->len > ECMA_NUMBER_TOKEN ? VENICE_E_LIMIT : 0;
}

static int read_word(struct tree *t, struct span *out)
{
    static const char *const words[] = { "true", "false", "null" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);

        if ((size_t)(t->end - t->p) >= n && memcmp(t->p, words[i], n) == 0) {
            out->at = (uint32_t)(t->p - t->start);
            out->len = (uint32_t)n;
            t->p += n;
            return 0;
        }
    }
    return VENICE_E_MALFORMED;
}

static int add_value(struct tree *t, uint32_t *index)
{
    if (t->count == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 64;
        struct value *grown;

        if (t->count >= JCS_VALUES)
            return VENICE_E_LIMIT;
        grown = wiping_realloc(t->values, cap * sizeof *grown);
        if (!grown)
            return VENICE_E_MEMORY;
        t->values = grown;
        t->cap = cap;
    }
    *index = t->count++;
    memset(&t->values[*index], 0, sizeof t->values[0]);
    return 0;
}

static int read_value(struct tree *t, uint32_t index);
static int sort_members(struct tree *t, uint32_t object);

/* The children of an array or an object, from behind its opening bracket. */
static int read_children(struct tree *t, uint32_t parent, bool named)
{
    uint32_t last = 0;

    if (next_is(t, named ? '}' : ']'))
        return 0;
    do {
        struct span name = { 0, 0 };
        uint32_t child;
        int r = named ? read_string(t, &name) : 0;

        if (r == 0 && named && !next_is(t, ':'))
            r = VENICE_E_MALFORMED;
        if (r == 0)
            r = add_value(t, &child);
        if (r != 0)
            return r;
        t->values[child].name = name;
        if (last)
            t->values[last].next = child;
        else
            t->values[parent].first = child;
        last = child;
        r = read_value(t, child);
        if (r != 0)
            return r;
    } while (next_is(t, ','));
    if (!next_is(t, named ? '}' : ']'))
        return VENICE_E_MALFORMED;
    return named ? sort_members(t, parent) : 0;
}

static int read_nested(struct tree *t, uint32_t index, bool named)
{
    int r;

    if (t->depth >= JCS_DEPTH)
        return VENICE_E_LIMIT;
    t->values[index].kind = named ? KIND_OBJECT : KIND_ARRAY;
    t->p++;
    t->depth++;
    r = read_children(t, index, named);
    t->depth--;
    return r;
}

/* Values move while children are read, so results are stored by index. */
static int read_value(struct tree *t, uint32_t index)
{
    struct span text = { 0, 0 };
    enum kind kind;
    int r;

    skip_space(t);
    if (t->p == t->end)
        return VENICE_E_MALFORMED;
    if (*t->p == '{' || *t->p == '[')
        return read_nested(t, index, *t->p == '{');
    if (*t->p == '"') {
        kind = KIND_STRING;
        r = read_string(t, &text);
    } else if (*t->p == '-' || (*t->p >= '0' && *t->p <= '9')) {
        kind = KIND_NUMBER;
        r = read_number(t, &text);
    } else {
        kind = KIND_WORD;
        r = read_word(t, &text);
    }
    t->values[index].kind = kind;
    t->values[index].text = text;
    return r;
}

/* --- the order of members --------------------------------------------------------------------- */

/* One member while an object's members are sorted. */
struct member {
    const char *name;
    size_t len;
    uint32_t index;
    size_t rank; /* its place in the given order */
};

/* UTF-8 sorts byte by byte as code points do. As UTF-16 units do, too, but for one thing: EE and EF
 * lead U+E000 to U+FFFF, which lie above the surrogates that stand for what F0 to F4 lead. */
static unsigned utf16_rank(char c)
{
    unsigned byte = (unsigned char)c;

    return byte == 0xee || byte == 0xef ? byte + 0x10 : byte;
}

static int compare_names(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    size_t n = a->len < b->len ? a->len : b->len;

    for (size_t i = 0; i < n; i++) {
        if (a->name[i] != b->name[i])
            return utf16_rank(a->name[i]) < utf16_rank(b->name[i]) ? -1 : 1;
    }
    return (a->len > b->len) - (a->len < b->len);
}

static int compare_ranks(const void *left, const void *right)
{
    const struct member *a = left, *b = right;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static size_t find_rank(const char *const *order, const struct member *m)
{
    size_t i = 0;

    while (order[i] && (strlen(order[i]) != m->len || memcmp(order[i], m->name, m->len) != 0))
        i++;
    return i;
}

/* Sorts an object's members by name, which also brings two of the same name together. */
static int sort_members(struct tree *t, uint32_t object)
{
    struct member *members;
    size_t count = 0, n = 0;
    int r = VENICE_E_MALFORMED;

    for (uint32_t i = t->values[object].first; i; i = t->values[i].next)
        count++;
    members = wiping_malloc(count * sizeof *members);
    if (!members)
        return VENICE_E_MEMORY;
    for (uint32_t i = t->values[object].first; i; i = t->values[i].next) {
        members[n] = (struct member){ .name = t->strings + t->values[i].name.at,
                                      .len = t->values[i].name.len,
                                      .index = i };
        members[n].rank = t->order ? find_rank(t->order, &members[n]) : 0;
        n++;
    }
    qsort(members, count, sizeof *members, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (compare_names(&members[i - 1], &members[i]) == 0)
            goto out;
    }
    if (t->order)
        qsort(members, count, sizeof *members, compare_ranks);
    t->values[object].first = members[0].index;
    for (size_t i = 0; i < count; i++)
        t->values[members[i].index].next = i + 1 < count ? members[i + 1].index : 0;
    r = 0;
out:
    wiping_free(members);
    return r;
}

/* --- printing --------------------------------------------------------------------------------- */

struct text {
    char *p;
    size_t len, cap;
    bool broken; /* no memory */
};

static void put(struct text *out, const char *p, size_t n)
{
    if (out->broken)
        return;
    if (out->cap - out->len <= n) {
        size_t cap = 2 * out->cap + n + 256;
        char *grown = wiping_realloc(out->p, cap);

        if (!grown) {
            out->broken = true;
            return;
        }
        out->p = grown;
        out->cap = cap;
    }
    memcpy(out->p + out->len, p, n);
    out->len += n;
    out->p[out->len] = 0;
}

static void put_char(struct text *out, char c)
{
    put(out, &c, 1);
}

/* RFC 8785 section 3.2.2.2: the short escapes, \u00xx for other control characters, and nothing
 * else. */
static void put_string(struct text *out, const char *p, size_t n)
{
    static const char special[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";

    put_char(out, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        const char *found = c ? memchr(special, c, sizeof special - 1) : NULL;
        char escape[7] = "\\u00";

        if (found) {
            escape[1] = names[found - special];
            put(out, escape, 2);
        } else if (c < 0x20) {
            hex_encode(escape + 4, &c, 1);
            put(out, escape, 6);
        } else {
            put(out, p + i, 1);
        }
    }
    put_char(out, '"');
}

static int put_number(struct text *out, const char *p, size_t n)
{
    char number[ECMA_NUMBER_CHARS + 1];
    int r = ecma_number(number, p, n);

    if (r == 0)
        put(out, number, strlen(number));
    return r;
}

static int put_value(struct text *out, const struct tree *t, uint32_t index)
{
    const struct value *v = &t->values[index];
    bool named = v->kind == KIND_OBJECT;

    switch (v->kind) {
    case KIND_WORD: put(out, t->start + v->text.at, v->text.len); return 0;
    case KIND_NUMBER: return put_number(out, t->start + v->text.at, v->text.len);
    case KIND_STRING: put_string(out, t->strings + v->text.at, v->text.len); return 0;
    case KIND_ARRAY:
    case KIND_OBJECT: break;
    }
    put_char(out, named ? '{' : '[');
    for (uint32_t i = v->first; i; i = t->values[i].next) {
        int r;

        if (i != v->first)
            put_char(out, ',');
        if (named) {
            put_string(out, t->strings + t->values[i].name.at, t->values[i].name.len);
            put_char(out, ':');
        }
        r = put_value(out, t, i);
        if (r != 0)
            return r;
    }
    put_char(out, named ? '}' : ']');
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int read_tree(struct tree *t, const char *text, size_t n, const char *const *order)
{
    uint32_t root;
    int r;

    *t = (struct tree){ .p = text, .start = text, .end = text + n, .order = order };
    if (n > JCS_BYTES)
        return VENICE_E_LIMIT;
    if (!utf8_valid((const uint8_t *)text, n))
        return VENICE_E_MALFORMED;
    t->strings = wiping_malloc(n + 1);
    if (!t->strings)
        return VENICE_E_MEMORY;
    r = add_value(t, &root);
    if (r == 0)
        r = read_value(t, root);
    if (r != 0)
        return r;
    skip_space(t);
    return t->p == t->end ? 0 : VENICE_E_MALFORMED;
}

int jcs_ordered(char **out, size_t *len, const char *text, size_t n, const char *const *first)
{
    struct text printed = { 0 };
    struct tree tree;
    int r = read_tree(&tree, text, n, first);

    *out = NULL;
    *len = 0;
    if (r == 0)
        r = put_value(&printed, &tree, 0);
    if (r == 0 && printed.broken)
        r = VENICE_E_MEMORY;
    if (r == 0) {
        *out = printed.p;
        *len = printed.len;
        printed.p = NULL;
    }
    wiping_free(printed.p);
    wiping_free(tree.strings);
    wiping_free(tree.values);
    return r;
}

int jcs_canonical(char **out, size_t *len, const char *text, size_t n)
{
    return jcs_ordered(out, len, text, n, NULL);
}

int jcs_sha256(unsigned char out32[32], const char *text, size_t n)
{
    char *canonical;
    size_t len;
    int r = jcs_canonical(&canonical, &len, text, n);

    if (r == 0)
        r = sha256(out32, (const uint8_t *)canonical, len);
    wiping_free(canonical);
    return r;
}
