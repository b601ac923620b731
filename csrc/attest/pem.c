/* PEM, strictly. */
#include "attest/pem.h"

#include <stdbool.h>
#include <string.h>

#include "base/codec.h"
#include "venice.h"

static const char pem_begin[] = "-----BEGIN CERTIFICATE-----";
static const char pem_end[] = "-----END CERTIFICATE-----";

/* NUL ends the text in most quotes and is white space here. Vertical tab and form feed are not. */
static bool is_space(char c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t' || c == 0;
}

static bool take_text(struct pem *in, const char *text, size_t n)
{
    if ((size_t)(in->end - in->p) < n || memcmp(in->p, text, n) != 0)
        return false;
    in->p += n;
    return true;
}

static bool take_line_end(struct pem *in)
{
    return take_text(in, "\r\n", 2) || take_text(in, "\n", 1);
}

/* Takes one block and leaves its base64 without line ends in base64, which has room for all of it.
 */
static bool take_block(struct pem *in, char *base64, size_t *n)
{
    *n = 0;
    if (!take_text(in, pem_begin, sizeof pem_begin - 1) || !take_line_end(in))
        return false;
    while (in->p < in->end && *in->p != '-') {
        if (take_line_end(in))
            continue;
        base64[(*n)++] = *in->p++; /* whether it is base64 the decoder says */
    }
    /* A line ends before the closing armour, and after it the text or a line. */
    if (in->p[-1] != '\n' || !take_text(in, pem_end, sizeof pem_end - 1))
        return false;
    return in->p == in->end || is_space(*in->p);
}

int pem_next(struct pem *in, uint8_t *der, size_t *der_len, char *scratch)
{
    size_t base64_len;

    *der_len = 0;
    while (in->p < in->end && is_space(*in->p))
        in->p++;
    if (in->p == in->end)
        return 0;
    if (!take_block(in, scratch, &base64_len) ||
        base64_decode(der, der_len, scratch, base64_len, false) != 0)
        return VENICE_E_MALFORMED;
    return 1;
}
