/* Text that a server would take for structured content. */
#include "e2ee/array_trap.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

/* What some parser on the way might trim beyond JSON's own white space: the rest of ASCII's, and
 * Unicode's spaces with the byte order mark. Returns the bytes of the one at p, 0 for none. */
static size_t space_at(const unsigned char *p, size_t n)
{
    static const char *const wide[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9",
        "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf",
    };

    if (n > 0 && (*p == ' ' || (*p >= 0x09 && *p <= 0x0d) || (*p >= 0x1c && *p <= 0x1f)))
        return 1;
    if (n >= 3 && p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0x80 && p[2] <= 0x8a)
        return 3;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        size_t len = strlen(wide[i]);

        if (n >= len && memcmp(p, wide[i], len) == 0)
            return len;
    }
    return 0;
}

/* Whether a server would make structured content of it (PROTOCOL section 1.3). */
static bool looks_like_array(const char *text, size_t n)
{
    size_t k;

    while ((k = space_at((const unsigned char *)text, n)) > 0) {
        text += k;
        n -= k;
    }
    if (n == 0 || *text != '[')
        return false;
    for (;;) { /* from the end, by the one to three bytes that a space may have */
        size_t cut = 0;

        for (k = 1; k <= 3 && k <= n && cut == 0; k++)
            if (space_at((const unsigned char *)text + n - k, k) == k)
                cut = k;
        if (cut == 0)
            break;
        n -= cut;
    }
    return n > 1 && text[n - 1] == ']' && json_is_array(text, n);
}

static size_t longest_backtick_run(const char *text, size_t n)
{
    size_t longest = 0, run = 0;

    for (size_t i = 0; i < n; i++) {
        run = text[i] == '`' ? run + 1 : 0;
        if (run > longest)
            longest = run;
    }
    return longest;
}

int array_trap_fence(char **out, size_t *out_len, const char *text, size_t n)
{
    size_t ticks;
    char *p;

    *out = NULL;
    *out_len = n;
    if (!looks_like_array(text, n))
        return 0;
    ticks = longest_backtick_run(text, n) + 1;
    if (ticks < 3)
        ticks = 3;
    p = *out = wiping_malloc(2 * ticks + n + 6);
    if (!p)
        return VENICE_E_MEMORY;
    memset(p, '`', ticks);
    p += ticks;
    memcpy(p, "json\n", 5);
    p += 5;
    memcpy(p, text, n);
    p += n;
    *p++ = '\n';
    memset(p, '`', ticks);
    *out_len = 2 * ticks + n + 6;
    return 0;
}
