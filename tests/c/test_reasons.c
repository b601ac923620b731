/* The sentence and the hint of a refusal (DESIGN section 8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "attest/attestation.h"
#include "client/errors.h"

enum { DAY = 86400, SINCE = 1786492800 }; /* 2026-08-12T00:00:00Z */

/* level: the date of the level that matched; since: of the newer one, NULL where there is none. */
static struct report *report_with_dates(const char *status, const char *reason, int advisories,
                                        double now, const char *level, const char *since)
{
    struct report *r;
    cJSON *list = cJSON_CreateArray();
    char id[32];

    assert_int_equal(report_new(&r), 0);
    report_check(r, CHECK_QUOTE_SIGNED, true, NULL, NULL);
    report_set_level(r, LEVEL_DCAP);
    report_set_number(r, "checked_at", now);
    for (int i = 0; i < advisories; i++) {
        snprintf(id, sizeof id, "INTEL-SA-%05d", 1192 + i);
        cJSON_AddItemToArray(list, cJSON_CreateString(id));
    }
    report_set(r, "advisories", list);
    if (status) {
        report_set_string(r, "status", status);
        report_set_string(r, "tcb_date", level);
        if (since)
            report_set_string(r, "out_of_date_since", since);
    }
    report_policy_refusal(r, reason);
    return r;
}

/* Its level became out of date on the day SINCE. A status that is no matter of time has no such
 * day. */
static struct report *report_of(const char *status, const char *reason, int advisories, double now)
{
    bool old = status && strncmp(status, "OutOfDate", 9) == 0;

    return report_with_dates(status, reason, advisories, now,
                             old ? "2025-05-14T00:00:00Z" : "2026-08-12T00:00:00Z",
                             old ? "2026-08-12T00:00:00Z" : NULL);
}

static void says(const char *status, int advisories, double now, const char *message,
                 const char *hint)
{
    struct report *r = report_of(status, "tcb_not_accepted", advisories, now);
    struct failure f = { 0 };

    assert_int_equal(error_from_report(&f, r, "m"), VENICE_E_ATTESTATION);
    assert_string_equal(f.message, message);
    assert_string_equal(f.hint, hint);
    report_free(r);
}

static void a_platform_that_is_out_of_date(void **state)
{
    (void)state;
    says("OutOfDate", 1, SINCE + 40.0 * DAY,
         "nothing was sent: the platform of m is out of date (since 2026-08-12, INTEL-SA-01192)",
         "wait until the operator updates it, or accept it: verify = { tcb_grace_days = 60 }   "
         "(:Venice attest shows all)");
    says("OutOfDate", 0, SINCE,
         "nothing was sent: the platform of m is out of date (since 2026-08-12)",
         "wait until the operator updates it, or accept it: verify = { tcb_grace_days = 30 }   "
         "(:Venice attest shows all)");
    says("OutOfDate", 6, SINCE + 3650.0 * DAY,
         "nothing was sent: the platform of m is out of date (since 2026-08-12, INTEL-SA-01192, "
         "INTEL-SA-01193, INTEL-SA-01194, INTEL-SA-01195 and 2 more)",
         "wait until the operator updates it, or accept it: add 'OutOfDate' to verify.accept_tcb   "
         "(:Venice attest shows all)");
}

/* Without a newer level there is only the date of its own. */
static void the_newest_level_is_out_of_date(void **state)
{
    struct report *r = report_with_dates("OutOfDate", "tcb_not_accepted", 0, SINCE + 40.0 * DAY,
                                         "2026-08-12T00:00:00Z", NULL);
    struct failure f = { 0 };

    (void)state;
    error_from_report(&f, r, "m");
    assert_string_equal(f.message,
                        "nothing was sent: the platform of m is out of date (since 2026-08-12)");
    assert_non_null(strstr(f.hint, "tcb_grace_days = 60 }"));
    report_free(r);
}

/* What the hint suggests is what the policy accepts, now and for a week more, and within its
 * range. */
static void the_grace_is_enough(void **state)
{
    (void)state;
    for (int days = 0; days < 3600; days += 7) {
        double now = SINCE + days * (double)DAY + DAY - 1;
        struct report *r = report_of("OutOfDate", "tcb_not_accepted", 0, now);
        struct failure f = { 0 };
        struct policy policy = { 0 };
        const char *at;

        error_from_report(&f, r, "m");
        at = strstr(f.hint, "tcb_grace_days = ");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "tcb_grace_days = %d", &policy.tcb_grace_days), 1);
        assert_true(policy.tcb_grace_days <= 3650);
        assert_true(policy_accepts_tcb(&policy, "OutOfDate", SINCE, (int64_t)now + 7 * DAY));
        assert_false(policy_accepts_tcb(&policy, "OutOfDate", SINCE, (int64_t)now + 60 * DAY));
        report_free(r);
    }
}

/* A platform whose level is of tomorrow: no number of days is named that means nothing. */
static void a_date_that_is_ahead(void **state)
{
    (void)state;
    says("OutOfDate", 0, SINCE - 5.0 * DAY,
         "nothing was sent: the platform of m is out of date (since 2026-08-12)",
         "wait until the operator updates it, or accept it: add 'OutOfDate' to verify.accept_tcb   "
         "(:Venice attest shows all)");
}

static void other_states(void **state)
{
    static const struct {
        const char *status, *part;
    } rows[] = {
        { "OutOfDateConfigurationNeeded", "is out of date and not configured" },
        { "TDRelaunchAdvised", "its enclave was not restarted (" },
        { "TDRelaunchAdvisedConfigurationNeeded", "was not restarted, nor configured" },
        { "SWHardeningNeeded", "does not accept (SWHardeningNeeded, TCB of 2026-08-12" },
        { "ConfigurationNeeded", "does not accept (ConfigurationNeeded, TCB of 2026-08-12" },
    };
    char model[600], accept[96];

    (void)state;
    memset(model, 'm', sizeof model - 1);
    model[sizeof model - 1] = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report *r = report_of(rows[i].status, "tcb_not_accepted", 40, SINCE + DAY);
        struct failure f = { 0 };

        error_from_report(&f, r, model);
        snprintf(accept, sizeof accept, "add '%s' to verify.accept_tcb", rows[i].status);
        if (!strstr(f.message, rows[i].part) || !strstr(f.message, " and 36 more)") ||
            !strstr(f.hint, accept))
            fail_msg("%s / %s", f.message, f.hint);
        report_free(r);
    }
}

static void other_reasons(void **state)
{
    struct report *r = report_of(NULL, "tcb_not_accepted", 0, 0);
    struct failure f = { 0 };

    (void)state;
    error_from_report(&f, r, "m");
    assert_string_equal(
        f.message,
        "nothing was sent: the platform of m is in a state that your policy does not accept");
    report_free(r);
    memset(&f, 0, sizeof f);
    r = report_of("Revoked", "pin_changed", 1, SINCE);
    report_check(r, CHECK_TCB_NOT_REVOKED, false, "tcb_revoked", NULL);
    error_from_report(&f, r, "m");
    assert_string_equal(f.message, "nothing was sent: Intel has revoked the platform of m");
    assert_string_equal(f.hint, ":Venice attest shows every check");
    report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_platform_that_is_out_of_date),
        cmocka_unit_test(the_newest_level_is_out_of_date),
        cmocka_unit_test(the_grace_is_enough),
        cmocka_unit_test(a_date_that_is_ahead),
        cmocka_unit_test(other_states),
        cmocka_unit_test(other_reasons),
    };

    return cmocka_run_group_tests_name("reasons", tests, NULL, NULL);
}
