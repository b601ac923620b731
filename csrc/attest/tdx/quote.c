/* An Intel TDX quote, version 4 or 5, taken apart. "Rule" is DCAP.md section 1, a letter its
 * section 1a, which also fixes the order of the checks: TEE type, version, key type, QE vendor,
 * body type, body size, then the lengths. Every read is checked against what is left. */
#include "attest/tdx/quote.h"

#include <string.h>

#include "venice.h"

/* Values in the header and in front of the certification data (rules 1 to 4). */
enum {
    TEE_TDX = 0x81,
    KEY_ECDSA_P256 = 2,
    CERT_DATA_QE_REPORT = 6,
    CERT_DATA_PCK_CHAIN = 5,
    BODY_TD_10 = 2,
    BODY_TD_15 = 3,
    BODY_TD_15X = 4
};

/* Offsets in the signature data (rule table 1.3). */
enum {
    AUTH_KEY = 64,
    AUTH_OUTER_TYPE = 128,
    AUTH_OUTER_SIZE = 130,
    AUTH_QE_REPORT = 134,
    AUTH_QE_SIGNATURE = 518,
    AUTH_QE_AUTH_LEN = 582,
    AUTH_QE_AUTH_DATA = 584
};

/* What follows the QE authentication data: a type of 2 bytes and a size of 4. */
enum { CERT_DATA_HEADER = 6 };

static const uint8_t intel_qe_vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                             0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

static unsigned read_u16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Letter a: the TEE type stands at the same place in every version, so it goes first. Reserved
 * bytes are accepted (letter i). */
static const char *parse_header(struct tdx_quote *q, const uint8_t *bytes, size_t n)
{
    if (n < TDX_HEADER_SIZE)
        return "quote_truncated";
    if (read_u32(bytes + 4) != TEE_TDX)
        return "tee_type";
    q->version = read_u16(bytes);
    if (q->version != 4 && q->version != 5)
        return "quote_version";
    if (read_u16(bytes + 2) != KEY_ECDSA_P256)
        return "att_key_type";
    if (memcmp(bytes + 12, intel_qe_vendor, sizeof intel_qe_vendor) != 0)
        return "qe_vendor";
    return NULL;
}

/* Rules 2 and 3: version 4 has a TD report 1.0, version 5 says what it has. */
static const char *parse_descriptor(struct tdx_quote *q, const uint8_t *bytes, size_t n)
{
    size_t start = TDX_HEADER_SIZE;

    q->body_type = BODY_TD_10;
    if (q->version == 5) {
        start += CERT_DATA_HEADER;
        if (n < start)
            return "quote_truncated";
        q->body_type = read_u16(bytes + TDX_HEADER_SIZE);
    }
    switch (q->body_type) {
    case BODY_TD_10: q->body_len = TDX_BODY_10_SIZE; break;
    case BODY_TD_15: q->body_len = TDX_BODY_15_SIZE; break;
    case BODY_TD_15X: q->body_len = TDX_BODY_15X_SIZE; break;
    default: return "body_type";
    }
    if (q->version == 5 && read_u32(bytes + TDX_HEADER_SIZE + 2) != q->body_len)
        return "body_size";
    q->signed_len = start + q->body_len;
    if (n < q->signed_len)
        return "quote_truncated";
    q->body = bytes + start;
    return NULL;
}

/* The fields of the body, whose length is known by now (rule table 1.2). */
static void read_body(struct tdx_quote *q)
{
    const uint8_t *b = q->body;

    q->tee_tcb_svn = b;
    q->mrseam = b + 16;
    q->mrsignerseam = b + 64;
    q->seam_attributes = b + 112;
    q->td_attributes = b + 120;
    q->xfam = b + 128;
    q->mrtd = b + 136;
    q->mrconfigid = b + 184;
    q->mrowner = b + 232;
    q->mrownerconfig = b + 280;
    for (size_t i = 0; i < 4; i++)
        q->rtmr[i] = b + 328 + i * TDX_REGISTER_SIZE;
    q->report_data = b + 520;
    if (q->body_type != BODY_TD_10) {
        q->tee_tcb_svn2 = b + 584;
        q->mrservicetd = b + 600;
    }
}

/* Rule 4 in the exact form of letter b. auth_size is what the quote claims, auth and left what is
 * there. Sums are of 64 bits: three 32-bit sizes cannot overflow them. */
static const char *parse_auth(struct tdx_quote *q, uint32_t auth_size, const uint8_t *auth,
                              size_t left)
{
    uint64_t outer_end, inner, end;

    if (left < AUTH_OUTER_SIZE)
        return "quote_truncated";
    if (read_u16(auth + AUTH_OUTER_TYPE) != CERT_DATA_QE_REPORT)
        return "cert_type_outer";
    if (left < AUTH_QE_AUTH_DATA)
        return "quote_truncated";
    outer_end = (uint64_t)AUTH_QE_REPORT + read_u32(auth + AUTH_OUTER_SIZE);
    q->qe_auth_len = read_u16(auth + AUTH_QE_AUTH_LEN);
    inner = AUTH_QE_AUTH_DATA + q->qe_auth_len;
    if (inner + CERT_DATA_HEADER > left)
        return outer_end <= left ? "cert_data_size" : "quote_truncated";
    if (read_u16(auth + inner) != CERT_DATA_PCK_CHAIN)
        return "cert_type_inner";
    end = inner + CERT_DATA_HEADER + read_u32(auth + inner + 2);
    if (outer_end != end)
        return "cert_data_size";
    if (auth_size != end)
        return "auth_size";
    if (left < end)
        return "quote_truncated";
    q->signature = auth;
    q->attestation_key = auth + AUTH_KEY;
    q->qe_report = auth + AUTH_QE_REPORT;
    q->qe_report_signature = auth + AUTH_QE_SIGNATURE;
    q->qe_auth_data = auth + AUTH_QE_AUTH_DATA;
    q->pem = (const char *)auth + inner + CERT_DATA_HEADER;
    q->pem_len = (size_t)(end - inner - CERT_DATA_HEADER);
    return NULL;
}

int tdx_quote_parse(struct tdx_quote *out, const char **reason, const uint8_t *bytes, size_t n)
{
    const char *failed;

    memset(out, 0, sizeof *out);
    out->bytes = bytes;
    failed = parse_header(out, bytes, n);
    if (!failed)
        failed = parse_descriptor(out, bytes, n);
    if (!failed && n - out->signed_len < 4)
        failed = "quote_truncated";
    if (!failed) {
        const uint8_t *size = bytes + out->signed_len;

        failed = parse_auth(out, read_u32(size), size + 4, n - out->signed_len - 4);
    }
    if (!failed)
        read_body(out);
    else
        memset(out, 0, sizeof *out);
    *reason = failed;
    return failed ? VENICE_E_MALFORMED : VENICE_OK;
}

bool tdx_quote_is_debug(const struct tdx_quote *q)
{
    enum { DEBUG_AND_PROFILING = 0x71 }; /* bits 0, 4, 5 and 6 of the first byte */

    return (q->td_attributes[0] & DEBUG_AND_PROFILING) != 0;
}
