/* SPDM 1.1, as NVIDIA's GPUs speak it. Numbers are little-endian. */
#include "attest/gpu/spdm.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "venice.h"

enum {
    REQUEST_NONCE = 4,
    RESPONSE_HEAD = 8, /* version, code, two parameters, block count, record length */
    BLOCK_HEAD = 4,    /* index, specification, size */
    BLOCK_DMTF = 1,    /* the only specification that there is */
    BLOCK_VALUE = 3,   /* type and length of a value */
    FIELD_HEAD = 4,    /* type and length of an opaque field */
    FIELDS_MAX = 256
};

/* The opaque fields that are used (EVIDENCE.md section 4.3, 4 and 5). */
enum { FIELD_DRIVER = 3, FIELD_VBIOS = 6, FIELD_FWID = 20, VBIOS_SIZE = 5 };

/* What is left to read. */
struct bytes {
    const uint8_t *p;
    size_t n;
};

static const uint8_t *take(struct bytes *in, size_t n)
{
    const uint8_t *p = in->p;

    if (in->n < n)
        return NULL;
    in->p += n;
    in->n -= n;
    return p;
}

static size_t number16(const uint8_t *p)
{
    return (size_t)p[0] | (size_t)p[1] << 8;
}

static size_t number24(const uint8_t *p)
{
    return number16(p) | (size_t)p[2] << 16;
}

/* GET_MEASUREMENTS: with a signature, of all measurements. */
static bool read_request(struct spdm *s, struct bytes *in)
{
    static const uint8_t head[REQUEST_NONCE] = { 0x11, 0xe0, 0x01, 0xff };
    const uint8_t *p = take(in, SPDM_REQUEST_SIZE);

    if (!p || memcmp(p, head, sizeof head) != 0)
        return false;
    s->nonce = p + REQUEST_NONCE;
    return true;
}

/* One block of the record. Each value is a hash, so each has one size. */
static bool read_block(struct bytes *record)
{
    const uint8_t *head = take(record, BLOCK_HEAD), *value;
    size_t size = head ? number16(head + 2) : 0;

    if (!head || head[1] != BLOCK_DMTF || size < BLOCK_VALUE)
        return false;
    value = take(record, size);
    return value && number16(value + 1) == size - BLOCK_VALUE;
}

static bool read_record(struct spdm *s, struct bytes *in)
{
    const uint8_t *head = take(in, RESPONSE_HEAD);
    struct bytes record;

    if (!head || head[0] != 0x11 || head[1] != 0x60)
        return false;
    s->measurements = head[4];
    record.n = number24(head + 5);
    record.p = take(in, record.n);
    if (!record.p)
        return false;
    for (size_t i = 0; i < s->measurements; i++)
        if (!read_block(&record))
            return false;
    return record.n == 0 && s->measurements > 0;
}

/* A text that NULs may end. */
static void read_driver(struct spdm *s, const uint8_t *value, size_t n)
{
    while (n > 0 && value[n - 1] == 0)
        n--;
    for (size_t i = 0; i < n; i++)
        if (value[i] <= ' ' || value[i] > '~')
            n = 0;
    if (n == 0 || n > SPDM_DRIVER_MAX)
        return;
    memcpy(s->driver, value, n);
    s->driver[n] = 0;
}

/* The first four bytes backwards, then the fifth. */
static void read_vbios(struct spdm *s, const uint8_t *value, size_t n)
{
    if (n >= VBIOS_SIZE)
        (void)snprintf(s->vbios, sizeof s->vbios, "%02X.%02X.%02X.%02X.%02X", value[3], value[2],
                       value[1], value[0], value[4]);
}

static bool read_field(struct spdm *s, size_t type, const uint8_t *value, size_t n)
{
    switch (type) {
    case FIELD_DRIVER:
        if (s->driver[0])
            return false;
        read_driver(s, value, n);
        return true;
    case FIELD_VBIOS:
        if (s->vbios[0])
            return false;
        read_vbios(s, value, n);
        return true;
    case FIELD_FWID:
        if (s->fwid || (n != 0 && n != SPDM_FWID_SIZE))
            return false;
        s->fwid = n > 0 ? value : NULL;
        return true;
    default: return true;
    }
}

static bool read_fields(struct spdm *s, struct bytes fields)
{
    for (int i = 0; fields.n > 0; i++) {
        const uint8_t *head = take(&fields, FIELD_HEAD), *value;
        size_t n = head ? number16(head + 2) : 0;

        value = head ? take(&fields, n) : NULL;
        if (!value || i >= FIELDS_MAX || !read_field(s, number16(head), value, n))
            return false;
    }
    return true;
}

/* The GPU's own nonce, then what it says beside the measurements. */
static bool read_opaque(struct spdm *s, struct bytes *in)
{
    const uint8_t *head = take(in, SPDM_NONCE_SIZE + 2);
    struct bytes fields = { .n = head ? number16(head + SPDM_NONCE_SIZE) : 0 };

    fields.p = head ? take(in, fields.n) : NULL;
    return fields.p && read_fields(s, fields);
}

/* Where the signature stands follows from the lengths before it, which it covers. */
static bool read_signature(struct spdm *s, struct bytes *in)
{
    s->signed_len = (size_t)(in->p - s->message);
    s->signature = take(in, SPDM_SIGNATURE_SIZE);
    if (!s->signature || in->n > SPDM_PADDING_MAX)
        return false;
    for (size_t i = 0; i < in->n; i++)
        if (in->p[i] != 0)
            return false;
    return true;
}

int spdm_read(struct spdm *out, const uint8_t *message, size_t len)
{
    struct bytes in = { message, len };

    memset(out, 0, sizeof *out);
    out->message = message;
    if (len > SPDM_MESSAGE_MAX || !read_request(out, &in) || !read_record(out, &in) ||
        !read_opaque(out, &in) || !read_signature(out, &in))
        return VENICE_E_MALFORMED;
    return 0;
}
