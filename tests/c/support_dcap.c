/* Quotes with collateral and an expected verdict. */
#include "support_dcap.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/date.h"
#include "base/json.h"

extern char **environ;

/* ---- Making them ----------------------------------------------------------------------------- */

/* Returns the exit code, or -1 where it could not be started. */
static int run_python(char *const argv[])
{
    pid_t pid;
    int status;

    if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
        waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum dcap_made dcap_generate(const char *folder, const char *const *names, size_t count)
{
    char python[] = "/usr/bin/python3", script[] = "tests/dcap/generate.py";
    char import[] = "import cryptography", flag[] = "-c";
    char *probe[] = { python, flag, import, NULL };
    char **generate = calloc(count + 4, sizeof *generate);
    int code = run_python(probe);

    generate[0] = python;
    generate[1] = script;
    generate[2] = strdup(folder);
    for (size_t i = 0; i < count; i++)
        generate[3 + i] = strdup(names[i]);
    if (code == 0)
        code = run_python(generate) == 0 ? 0 : 2;
    for (size_t i = 0; i < count + 1; i++)
        free(generate[2 + i]);
    free(generate);
    return code == 0 ? DCAP_MADE : code == 2 ? DCAP_FAILED : DCAP_NO_PYTHON;
}

/* ---- Reading and judging them ---------------------------------------------------------------- */

char *dcap_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long size;

    *len = 0;
    if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 &&
        fseek(file, 0, SEEK_SET) == 0 && (text = malloc((size_t)size + 1))) {
        *len = fread(text, 1, (size_t)size, file);
        text[*len] = 0;
    }
    if (file)
        fclose(file);
    return text;
}

size_t dcap_read_cases(struct dcap_case **out, const char *folder)
{
    char path[512];
    size_t len, n = 0;
    char *text;
    cJSON *rows = NULL;
    const cJSON *row;

    snprintf(path, sizeof path, "%s/cases.json", folder);
    text = dcap_file(path, &len);
    *out = NULL;
    if (!text || json_parse(&rows, text, len, NULL) != 0 || !cJSON_IsArray(rows))
        goto out;
    *out = calloc((size_t)cJSON_GetArraySize(rows) + 1, sizeof **out);
    cJSON_ArrayForEach(row, rows)
    {
        struct dcap_case *c = &(*out)[n++];
        const char *name = json_string(row, "name");

        json_integer(&c->now, row, "now", 0, INT32_MAX);
        snprintf(c->name, sizeof c->name, "%s", name);
        snprintf(c->quote, sizeof c->quote, "%s/%s.quote", folder, name);
        snprintf(c->collateral, sizeof c->collateral, "%s/%s.col.json", folder, name);
        snprintf(c->root, sizeof c->root, "%s/root.pem", folder);
        snprintf(c->verdict, sizeof c->verdict, "%s", json_string(row, "expect"));
        snprintf(c->code, sizeof c->code, "%s", json_string(row, "code"));
        snprintf(c->advisories, sizeof c->advisories, "%s",
                 json_string(row, "advisories") ? json_string(row, "advisories") : "*");
        snprintf(c->since, sizeof c->since, "%s",
                 json_string(row, "since") ? json_string(row, "since") : "*");
    }
out:
    cJSON_Delete(rows);
    free(text);
    return n;
}

int dcap_default_accepts(enum tcb_status status)
{
    return status >= TCB_UP_TO_DATE && status <= TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED;
}

static void join_advisories(char *out, size_t cap, const struct dcap_result *result)
{
    size_t at = 0;

    out[0] = 0;
    for (size_t i = 0; i < result->advisory_count && at < cap; i++)
        at += (size_t)snprintf(out + at, cap - at, "%s%s", i ? "," : "", result->advisories[i]);
}

/* What must hold of every result, whatever the verdict. */
static void check_result(const struct dcap_result *result)
{
    assert_true(result->check_count > 0);
    for (size_t i = 0; i + 1 < result->check_count; i++)
        assert_true(result->checks[i].ok);
    assert_int_equal(result->checks[result->check_count - 1].ok, result->reason == NULL);
}

/* A status that is not a matter of time has no date, and a date is never that of an older level. */
static void check_since(const struct dcap_result *result, const char *day)
{
    int64_t date = 0;

    if (result->out_of_date_since[0]) {
        assert_true(tcb_is_out_of_date(result->status));
        assert_true(date_from_rfc3339(&date, result->out_of_date_since));
        assert_true(date >= result->tcb_date_unix);
    }
    assert_int_equal(date, result->out_of_date_since_unix);
    if (strcmp(day, "*") == 0)
        return;
    if (strncmp(result->out_of_date_since, day, 10) != 0 ||
        !result->out_of_date_since[0] != !day[0])
        fail_msg("since %s, wanted %s", result->out_of_date_since, day);
}

void dcap_run_case(const struct dcap_case *c)
{
    static struct dcap_result result; /* one test runs at a time */
    char advisories[1024];
    size_t quote_len, collateral_len, root_len;
    char *quote = dcap_file(c->quote, &quote_len);
    char *collateral = dcap_file(c->collateral, &collateral_len);
    char *root = c->root[0] ? dcap_file(c->root, &root_len) : NULL;
    const struct dcap_input in = { .quote = (uint8_t *)quote,
                                   .quote_len = quote_len,
                                   .collateral = collateral,
                                   .collateral_len = collateral_len,
                                   .root_pem = root,
                                   .now = c->now };

    assert_non_null(quote);
    assert_non_null(collateral);
    assert_int_equal(dcap_verify(&result, NULL, &in), 0);
    check_result(&result);
    if (strcmp(c->verdict, "reject") == 0) {
        assert_non_null(result.reason);
        assert_string_equal(result.reason, c->code);
    } else {
        if (result.reason)
            assert_string_equal(result.reason, "(none)");
        assert_non_null(tcb_status_name(result.status));
        assert_string_equal(tcb_status_name(result.status), c->code);
        assert_int_equal(dcap_default_accepts(result.status), strcmp(c->verdict, "accept") == 0);
        join_advisories(advisories, sizeof advisories, &result);
        if (strcmp(c->advisories, "*") != 0)
            assert_string_equal(advisories, c->advisories);
        check_since(&result, c->since);
    }
    free(quote);
    free(collateral);
    free(root);
}
