/* Firmware ids of DICE certificates, over the DER reader. */
#include "attest/gpu/dice.h"

#include "attest/der.h"

enum {
    TAG_CLASS = 0xc0,
    TAG_CONTEXT = 0x80,
    TAG_NUMBER = 0x1f,      /* this number announces a tag of several bytes */
    TAG_FWIDS = 0xa6,       /* [6], constructed */
    COMPOSITE_DEPTH_MAX = 4 /* wrapper, composite device id, FWID, and one to spare */
};

/* Takes the next element, whatever its tag is. */
static bool take_any(struct der *in, uint8_t *tag, struct der *contents)
{
    if (in->n == 0 || (in->p[0] & TAG_NUMBER) == TAG_NUMBER)
        return false;
    *tag = in->p[0];
    return der_take(in, (enum der_tag) * tag, contents);
}

static bool take_fwid(struct der *in, struct der *id)
{
    struct der inside, algorithm;

    return der_take(in, DER_SEQUENCE, &inside) && der_take(&inside, DER_OID, &algorithm) &&
           der_take(&inside, DER_OCTET_STRING, id) && inside.n == 0;
}

/* The list is read to its end, so that a broken one is not taken for a whole one. */
static bool read_fwids(struct der list, struct der *first)
{
    struct der other;

    if (!take_fwid(&list, first))
        return false;
    while (list.n > 0)
        if (!take_fwid(&list, &other))
            return false;
    return true;
}

/* All other members are optional and of no interest. A second list would make the id ambiguous. */
static bool read_tcb_info(struct der members, struct der *id)
{
    struct der contents;
    bool found = false;
    uint8_t tag;

    while (members.n > 0) {
        if (!take_any(&members, &tag, &contents))
            return false;
        if (tag != TAG_FWIDS)
            continue;
        if (found || !read_fwids(contents, id))
            return false;
        found = true;
    }
    return found;
}

/* Descends into the last element until that is an octet string. */
static bool read_composite(struct der members, struct der *id)
{
    for (int depth = 0; depth < COMPOSITE_DEPTH_MAX; depth++) {
        struct der last = { 0 };
        uint8_t tag = 0;

        while (members.n > 0)
            if (!take_any(&members, &tag, &last))
                return false;
        if (tag == DER_OCTET_STRING) {
            *id = last;
            return true;
        }
        if (tag != DER_SEQUENCE)
            return false;
        members = last;
    }
    return false;
}

bool dice_firmware_id(const uint8_t **id, size_t *id_len, const uint8_t *der, size_t len)
{
    struct der whole = { der, len }, members, found;
    bool is_tcb_info;

    *id = NULL;
    *id_len = 0;
    if (!der_take(&whole, DER_SEQUENCE, &members) || whole.n != 0 || members.n == 0)
        return false;
    is_tcb_info = (members.p[0] & TAG_CLASS) == TAG_CONTEXT;
    if (!(is_tcb_info ? read_tcb_info(members, &found) : read_composite(members, &found)))
        return false;
    *id = found.p;
    *id_len = found.n;
    return true;
}
