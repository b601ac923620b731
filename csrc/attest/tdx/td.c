/* The TD's own settings. */
#include "attest/tdx/td.h"

/* TDATTRIBUTES (rule 42; the names are those of Linux' asm/shared/tdx.h). */
static const uint64_t under_debug = 0x71; /* 0 DEBUG, 4 HGS_PLUS_PROF, 5 PERF_PROF, 6 PMT_PROF */
static const uint64_t sept_ve_disable = UINT64_C(1) << 28;
/* 16 ICSSD, 27 LASS, 28 SEPT_VE_DISABLE, 30 PKS, 31 KL, 62 TPA, 63 PERFMON */
static const uint64_t allowed = UINT64_C(0xc0000000d8010000);

/* XFAM bits that must be 1, and bits that may be (rule 43). */
static const uint64_t xfam_required = 0x3, xfam_possible = 0x6dbe7;

static uint64_t read_u64(const uint8_t *p)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

const char *td_attributes_fault(const struct tdx_quote *q)
{
    uint64_t attributes = read_u64(q->td_attributes);

    if (attributes & under_debug)
        return "td_debug";
    if (!(attributes & sept_ve_disable))
        return "td_sept_ve_disable";
    if (attributes & ~allowed)
        return "td_attributes_reserved";
    return NULL;
}

const char *td_xfam_fault(const struct tdx_quote *q)
{
    uint64_t xfam = read_u64(q->xfam);

    return (xfam & xfam_required) != xfam_required || (xfam & ~xfam_possible) ? "td_xfam" : NULL;
}

const char *td_mrservicetd_fault(const struct tdx_quote *q)
{
    uint8_t any = 0;

    for (int i = 0; q->mrservicetd && i < 48; i++)
        any |= q->mrservicetd[i];
    return any ? "td_mrservicetd" : NULL;
}
