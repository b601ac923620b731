/* DER, strictly. */
#include "attest/der.h"

#include <string.h>

/* Reads a length. Only the shortest form is DER. */
static bool take_length(struct der *in, size_t *out)
{
    size_t bytes, length = 0;

    if (in->n < 1)
        return false;
    if (in->p[0] < 0x80) {
        *out = in->p[0];
        in->p++;
        in->n--;
        return true;
    }
    bytes = in->p[0] & 0x7f;
    if (bytes < 1 || bytes > 3 || in->n < 1 + bytes)
        return false;
    for (size_t i = 0; i < bytes; i++)
        length = length << 8 | in->p[1 + i];
    if (length < (bytes == 1 ? (size_t)0x80 : (size_t)1 << (8 * (bytes - 1))))
        return false;
    in->p += 1 + bytes;
    in->n -= 1 + bytes;
    *out = length;
    return true;
}

bool der_is_next(const struct der *in, enum der_tag tag)
{
    return in->n > 0 && in->p[0] == tag;
}

bool der_take(struct der *in, enum der_tag tag, struct der *contents)
{
    struct der rest = *in;
    size_t length;

    if (!der_is_next(in, tag))
        return false;
    rest.p++;
    rest.n--;
    if (!take_length(&rest, &length) || length > rest.n)
        return false;
    contents->p = rest.p;
    contents->n = length;
    in->p = rest.p + length;
    in->n = rest.n - length;
    return true;
}

bool der_take_unsigned(struct der *in, enum der_tag tag, unsigned max, unsigned *out)
{
    struct der value;
    uint64_t number = 0;

    if (!der_take(in, tag, &value) || value.n < 1 || value.n > 5)
        return false;
    if (value.p[0] & 0x80)
        return false; /* negative */
    if (value.n > 1 && value.p[0] == 0 && !(value.p[1] & 0x80))
        return false; /* not the shortest form */
    for (size_t i = 0; i < value.n; i++)
        number = number << 8 | value.p[i];
    if (number > max)
        return false;
    *out = (unsigned)number;
    return true;
}

bool der_take_boolean(struct der *in, bool *out)
{
    struct der value;

    if (!der_take(in, DER_BOOLEAN, &value) || value.n != 1)
        return false;
    if (value.p[0] != 0x00 && value.p[0] != 0xff)
        return false;
    *out = value.p[0] == 0xff;
    return true;
}

bool der_take_octets(struct der *in, uint8_t *out, size_t n)
{
    struct der value;

    if (!der_take(in, DER_OCTET_STRING, &value) || value.n != n)
        return false;
    memcpy(out, value.p, n);
    return true;
}
