/* What Venice says about the evidence it passes on (PROTOCOL section 1.2, server_verification). */
#include "attest/server_verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/codec.h"
#include "base/json.h"

/* What is wrong, as one text for the view. */
struct findings {
    char text[REPORT_DETAIL_MAX];
    size_t len;
    unsigned count;
};

static void __attribute__((format(printf, 2, 3)))
add_finding(struct findings *f, const char *format, ...)
{
    va_list args;
    int n;

    if (f->count++ > 0 && f->len + 2 < sizeof f->text) {
        memcpy(f->text + f->len, "; ", 3);
        f->len += 2;
    }
    va_start(args, format);
    n = vsnprintf(f->text + f->len, sizeof f->text - f->len, format, args);
    va_end(args);
    if (n > 0)
        f->len += (size_t)n;
    if (f->len >= sizeof f->text)
        f->len = sizeof f->text - 1;
}

/* ---- Members that say yes or no ------------------------------------------------------------- */

static const struct {
    const char *part, *inner, *name; /* inner NULL: right below part */
    bool good;
} flags[] = {
    { "tdx", NULL, "valid", true },
    { "tdx", NULL, "signatureValid", true },
    { "tdx", NULL, "certificateChainValid", true },
    { "tdx", NULL, "rootCaPinned", true },
    { "tdx", NULL, "attestationKeyMatch", true },
    { "tdx", "crlCheck", "checked", true },
    { "tdx", "crlCheck", "revoked", false },
    { "nvidia", NULL, "valid", true },
    { "nvidia", NULL, "signatureVerified", true },
    { "nvidia", "certificateChainStatus", "valid", true },
    { "nvidia", "certificateChainStatus", "intermediatePinned", true },
    { "signingAddressBinding", NULL, "bound", true },
    { "nonceBinding", NULL, "bound", true },
    { "nvidiaNonceBinding", NULL, "bound", true },
};

static void check_flags(struct findings *f, const cJSON *verdict)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        const char *inner = flags[i].inner;
        const cJSON *part = json_at(verdict, flags[i].part, inner, NULL);
        int value = json_bool(part, flags[i].name);

        if (value >= 0 && (value == 1) != flags[i].good)
            add_finding(f, "%s%s%s.%s is %s", flags[i].part, inner ? "." : "", inner ? inner : "",
                        flags[i].name, value ? "true" : "false");
    }
}

/* An error is there when it is anything but absent, null, false or an empty text. */
static void check_error(struct findings *f, const cJSON *part, const char *where)
{
    const cJSON *error = json_at(part, "error", NULL);
    const char *text = cJSON_GetStringValue(error);

    if (!error || cJSON_IsNull(error) || cJSON_IsFalse(error) || (text && !text[0]))
        return;
    add_finding(f, "%s: %.120s", where, text ? text : "an error");
}

/* Every part, also one that we do not know yet. */
static void check_errors(struct findings *f, const cJSON *verdict)
{
    const cJSON *part;

    check_error(f, verdict, "server_verification");
    check_error(f, json_at(verdict, "tdx", "crlCheck", NULL), "crlCheck");
    check_error(f, json_at(verdict, "nvidia", "certificateChainStatus", NULL),
                "certificateChainStatus");
    cJSON_ArrayForEach(part, verdict)
    {
        if (part->string)
            check_error(f, part, part->string);
    }
}

/* ---- Members that repeat what the quote says ------------------------------------------------ */

/* A text of hex digits that is not these bytes. An absent one, or another type, says nothing. */
static bool differs(const cJSON *object, const char *name, const uint8_t *bytes, size_t n)
{
    char hex[2 * TDX_REPORT_DATA_SIZE + 1];
    const char *text = json_string(object, name);

    if (!text)
        return false;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && strlen(text) == 2 * n + 2)
        text += 2;
    hex_encode(hex, bytes, n);
    hex[2 * n] = 0;
    return strcasecmp(text, hex) != 0;
}

static void check_copies(struct findings *f, const cJSON *verdict, const struct tdx_quote *q)
{
    const struct {
        const char *name;
        const uint8_t *bytes;
        size_t n;
    } copies[] = {
        { "mrtd", q->mrtd, TDX_REGISTER_SIZE },
        { "mrconfigid", q->mrconfigid, TDX_REGISTER_SIZE },
        { "mrowner", q->mrowner, TDX_REGISTER_SIZE },
        { "mrownerconfig", q->mrownerconfig, TDX_REGISTER_SIZE },
        { "mrseam", q->mrseam, TDX_REGISTER_SIZE },
        { "rtmr0", q->rtmr[0], TDX_REGISTER_SIZE },
        { "rtmr1", q->rtmr[1], TDX_REGISTER_SIZE },
        { "rtmr2", q->rtmr[2], TDX_REGISTER_SIZE },
        { "rtmr3", q->rtmr[3], TDX_REGISTER_SIZE },
        { "tdAttributes", q->td_attributes, TDX_ATTRIBUTES_SIZE },
        { "xfam", q->xfam, TDX_ATTRIBUTES_SIZE },
    };
    const cJSON *tdx = json_at(verdict, "tdx", NULL);
    const cJSON *measured = json_at(tdx, "measurements", NULL);

    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
        if (differs(measured, copies[i].name, copies[i].bytes, copies[i].n))
            add_finding(f, "tdx.measurements.%s is not the quote's", copies[i].name);
    }
    if (differs(tdx, "reportData", q->report_data, TDX_REPORT_DATA_SIZE))
        add_finding(f, "tdx.reportData is not the quote's");
    if (differs(json_at(verdict, "signingAddressBinding", NULL), "reportDataAddress",
                q->report_data, 20))
        add_finding(f, "signingAddressBinding.reportDataAddress is not the quote's");
}

/* ---- The checks ----------------------------------------------------------------------------- */

void server_verdict_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote)
{
    const cJSON *verdict = e->server_verification;
    struct findings f = { .count = 0 };

    report_check(r, CHECK_SERVER_VERIFIED, e->verified == 1, "server_not_verified",
                 e->verified == 1 ? "Venice's own check passed (this alone proves nothing)"
                 : e->verified == 0
                     ? "Venice's own check failed"
                     : "the response does not say whether Venice's own check passed");
    check_flags(&f, verdict);
    check_errors(&f, verdict);
    if (quote)
        check_copies(&f, verdict, quote);
    report_check(r, CHECK_SERVER_CONSISTENT, f.count == 0, "server_inconsistent", "%s",
                 f.count > 0 ? f.text
                 : verdict   ? "nothing in Venice's report is negative or disagrees with the quote"
                             : "Venice reports no details");
}
