/* A reader for DER, one element at a time: tag, definite length in its shortest form, contents. It
 * never recurses and never looks past what it was given; whoever goes deeper opens a reader on the
 * contents. */
#ifndef VENICE_ATTEST_DER_H
#define VENICE_ATTEST_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_SEQUENCE = 0x30,
    DER_CONTEXT_0 = 0x80
};

/* What is left to read. */
struct der {
    const uint8_t *p;
    size_t n;
};

/* Takes the next element. Returns false, and leaves in as it was, unless it has this tag and lies
 * whole inside. Lengths of up to three bytes. */
bool der_take(struct der *in, enum der_tag tag, struct der *contents);

/* Whether in begins with this tag. */
bool der_is_next(const struct der *in, enum der_tag tag);

/* Takes an INTEGER or ENUMERATED in its shortest form within 0..max. */
bool der_take_unsigned(struct der *in, enum der_tag tag, unsigned max, unsigned *out);

/* Takes a BOOLEAN that is 00 or FF. */
bool der_take_boolean(struct der *in, bool *out);

/* Takes an OCTET STRING of exactly n bytes and copies them. */
bool der_take_octets(struct der *in, uint8_t *out, size_t n);

#endif
