/* Why a report was refused, as the end of "nothing was sent: ". */
#include <stdio.h>
#include <string.h>

#include "attest/date.h"
#include "client/errors.h"

static const char HINT[] = ":Venice attest shows every check";

/* ---- A platform whose state the policy does not take -------------------------------------- */

enum {
    DAY = 86400,
    GRACE_STEP = 30, /* days: what is suggested is a round number, ... */
    GRACE_SPARE = 7, /* ... which is enough for some days more */
    GRACE_MAX = 3650,
    ADVISORIES_SHOWN = 4,
    DETAILS_MAX = 160
};

enum { MODEL_SHOWN = 100, WORDS_MAX = 256 };

/* Puts the model's name, which is from outside and no format, into a sentence of ours. */
static void name_model(char out[WORDS_MAX], const char *sentence, const char *model)
{
    const char *at = strstr(sentence, "%s");

    (void)snprintf(out, WORDS_MAX, "%.*s%.*s%s", (int)(at - sentence), sentence, MODEL_SHOWN, model,
                   at + 2);
}

/* What a status means (NULL: what the table of checks says), and what would change it. */
static const struct {
    const char *status, *words, *remedy;
} STATES[] = {
    { "OutOfDate", "the platform of %s is out of date", "the operator updates it" },
    { "OutOfDateConfigurationNeeded",
      "the platform of %s is out of date and not configured as Intel advises",
      "the operator updates it" },
    { "TDRelaunchAdvised", "the platform of %s was updated, but its enclave was not restarted",
      "the operator restarts it" },
    { "TDRelaunchAdvisedConfigurationNeeded",
      "the platform of %s was updated, but its enclave was not restarted, nor configured as Intel "
      "advises",
      "the operator restarts it" },
    { NULL, NULL, "the operator changes it" },
};

/* Since when the platform is out of date. Without a newer level that says so it is the date of its
 * level, which it cannot have been out of date before. NULL where neither is known. */
static const char *out_of_date_since(const struct report *r)
{
    const char *since = report_string(r, "out_of_date_since");

    return since ? since : report_string(r, "tcb_date");
}

/* "since 2026-08-12, INTEL-SA-01192", from what there is. */
static void write_details(char out[DETAILS_MAX], const struct report *r, const char *status)
{
    const char *date = report_string(r, "tcb_date"), *since = out_of_date_since(r);
    const cJSON *list = report_get(r, "advisories"), *item;
    int shown = 0, more;
    size_t n;

    if (strncmp(status, "OutOfDate", 9) == 0)
        n = (size_t)snprintf(out, DETAILS_MAX, "since %.10s", since ? since : "?");
    else
        n = (size_t)snprintf(out, DETAILS_MAX, "%.40s, TCB of %.10s", status, date ? date : "?");
    cJSON_ArrayForEach(item, list)
    {
        if (shown++ < ADVISORIES_SHOWN && cJSON_IsString(item))
            n += (size_t)snprintf(out + n, DETAILS_MAX - n, ", %.20s", item->valuestring);
    }
    more = shown - ADVISORIES_SHOWN;
    if (more > 0)
        (void)snprintf(out + n, DETAILS_MAX - n, " and %d more", more);
}

/* The days of grace that would accept it now and for a while; 0 where none would. */
static int grace_days(const struct report *r, const char *status)
{
    const char *text = out_of_date_since(r);
    double now = cJSON_GetNumberValue(report_get(r, "checked_at")), days;
    int64_t date;

    if (strcmp(status, "OutOfDate") != 0 || !text || !date_from_rfc3339(&date, text) ||
        !(now >= (double)date))
        return 0;
    days = (now - (double)date) / DAY + 1 + GRACE_SPARE;
    if (days > GRACE_MAX - GRACE_STEP)
        return 0;
    return ((int)days + GRACE_STEP - 1) / GRACE_STEP * GRACE_STEP;
}

static int refuse_state(struct failure *f, const struct report *r, const char *model,
                        const char *status)
{
    char words[WORDS_MAX], details[DETAILS_MAX], accept[96], hint[256];
    int days = grace_days(r, status);
    size_t i = 0;

    while (STATES[i].status && strcmp(STATES[i].status, status) != 0)
        i++;
    name_model(words, STATES[i].words ? STATES[i].words : check_policy_sentence("tcb_not_accepted"),
               model);
    write_details(details, r, status);
    if (days > 0)
        (void)snprintf(accept, sizeof accept, "accept it: verify = { tcb_grace_days = %d }", days);
    else
        (void)snprintf(accept, sizeof accept, "accept it: add '%.40s' to verify.accept_tcb",
                       status);
    (void)snprintf(hint, sizeof hint, "wait until %s, or %s   (:Venice attest shows all)",
                   STATES[i].remedy, accept);
    return failure_set(f, VENICE_E_ATTESTATION, hint, "nothing was sent: %s (%s)", words, details);
}

/* ---- Any report --------------------------------------------------------------------------- */

int error_from_report(struct failure *f, const struct report *r, const char *model)
{
    const struct check_row *failed = report_failed_check(r);
    const char *reason = report_reason(r);
    const char *detail = report_failed_detail(r);
    const char *status = report_string(r, "status");
    const char *sentence;
    char words[WORDS_MAX];
    bool has_more;

    if (reason && status && strcmp(reason, "tcb_not_accepted") == 0)
        return refuse_state(f, r, model, status);
    sentence = failed ? failed->sentence : reason ? check_policy_sentence(reason) : NULL;
    if (!sentence)
        return failure_set(f, VENICE_E_ATTESTATION, HINT, "nothing was sent: %s was refused: %s",
                           model, reason ? reason : "no reason was given");
    name_model(words, sentence, model);
    has_more = sentence[strlen(sentence) - 1] == ':';
    return failure_set(f, VENICE_E_ATTESTATION, HINT, "nothing was sent: %s%s%s%s%s", words,
                       has_more ? " " : "", has_more ? reason : "", has_more && detail ? ", " : "",
                       has_more && detail ? detail : "");
}
