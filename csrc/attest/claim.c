/* Values that a body repeats. */
#include "attest/claim.h"

#include <string.h>
#include <strings.h>

#include "base/codec.h"
#include "base/json.h"

/* ---- What says nothing ---------------------------------------------------------------------- */

static bool is_empty_text(const char *text)
{
    static const char *const nothings[] = { "", "0x", "null", "{}", "[]" };
    const char *end = text + strlen(text);
    size_t n;

    text += strspn(text, " \t\r\n");
    while (end > text && strchr(" \t\r\n", end[-1]))
        end--;
    n = (size_t)(end - text);
    for (size_t i = 0; i < sizeof nothings / sizeof nothings[0]; i++) {
        if (strlen(nothings[i]) == n && strncasecmp(text, nothings[i], n) == 0)
            return true;
    }
    return false;
}

/* It recurses no deeper than JSON_DEPTH_MAX, as no tree is deeper. */
bool claim_is_empty(const cJSON *item)
{
    const cJSON *child;

    if (!item || cJSON_IsNull(item) || cJSON_IsFalse(item))
        return true;
    if (cJSON_IsNumber(item))
        return item->valuedouble == 0;
    if (cJSON_IsString(item))
        return is_empty_text(item->valuestring);
    if (!cJSON_IsArray(item) && !cJSON_IsObject(item))
        return false;
    cJSON_ArrayForEach(child, item)
    {
        if (!claim_is_empty(child))
            return false;
    }
    return true;
}

const char *claim_string(const cJSON *object, const char *name)
{
    const char *text = json_string(object, name);

    return text && !is_empty_text(text) ? text : NULL;
}

int claim_bool(const cJSON *object, const char *name)
{
    int value = json_bool(object, name);
    const char *text = claim_string(object, name);

    if (value >= 0)
        return value;
    if (text && strcasecmp(text, "true") == 0)
        return 1;
    return text && strcasecmp(text, "false") == 0 ? 0 : -1;
}

/* ---- Comparing ------------------------------------------------------------------------------ */

const char *claim_digits(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
}

bool claim_read_hex(uint8_t *out, size_t n, const char *text)
{
    if (!text)
        return false;
    text = claim_digits(text);
    return strlen(text) == 2 * n && hex_decode(out, text, 2 * n) == 0;
}

bool claim_is_hex(const char *text, const uint8_t *bytes, size_t n)
{
    uint8_t byte;

    if (!text)
        return false;
    text = claim_digits(text);
    if (strlen(text) != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (hex_decode(&byte, text + 2 * i, 2) != 0 || byte != bytes[i])
            return false;
    }
    return true;
}

/* Group by group, so that no copy is needed. */
static bool is_base64_of(const char *text, bool url, const uint8_t *bytes, size_t n)
{
    size_t len = strlen(text), group, got;
    uint8_t three[6];

    for (; len > 0; text += group, len -= group) {
        group = len < 4 ? len : 4;
        if (base64_decode(three, &got, text, group, url) != 0 || got > n ||
            memcmp(three, bytes, got) != 0 || (got < 3 && len > group))
            return false;
        bytes += got;
        n -= got;
    }
    return n == 0;
}

enum claim claim_hex(const cJSON *object, const char *name, const uint8_t *bytes, size_t n)
{
    const char *text = claim_string(object, name);

    if (!text)
        return CLAIM_ABSENT;
    return bytes && (claim_is_hex(text, bytes, n) || is_base64_of(text, false, bytes, n) ||
                     is_base64_of(text, true, bytes, n))
               ? CLAIM_SAME
               : CLAIM_OTHER;
}

enum claim claim_text(const cJSON *object, const char *name, const void *text, size_t n)
{
    const char *claimed = claim_string(object, name);

    if (!claimed)
        return CLAIM_ABSENT;
    return text && strlen(claimed) == n && memcmp(claimed, text, n) == 0 ? CLAIM_SAME : CLAIM_OTHER;
}
