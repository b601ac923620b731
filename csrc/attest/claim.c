/* Values that a body repeats. */
#include "attest/claim.h"

#include <string.h>

#include "base/codec.h"
#include "base/json.h"

static const char *skip_0x(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
}

bool claim_read_hex(uint8_t *out, size_t n, const char *text)
{
    if (!text)
        return false;
    text = skip_0x(text);
    return strlen(text) == 2 * n && hex_decode(out, text, 2 * n) == 0;
}

enum claim claim_hex(const cJSON *object, const char *name, const uint8_t *bytes, size_t n)
{
    const char *text = json_string(object, name);
    char pair[3] = "";
    uint8_t byte;

    if (!text)
        return CLAIM_ABSENT;
    text = skip_0x(text);
    if (!bytes || strlen(text) != 2 * n)
        return CLAIM_OTHER;
    for (size_t i = 0; i < n; i++) {
        memcpy(pair, text + 2 * i, 2);
        if (hex_decode(&byte, pair, 2) != 0 || byte != bytes[i])
            return CLAIM_OTHER;
    }
    return CLAIM_SAME;
}

enum claim claim_text(const cJSON *object, const char *name, const void *text, size_t n)
{
    const char *claimed = json_string(object, name);

    if (!claimed)
        return CLAIM_ABSENT;
    return text && strlen(claimed) == n && memcmp(claimed, text, n) == 0 ? CLAIM_SAME : CLAIM_OTHER;
}
