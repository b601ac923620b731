/* What Venice says about the evidence it passes on (PROTOCOL section 1.2, server_verification). */
#include "attest/server_verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "attest/claim.h"
#include "base/json.h"

enum { PATH_MAX_CHARS = 128, ERROR_SHOWN = 120 };

/* A list of what was found, as one text for the view. */
struct findings {
    char text[REPORT_DETAIL_MAX];
    size_t len;
    unsigned count;
};

struct verdict {
    const cJSON *root;
    bool gpu_judged, gpu_served;
    struct findings bad;  /* refuses */
    struct findings said; /* shown only */
    unsigned compared;    /* members that could have been bad */
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

enum weight {
    REFUSES,   /* Venice looked, and found it bad */
    NOT_DONE,  /* Venice did not look; it is looked at here */
    LAST_WORD, /* Venice's verdict on a part: refuses also where there is nothing to look at */
};

static const struct {
    const char *part, *inner, *name; /* inner NULL: right below part */
    bool good;
    enum weight weight;
} flags[] = {
    { "tdx", NULL, "signatureValid", true, REFUSES },
    { "tdx", NULL, "certificateChainValid", true, REFUSES },
    { "tdx", NULL, "attestationKeyMatch", true, REFUSES },
    { "tdx", NULL, "rootCaPinned", true, NOT_DONE },
    { "tdx", "crlCheck", "checked", true, NOT_DONE },
    { "tdx", "crlCheck", "revoked", false, REFUSES },
    { "nvidia", NULL, "signatureVerified", true, REFUSES },
    { "nvidia", "certificateChainStatus", "intermediatePinned", true, NOT_DONE },
    { "signingAddressBinding", NULL, "bound", true, REFUSES },
    { "nonceBinding", NULL, "bound", true, REFUSES },
    { "nvidiaNonceBinding", NULL, "bound", true, REFUSES },
};

static bool is_about_gpus(const char *path)
{
    return strncasecmp(path, "nvidia", 6) == 0 || strncasecmp(path, "gpu", 3) == 0;
}

/* Where a negative member of that path belongs. */
static struct findings *list_for(struct verdict *v, const char *path, enum weight weight)
{
    if (weight == NOT_DONE)
        return &v->said;
    if (!is_about_gpus(path))
        return &v->bad;
    if (!v->gpu_judged || (!v->gpu_served && weight != LAST_WORD))
        return &v->said;
    return &v->bad;
}

static void judge_flag(struct verdict *v, const char *path, int value, bool good,
                       enum weight weight)
{
    if (value < 0)
        return;
    v->compared++;
    if ((value == 1) != good)
        add_finding(list_for(v, path, weight), "%s is %s", path, value ? "true" : "false");
}

static void check_flags(struct verdict *v)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        const char *inner = flags[i].inner;
        const cJSON *part = json_at(v->root, flags[i].part, inner, NULL);
        char path[PATH_MAX_CHARS];

        snprintf(path, sizeof path, "%s%s%s.%s", flags[i].part, inner ? "." : "",
                 inner ? inner : "", flags[i].name);
        judge_flag(v, path, claim_bool(part, flags[i].name), flags[i].good, flags[i].weight);
    }
}

/* In every part, also in one that we do not know yet: its verdict, and an error that is none where
 * it is empty. where is the path of object, with a dot behind it, or "". */
static void check_parts(struct verdict *v, const cJSON *object, const char *where)
{
    static const char *const last_words[] = { "valid", "verified" };
    const cJSON *error = json_at(object, "error", NULL), *part;
    char path[PATH_MAX_CHARS];

    for (size_t i = 0; i < sizeof last_words / sizeof last_words[0]; i++) {
        snprintf(path, sizeof path, "%s%s", where, last_words[i]);
        judge_flag(v, path, claim_bool(object, last_words[i]), true, LAST_WORD);
    }
    if (!claim_is_empty(error)) {
        const char *text = cJSON_GetStringValue(error);

        snprintf(path, sizeof path, "%serror", where);
        v->compared++;
        add_finding(list_for(v, path, REFUSES), "%s: %.*s", path, ERROR_SHOWN,
                    text ? text : "there is one");
    }
    cJSON_ArrayForEach(part, object)
    {
        if (!cJSON_IsObject(part) || part == error)
            continue;
        snprintf(path, sizeof path, "%s%s.", where, part->string);
        check_parts(v, part, path);
    }
}

/* ---- Members that repeat what the quote says ------------------------------------------------ */

static void check_copy(struct verdict *v, const cJSON *object, const char *where, const char *name,
                       const uint8_t *bytes, size_t n)
{
    enum claim claim = claim_hex(object, name, bytes, n);

    v->compared += claim != CLAIM_ABSENT;
    if (claim == CLAIM_OTHER)
        add_finding(&v->bad, "%s.%s is not the quote's", where, name);
}

static void check_copies(struct verdict *v, const struct tdx_quote *q)
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
    const cJSON *tdx = json_at(v->root, "tdx", NULL);
    const cJSON *measured = json_at(tdx, "measurements", NULL);

    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++)
        check_copy(v, measured, "tdx.measurements", copies[i].name, copies[i].bytes, copies[i].n);
    check_copy(v, tdx, "tdx", "reportData", q->report_data, TDX_REPORT_DATA_SIZE);
    check_copy(v, json_at(v->root, "signingAddressBinding", NULL), "signingAddressBinding",
               "reportDataAddress", q->report_data, 20);
}

/* ---- The checks ----------------------------------------------------------------------------- */

static void check_details(struct report *r, const struct verdict *v)
{
    if (v->bad.count > 0)
        report_check(r, CHECK_SERVER_CONSISTENT, false, "server_inconsistent", "%s", v->bad.text);
    else if (v->compared == 0)
        report_not_stated(r, CHECK_SERVER_CONSISTENT, "Venice reports no details");
    else
        report_check(r, CHECK_SERVER_CONSISTENT, true, NULL,
                     "nothing in Venice's report is against what is proven here%s%s",
                     v->said.count > 0 ? "; of no weight: " : "", v->said.text);
}

void server_verdict_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
                          bool gpu_judged)
{
    struct verdict v = {
        .root = e->server_verification,
        .gpu_judged = gpu_judged,
        .gpu_served = evidence_has_gpu(e),
    };

    if (e->verified < 0)
        report_not_stated(r, CHECK_SERVER_VERIFIED,
                          "the response does not say whether Venice's own check passed");
    else
        report_check(r, CHECK_SERVER_VERIFIED, e->verified == 1, "server_not_verified",
                     e->verified == 1 ? "Venice's own check passed (this alone proves nothing)"
                                      : "Venice's own check failed");
    check_flags(&v);
    check_parts(&v, v.root, "");
    if (quote)
        check_copies(&v, quote);
    check_details(r, &v);
}
