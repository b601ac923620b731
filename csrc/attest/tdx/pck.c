/* The SGX extension of a PCK certificate, member by member. */
#include "attest/tdx/pck.h"

#include <string.h>

#include "attest/der.h"

/* 1.2.840.113741.1.13.1, and as the beginning of every member's OID. */
static const uint8_t sgx_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

const struct x509_foreign pck_extension_oid = { sgx_oid, sizeof sgx_oid, NULL };

/* Last arcs of the members' OIDs. */
enum {
    PCK_PPID = 1,
    PCK_TCB = 2,
    PCK_PCEID = 3,
    PCK_FMSPC = 4,
    PCK_SGX_TYPE = 5,
    PCK_PLATFORM_INSTANCE = 6,
    PCK_CONFIGURATION = 7,
    TCB_PCESVN = 17, /* 1 to 16 are the components */
    TCB_CPUSVN = 18
};

/* Takes one SEQUENCE { OID sgx_oid.path.arc, value }. path 0: there is none between. *seen has a
 * bit for each arc so far; an arc outside 1..max, or a second time, fails. */
static bool take_member(struct der *in, unsigned path, unsigned max, uint32_t *seen, unsigned *arc,
                        struct der *value)
{
    struct der oid;
    size_t fixed = sizeof sgx_oid + (path ? 1 : 0);

    if (!der_take(in, DER_SEQUENCE, value) || !der_take(value, DER_OID, &oid))
        return false;
    if (oid.n != fixed + 1 || memcmp(oid.p, sgx_oid, sizeof sgx_oid) != 0 ||
        (path && oid.p[sizeof sgx_oid] != path))
        return false;
    *arc = oid.p[fixed];
    if (*arc < 1 || *arc > max || (*seen >> *arc & 1))
        return false;
    *seen |= UINT32_C(1) << *arc;
    return true;
}

/* Whether the arcs 1..n, and no others, were seen. */
static bool saw_all(uint32_t seen, unsigned n)
{
    return seen == (UINT32_C(1) << (n + 1)) - 2;
}

static bool read_tcb(struct pck *out, struct der *value)
{
    struct der members, member;
    uint32_t seen = 0;
    unsigned arc, number;

    if (!der_take(value, DER_SEQUENCE, &members))
        return false;
    while (members.n > 0) {
        if (!take_member(&members, PCK_TCB, TCB_CPUSVN, &seen, &arc, &member))
            return false;
        if (arc == TCB_CPUSVN) {
            if (!der_take_octets(&member, out->cpusvn, sizeof out->cpusvn))
                return false;
        } else if (arc == TCB_PCESVN) {
            if (!der_take_unsigned(&member, DER_INTEGER, UINT16_MAX, &number))
                return false;
            out->pcesvn = (uint16_t)number;
        } else {
            if (!der_take_unsigned(&member, DER_INTEGER, UINT8_MAX, &number))
                return false;
            out->components[arc - 1] = (uint8_t)number;
        }
        if (member.n != 0)
            return false;
    }
    return saw_all(seen, TCB_CPUSVN);
}

static bool read_configuration(struct pck *out, struct der *value)
{
    bool *flags[] = { &out->dynamic_platform, &out->cached_keys, &out->smt_enabled };
    struct der members, member;
    uint32_t seen = 0;
    unsigned arc;

    if (!der_take(value, DER_SEQUENCE, &members))
        return false;
    while (members.n > 0)
        if (!take_member(&members, PCK_CONFIGURATION, 3, &seen, &arc, &member) ||
            !der_take_boolean(&member, flags[arc - 1]) || member.n != 0)
            return false;
    return saw_all(seen, 3);
}

static bool read_member(struct pck *out, unsigned arc, struct der *value)
{
    switch (arc) {
    case PCK_PPID: return der_take_octets(value, out->ppid, sizeof out->ppid);
    case PCK_TCB: return read_tcb(out, value);
    case PCK_PCEID: return der_take_octets(value, out->pceid, sizeof out->pceid);
    case PCK_FMSPC: return der_take_octets(value, out->fmspc, sizeof out->fmspc);
    case PCK_SGX_TYPE: return der_take_unsigned(value, DER_ENUMERATED, 2, &out->sgx_type);
    case PCK_PLATFORM_INSTANCE:
        return der_take_octets(value, out->platform_instance_id, sizeof out->platform_instance_id);
    case PCK_CONFIGURATION: return read_configuration(out, value);
    default: return false;
    }
}

bool pck_parse(struct pck *out, const uint8_t *der, size_t len)
{
    struct der whole = { der, len }, members, value;
    uint32_t seen = 0;
    unsigned arc;

    memset(out, 0, sizeof *out);
    if (!der_take(&whole, DER_SEQUENCE, &members) || whole.n != 0)
        return false;
    while (members.n > 0)
        if (!take_member(&members, 0, PCK_CONFIGURATION, &seen, &arc, &value) ||
            !read_member(out, arc, &value) || value.n != 0)
            return false;
    out->has_platform = saw_all(seen, PCK_CONFIGURATION);
    return out->has_platform || saw_all(seen, PCK_SGX_TYPE);
}

bool pck_read(struct pck *out, const struct x509_cert *leaf, bool platform_ca)
{
    const uint8_t *der;
    size_t len;

    return x509_extension(leaf, &pck_extension_oid, &der, &len) == 1 && pck_parse(out, der, len) &&
           (out->has_platform || !platform_ca);
}
