/* The list of models is the service's word: what of it reaches a command line and a screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "client/models.h"
#include "support_e2ee.h"

#define SPEC "\"model_spec\":{\"capabilities\":{\"supportsE2EE\":true}"

/* An entry that can be used, with this id as it stands in JSON. */
static void add_entry(struct text *t, const char *id)
{
    text_addf(t, "%s{\"type\":\"text\",\"id\":\"%s\"," SPEC "}}", t->len > 9 ? "," : "", id);
}

static void begin(struct text *t)
{
    t->len = 0;
    text_add(t, "{\"data\":[", 9);
}

/* Ends the body, and reads it. NULL where it is refused with this status. */
static cJSON *read_list(struct text *t, int status)
{
    char *out = NULL;
    size_t len = 0;
    cJSON *list;

    text_add(t, "]}", 2);
    assert_int_equal(models_read(&out, &len, t->data, t->len), status);
    if (status != 0)
        return NULL;
    assert_int_equal(strlen(out), len);
    list = cJSON_Parse(out);
    wiping_free(out);
    assert_non_null(list);
    return list;
}

static const char *id_at(const cJSON *list, int i)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, i), "id"));
}

static void only_plain_ids_are_listed(void **state)
{
    static const char *const good[] = { "e2ee-qwen3-5-122b-a10b", "openai/gpt-oss-120b:free", "a",
                                        "A_b.C-9" };
    static const char *const bad[] = { "",        "a b",       "a\\nb",  "a\\rb", "a\\u001b[31mb",
                                       "a|qall!", "a%",        "a\\\\b", "a'b",   "\\u202ea",
                                       "\\u00e4", "a\\u200bb", "a\\tb",  "a#b",   "<a>" };
    char longest[200];
    struct text t = { 0 };
    cJSON *list;

    (void)state;
    begin(&t);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        add_entry(&t, bad[i]);
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    add_entry(&t, longest);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        add_entry(&t, good[i]);
    list = read_list(&t, 0);
    assert_int_equal(cJSON_GetArraySize(list), sizeof good / sizeof *good);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_string_equal(id_at(list, (int)i), good[i]);
        assert_true(model_id_is_valid(good[i]));
    }
    assert_false(model_id_is_valid("a\nb"));
    assert_false(model_id_is_valid(longest));
    assert_false(model_id_is_valid(""));
    cJSON_Delete(list);
    text_clear(&t);
}

static void an_id_stands_there_once(void **state)
{
    struct text t = { 0 };
    cJSON *list;

    (void)state;
    begin(&t);
    for (int i = 0; i < 5; i++)
        add_entry(&t, "same");
    add_entry(&t, "other");
    list = read_list(&t, 0);
    assert_int_equal(cJSON_GetArraySize(list), 2);
    assert_string_equal(id_at(list, 0), "same");
    assert_string_equal(id_at(list, 1), "other");
    cJSON_Delete(list);
    text_clear(&t);
}

/* Names and numbers are the service's too. */
static void what_is_shown_is_safe(void **state)
{
    struct text t = { 0 };
    cJSON *list;
    const cJSON *entry;

    (void)state;
    begin(&t);
    text_addf(&t,
              "{\"type\":\"text\",\"id\":\"a\"," SPEC ",\"name\":\"N\\u202e\\u001b[1m\\n%0500d\","
              "\"availableContextTokens\":-5,\"maxCompletionTokens\":1e300,"
              "\"pricing\":{\"input\":{\"usd\":0.15},\"output\":{\"usd\":-1}},"
              "\"deprecation\":{\"date\":\"2036\\u0007\"}}}",
              0);
    list = read_list(&t, 0);
    entry = cJSON_GetArrayItem(list, 0);
    assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(entry, "name"))),
                     MODEL_TEXT_MAX - 2); /* of three bytes became one */
    assert_memory_equal(cJSON_GetStringValue(cJSON_GetObjectItem(entry, "name")), "N  [1m 000", 10);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(entry, "deprecation")), "2036 ");
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(entry, "price_in")) == 0.15);
    assert_null(cJSON_GetObjectItem(entry, "price_out"));
    assert_null(cJSON_GetObjectItem(entry, "context"));
    assert_null(cJSON_GetObjectItem(entry, "max_output"));
    cJSON_Delete(list);
    text_clear(&t);
}

static void a_list_has_a_limit(void **state)
{
    struct text t = { 0 };
    cJSON *list;
    char id[16];

    (void)state;
    for (int count = MODELS_MAX; count <= MODELS_MAX + 1; count++) {
        begin(&t);
        for (int i = 0; i < count; i++) {
            snprintf(id, sizeof id, "m%d", i);
            add_entry(&t, id);
        }
        list = read_list(&t, count > MODELS_MAX ? VENICE_E_LIMIT : 0);
        if (list)
            assert_int_equal(cJSON_GetArraySize(list), MODELS_MAX);
        cJSON_Delete(list);
    }
    begin(&t);
    for (int i = 0; i < 100000; i++)
        text_addf(&t, "%s{\"id\":1}", i ? "," : "");
    list = read_list(&t, VENICE_E_LIMIT);
    text_clear(&t);
}

static void what_is_no_list(void **state)
{
    static const char *const bodies[] = {
        "", "[]", "{}", "{\"data\":{}}", "{\"data\":null}", "nul"
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char *out;
        size_t len;

        assert_int_equal(models_read(&out, &len, bodies[i], strlen(bodies[i])), VENICE_E_MALFORMED);
        assert_null(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_plain_ids_are_listed), cmocka_unit_test(an_id_stands_there_once),
        cmocka_unit_test(what_is_shown_is_safe),     cmocka_unit_test(a_list_has_a_limit),
        cmocka_unit_test(what_is_no_list),
    };

    return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
