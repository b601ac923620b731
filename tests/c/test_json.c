/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "support_e2ee.h"
#include "torture.h"
#include "venice.h"

static int parse(const char *text, size_t len)
{
    cJSON *tree;
    int r = json_parse(&tree, text, len, NULL);

    assert_int_equal(r == 0, tree != NULL);
    cJSON_Delete(tree);
    return r;
}

static void takes_json(void **state)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "-1.5e+10",
        "1E9",
        "0.0",
        "\"\"",
        "true",
        "false",
        "null",
        " \t\r\n{ \"a\" : [ 1 , { } , [ ] ] } \n",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\ud83c\\udf89\"",
        "\"\xf0\x9f\x8e\x89\"",
        "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}",
        "{\"a\":1,\"A\":2,\"\":3,\"a \":4}",
        "\"\x7f\"",
        "[[[[[[[[[[[[]]]]]]]]]]]]",
        "{\"\\u0061b\":1,\"ac\":2}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (parse(rows[i], strlen(rows[i])) != 0)
            fail_msg("refused: %s", rows[i]);
}

static void refuses_what_is_not_json(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1 \"b\":2}",
        "{,}",
        "{\"a\":1]",
        "[1}",
        "{}{}",
        "{} x",
        "1 2",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "- 1",
        "tru",
        "truex",
        "True",
        "nul",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u0000\"",
        "{\"\\u0000\":1}",
        "\"\\ud800\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\ud800\\",
        "\"a\nb\"",
        "\"\t\"",
        "\"\x01\"",
        "\xef\xbb\xbf{}",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "\"\xc0\x80\"",
        "/* c */ 1",
        "1 // c",
        "\v1",
        "\f1",
        "\xc2\xa0"
        "1",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]",
        "{\"\\ud83c\\udf89\":1,\"\xf0\x9f\x8e\x89\":2}",
        "{\"\":1,\"\":2}",
        "{\"a\\/b\":1,\"a/b\":2}",
        "{\"\\n\":1,\"\\u000a\":1}",
        "{\"\xc3\xa9\":1,\"\\u00E9\":1}",
        "{\"\xe2\x82\xac\":1,\"\\u20ac\":1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (parse(rows[i], strlen(rows[i])) != VENICE_E_MALFORMED)
            fail_msg("not refused: %s", rows[i]);
    assert_int_equal(parse("{}\0", 3), VENICE_E_MALFORMED);
    assert_int_equal(parse("\"a\0b\"", 5), VENICE_E_MALFORMED);
    assert_int_equal(parse(NULL, 0), VENICE_E_ARG);
}

/* No prefix of a text is accepted, and none is read over its end (the copy has no room behind). */
static void refuses_every_prefix(void **state)
{
    static const char text[] =
        "{\"a\":[true,false,null,-1.5e+3,\"\\ud83c\\udf89\\n\xc3\xa9\"],\"b\":{}}";

    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        char *copy = malloc(n ? n : 1);

        assert_non_null(copy);
        memcpy(copy, text, n);
        assert_int_equal(parse(copy, n), VENICE_E_MALFORMED);
        free(copy);
    }
    assert_int_equal(parse(text, sizeof text - 1), 0);
}

static void duplicates_can_be_allowed(void **state)
{
    const struct json_limits limits = { .allow_duplicates = true };
    cJSON *tree;

    (void)state;
    assert_int_equal(json_parse(&tree, "{\"a\":1,\"a\":2}", 13, &limits), 0);
    cJSON_Delete(tree);
}

static void nul_can_be_allowed_in_values(void **state)
{
    const struct json_limits limits = { .allow_nul = true };
    cJSON *tree;

    (void)state;
    assert_int_equal(json_parse(&tree, "{\"a\":\"b\\u0000c\"}", 16, &limits), 0);
    assert_string_equal(json_string(tree, "a"), "b");
    cJSON_Delete(tree);
    assert_int_equal(json_parse(&tree, "{\"a\\u0000\":1}", 13, &limits), VENICE_E_MALFORMED);
    assert_int_equal(json_parse(&tree, "[\"\\ud800\"]", 10, &limits), VENICE_E_MALFORMED);
}

static void add_nested(struct text *t, char open, char close, int depth)
{
    for (int i = 0; i < depth; i++)
        text_add(t, &open, 1);
    for (int i = 0; i < depth; i++)
        text_add(t, &close, 1);
}

static void depth_has_a_limit(void **state)
{
    static const struct {
        int depth;
        unsigned limit;
        int result;
    } rows[] = {
        { 32, 0, 0 },
        { 33, 0, VENICE_E_LIMIT },
        { 10000, 0, VENICE_E_LIMIT },
        { 3, 3, 0 },
        { 4, 3, VENICE_E_LIMIT },
        { 128, 100000, 0 },
        { 129, 100000, VENICE_E_LIMIT },
        { 1000000, 100000, VENICE_E_LIMIT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct json_limits limits = { .depth = rows[i].limit };
        struct text t = { 0 };
        cJSON *tree;

        add_nested(&t, '[', ']', rows[i].depth);
        assert_int_equal(json_parse(&tree, t.data, t.len, &limits), rows[i].result);
        cJSON_Delete(tree);
        text_clear(&t);
    }
    struct text t = { 0 };
    for (int i = 0; i < 10000; i++)
        text_add(&t, "{\"a\":", 5);
    assert_int_equal(parse(t.data, t.len), VENICE_E_LIMIT);
    text_clear(&t);
}

static void size_has_limits(void **state)
{
    const struct json_limits few = { .bytes = 10, .values = 3 };
    const struct json_limits three = { .values = 3 };
    char number[80], *text = calloc(1, 64 * 1024 * 1024);
    cJSON *tree;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', 64 * 1024 * 1024);
    assert_int_equal(parse(text, 64 * 1024 * 1024), VENICE_E_LIMIT);
    assert_int_equal(parse(text, JSON_BYTES), VENICE_E_MALFORMED);
    free(text);
    assert_int_equal(json_parse(&tree, "          1", 11, &few), VENICE_E_LIMIT);
    assert_int_equal(json_parse(&tree, "[1,2]", 5, &three), 0);
    cJSON_Delete(tree);
    assert_int_equal(json_parse(&tree, "[1,2,3]", 7, &three), VENICE_E_LIMIT);
    memset(number, '1', sizeof number);
    assert_int_equal(parse(number, JSON_NUMBER_CHARS), 0);
    assert_int_equal(parse(number, JSON_NUMBER_CHARS + 1), VENICE_E_LIMIT);
}

/* They would reach Lua as inf, which no JSON can say. */
static void numbers_that_no_double_holds(void **state)
{
    static const struct {
        const char *text;
        int result;
    } rows[] = {
        { "1e308", 0 },
        { "1.7976931348623157e308", 0 },
        { "-1.7976931348623157E+308", 0 },
        { "0.0000000001e317", 0 },
        { "1e-999", 0 },
        { "0e999", 0 },
        { "-0.0e99999999999999999999", 0 },
        { "1e309", VENICE_E_LIMIT },
        { "-1e309", VENICE_E_LIMIT },
        { "1.8e308", VENICE_E_LIMIT },
        { "1111110e1111", VENICE_E_LIMIT },
        { "0.1e99999999999999999999", VENICE_E_LIMIT },
        { "{\"a\":[1,1e400]}", VENICE_E_LIMIT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (parse(rows[i].text, strlen(rows[i].text)) != rows[i].result)
            fail_msg("%s", rows[i].text);
    assert_true(json_is_array("[1e999]", 7)); /* a server's parser may take it */
}

/* Names that a hostile sender would choose: many, long, equal but for their end. */
static void many_names_are_not_slow(void **state)
{
    struct text t = { 0 };
    char prefix[2001];
    clock_t start;

    (void)state;
    text_add(&t, "{", 1);
    for (int i = 0; i < 190000; i++)
        text_addf(&t, "%s\"%x\":0", i ? "," : "", i);
    text_add(&t, "}", 1);
    start = clock();
    assert_int_equal(parse(t.data, t.len), 0);
    t.len = 0;
    memset(prefix, 'p', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = 0;
    text_add(&t, "{", 1);
    for (int i = 0; i < 2000; i++)
        text_addf(&t, "%s\"\\u0070%s%04x\":0", i ? "," : "", prefix, i);
    text_add(&t, "}", 1);
    assert_int_equal(parse(t.data, t.len), 0);
    assert_in_range((clock() - start) / (CLOCKS_PER_SEC / 1000), 0, 10000);
    text_clear(&t);
}

static void getters(void **state)
{
    static const char text[] = "{\"s\":\"v\",\"t\":true,\"f\":false,\"n\":null,\"i\":7,\"neg\":-7,"
                               "\"frac\":1.5,\"big\":9007199254740994,\"exp\":1e3,\"huge\":1e300,"
                               "\"o\":{\"p\":{\"q\":\"deep\"}},\"a\":[{\"p\":1}]}";
    cJSON *tree;
    int64_t v = 99;

    (void)state;
    assert_int_equal(json_parse(&tree, text, sizeof text - 1, NULL), 0);
    assert_string_equal(json_string(tree, "s"), "v");
    assert_null(json_string(tree, "S"));
    assert_null(json_string(tree, "i"));
    assert_null(json_string(tree, "none"));
    assert_null(json_string(NULL, "s"));
    assert_string_equal(json_at(tree, "o", "p", "q", NULL)->valuestring, "deep");
    assert_null(json_at(tree, "o", "p", "q", "r", NULL));
    assert_null(json_at(tree, "a", "p", NULL));
    assert_null(json_at(tree, "O", "p", NULL));
    assert_ptr_equal(json_at(tree, NULL), tree);
    assert_int_equal(json_bool(tree, "t"), 1);
    assert_int_equal(json_bool(tree, "f"), 0);
    assert_int_equal(json_bool(tree, "none"), -1);
    assert_int_equal(json_bool(tree, "n"), -2);
    assert_true(json_integer(&v, tree, "i", 7, 7));
    assert_int_equal(v, 7);
    assert_true(json_integer(&v, tree, "neg", -7, 0));
    assert_int_equal(v, -7);
    assert_true(json_integer(&v, tree, "exp", 0, 1000));
    assert_int_equal(v, 1000);
    assert_false(json_integer(&v, tree, "i", 8, 100));
    assert_false(json_integer(&v, tree, "i", 0, 6));
    assert_false(json_integer(&v, tree, "frac", 0, 100));
    assert_false(json_integer(&v, tree, "big", 0, INT64_MAX));
    assert_false(json_integer(&v, tree, "huge", 0, INT64_MAX));
    assert_false(json_integer(&v, tree, "s", 0, 100));
    assert_false(json_integer(&v, tree, "none", 0, 100));
    assert_int_equal(v, 1000);
    cJSON_Delete(tree);
}

static void raw_member_gives_exact_bytes(void **state)
{
    static const struct {
        const char *text, *name, *raw;
    } rows[] = {
        { "{\"a\":{\"b\": [1, 2]} ,\"b\":3}", "a", "{\"b\": [1, 2]}" },
        { "{\"a\":{\"b\": [1, 2]} ,\"b\": 3 }", "b", "3" },
        { " { \"x\" : \"a\\\"}\" } ", "x", "\"a\\\"}\"" },
        { "{\"\\u0061\":[]}", "a", "[]" },
        { "{\"a\":{}}", "a", "{}" },
        { "{\"a\":null}", "a", "null" },
        { "{\"z\":{\"a\":1}}", "a", NULL },
        { "{\"z\":[{\"a\":1}],\"A\":2}", "a", NULL },
        { "[{\"a\":1}]", "a", NULL },
        { "{}", "a", NULL },
        { "{\"a\":1,\"a\":2}", "a", NULL },
        { "{\"a\":1", "a", NULL },
        { "\"a\"", "a", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *raw;
        size_t n;
        int r = json_raw_member(&raw, &n, rows[i].text, strlen(rows[i].text), rows[i].name);

        if (!rows[i].raw) {
            assert_int_equal(r, VENICE_E_MALFORMED);
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(n, strlen(rows[i].raw));
        assert_memory_equal(raw, rows[i].raw, n);
    }
}

static void arrays_are_recognised(void **state)
{
    static const char *const yes[] = {
        "[]",
        "[1,2,3]",
        " \n\t[ ] \r\n",
        "[{\"type\":\"text\",\"text\":\"x\"}]",
        "[NaN]",
        "[-Infinity,Infinity]",
        "[\"\\ud800\"]",
        "[\"\\u0000\"]",
        "[{\"a\":1,\"a\":2}]",
        "[[[]]]",
    };
    static const char *const no[] = {
        "",           "[",      "]",      "[1,]",  "[1] x",  "x [1]",          "{}",
        "{\"a\":[]}", "1",      "\"[]\"", "[a]",   "[1][2]", "[x for x in y]", "[ ] todo",
        "[-]",        "[-Inf]", "[Nan]",  "['a']",
    };
    struct text t = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!json_is_array(yes[i], strlen(yes[i])))
            fail_msg("is an array: %s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (json_is_array(no[i], strlen(no[i])))
            fail_msg("is no array: %s", no[i]);
    add_nested(&t, '[', ']', 500000);
    assert_true(json_is_array(t.data, t.len));
    text_clear(&t);
}

static void prints_what_it_parsed(void **state)
{
    static const char text[] = "{\"a\":[1,0.5,\"x\\\"y\",null,true],\"b\":{}}";
    cJSON *tree;
    char *out;
    size_t n;

    (void)state;
    assert_int_equal(json_parse(&tree, text, sizeof text - 1, NULL), 0);
    assert_int_equal(json_print(&out, &n, tree), 0);
    assert_string_equal(out, text);
    assert_int_equal(n, sizeof text - 1);
    wiping_free(out);
    cJSON_Delete(tree);
}

/* What another component's library may do to cJSON, before us or behind us: an allocator whose
 * blocks free() does not take. */
static void *their_malloc(size_t n)
{
    char *p = malloc(n + 16);

    return p ? p + 16 : NULL;
}

static void their_free(void *p)
{
    if (p)
        free((char *)p - 16);
}

static void cjson_belongs_to_the_process(void **state)
{
    cJSON_Hooks theirs = { their_malloc, their_free };
    cJSON *ours, *tree;
    struct failure f = { 0 };
    char *text;
    size_t n;

    (void)state;
    assert_int_equal(json_parse(&tree, "{\"a\":1}", 7, NULL), 0);
    cJSON_Delete(tree);
    cJSON_InitHooks(&theirs); /* after our first use */
    tree = cJSON_Parse("{\"b\":[1,\"two\"]}");
    assert_int_equal(json_parse(&ours, "{\"a\":[\"x\"]}", 11, NULL), 0);
    assert_int_equal(json_print(&text, &n, ours), 0);
    assert_string_equal(text, "{\"a\":[\"x\"]}");
    wiping_free(text);
    cJSON_Delete(ours);
    failure_set(&f, VENICE_E_DNS, NULL, "x");
    assert_int_equal(failure_json(&f, &text, &n), 0);
    wiping_free(text);
    cJSON_Delete(tree); /* theirs is still freed as it was made */
    cJSON_InitHooks(NULL);
}

static void failed_allocations_are_said(void **state)
{
    static const char text[] = "{\"a\":[1,\"two\",{\"b\":null}],\"c\":{\"d\":\"e\"},\"f\":1.5}";
    long n = 0;
    bool hit = true;

    (void)state;
    for (; hit; n++) {
        cJSON *tree;
        char *out = NULL;
        size_t len;
        int r;

        torture_begin(n);
        r = json_parse(&tree, text, sizeof text - 1, NULL);
        if (r == 0)
            r = json_print(&out, &len, tree);
        hit = torture_end();
        assert_int_equal(r, hit ? VENICE_E_MEMORY : 0);
        if (!hit)
            assert_string_equal(out, text);
        wiping_free(out);
        cJSON_Delete(tree);
    }
    assert_in_range(n, 10, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_json),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_every_prefix),
        cmocka_unit_test(duplicates_can_be_allowed),
        cmocka_unit_test(nul_can_be_allowed_in_values),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(size_has_limits),
        cmocka_unit_test(numbers_that_no_double_holds),
        cmocka_unit_test(many_names_are_not_slow),
        cmocka_unit_test(getters),
        cmocka_unit_test(raw_member_gives_exact_bytes),
        cmocka_unit_test(arrays_are_recognised),
        cmocka_unit_test(prints_what_it_parsed),
        cmocka_unit_test(cjson_belongs_to_the_process),
        cmocka_unit_test(failed_allocations_are_said),
    };

    torture_openssl();
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
