/* The member sweep: every member of a response is left out, emptied, renamed, retyped and changed
 * in its turn, and what is said then is compared with the table of right answers in sweep_table.h.
 * The bodies are the recorded ones and some of our own making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "client/errors.h"
#include "support_code.h"
#include "support_gpu.h"
#include "sweep_table.h"

enum { STEPS_MAX = 16, PATH_CHARS = 256, FAULTS_SHOWN = 60, WORDS_MAX = 384 };

/* ---- Bodies ---------------------------------------------------------------------------------- */

/* What is judged, and how. */
struct body {
    const char *name;
    char kind; /* for the table: 'A' to 'D' as in PROTOCOL section 1.2, or '?' */
    cJSON *tree;
    char nonce[65], model[80];
    int64_t now;
    char *collateral;
    size_t collateral_len;
    const char *gpu_root;
    cJSON *pins;
};

/* What came of it. */
struct outcome {
    cJSON *report;
    char words[WORDS_MAX]; /* the refusal's; "" where there is none */
};

/* Which parts of the judgement run: they are slow, and most members have nothing to do with
 * them. */
enum parts { PART_GPU = 1, PART_DCAP = 2, ALL_PARTS = 3 };

/* Judges a tree, which is deleted. Where no GPU is judged their evidence, half of a body, is not
 * even read. */
static struct outcome judge_body(const struct body *b, cJSON *tree, unsigned parts)
{
    struct outcome out = { .words = "" };
    struct attestation *a = NULL;
    struct failure f = { 0 };
    struct policy policy;
    char *text = NULL;
    size_t len = 0;

    if (!(parts & PART_GPU))
        cJSON_DeleteItemFromObjectCaseSensitive(tree, "nvidia_payload");
    assert_int_equal(json_print(&text, &len, tree), 0);
    cJSON_Delete(tree);
    assert_int_equal(policy_read(&policy, &f, NULL), 0);
    policy.dcap_required = b->collateral && (parts & PART_DCAP);
    policy.gpu = parts & PART_GPU ? POLICY_GPU_AUTO : POLICY_GPU_OFF;
    assert_int_equal(attestation_new(&a, &policy, b->model, b->nonce, b->now, NULL, b->pins), 0);
    if (b->gpu_root)
        assert_int_equal(attestation_set_gpu_root(a, b->gpu_root), 0);
    assert_int_equal(attestation_feed_collateral(a, b->collateral, b->collateral_len), 0);
    assert_int_equal(attestation_feed_response(a, text, len), 0);
    assert_int_equal(attestation_needs(a), NEED_NOTHING);
    assert_int_equal(report_tree(attestation_report(a), &out.report), 0);
    if (json_bool(out.report, "accepted") != 1) {
        error_from_report(&f, attestation_report(a), "MODEL");
        snprintf(out.words, sizeof out.words, "%s", f.message);
    }
    attestation_free(a);
    policy_clear(&policy);
    wiping_free(text);
    return out;
}

/* ---- Mutations ------------------------------------------------------------------------------- */

static const struct {
    const char *name, *json; /* json NULL: something else than another value */
    enum mutation_class class;
} mutations[] = {
    { "dropped", NULL, ABSENT },        { "renamed", NULL, ABSENT },
    { "null", "null", ABSENT },         { "empty text", "\"\"", ABSENT },
    { "empty list", "[]", ABSENT },     { "empty object", "{}", ABSENT },
    { "number", "7", RETYPED },         { "true", "true", RETYPED },
    { "object", "{\"a\":7}", RETYPED }, { "list", "[7]", TO_LIST },
    { "text", "\"text\"", TO_TEXT },    { "changed", NULL, CHANGED },
};

enum {
    MUTATIONS = sizeof mutations / sizeof mutations[0],
    DROPPED = 0,
    RENAMED = 1,
    TO_NULL = 2,
    LAST_MUTATION = MUTATIONS - 1
};

static int type_of(const cJSON *item)
{
    return cJSON_IsBool(item) ? cJSON_True : item->type & 0xff;
}

/* Another value of the same type; NULL for lists and objects, whose members have their own turn. A
 * text keeps its length and its kind of digits. */
static cJSON *another_value(const cJSON *item)
{
    cJSON *value;
    char *last;

    if (cJSON_IsBool(item))
        return cJSON_CreateBool(!cJSON_IsTrue(item));
    if (cJSON_IsNumber(item))
        return cJSON_CreateNumber(item->valuedouble + 1);
    if (!cJSON_IsString(item) || !item->valuestring[0])
        return NULL;
    value = cJSON_CreateString(item->valuestring);
    last = value->valuestring + strlen(value->valuestring) - 1;
    *last = *last == '1' ? '2' : '1';
    return value;
}

/* The value that takes the place of item; NULL where the mutation would change nothing. */
static cJSON *mutated(const cJSON *item, int mutation)
{
    cJSON *value = NULL;

    if (mutations[mutation].class == CHANGED)
        return another_value(item);
    assert_int_equal(
        json_parse(&value, mutations[mutation].json, strlen(mutations[mutation].json), NULL), 0);
    if ((mutations[mutation].class != ABSENT && type_of(value) == type_of(item)) ||
        cJSON_Compare(value, item, true)) {
        cJSON_Delete(value);
        return NULL;
    }
    return value;
}

/* Texts of these names hold JSON, and are gone into. */
static cJSON *parse_inside(const cJSON *item)
{
    static const char *const names[] = { "vm_config", "event_log", "tcb_info", "nvidia_payload" };
    cJSON *tree = NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (cJSON_IsString(item) && item->string && strcmp(item->string, names[i]) == 0 &&
            json_parse(&tree, item->valuestring, strlen(item->valuestring), NULL) == 0)
            return tree;
    }
    return NULL;
}

/* Applies a mutation to the member at the end of the steps, which are places in lists and objects.
 * Returns false where it would change nothing. */
static bool apply(cJSON *node, const int *steps, int count, int mutation)
{
    cJSON *item = cJSON_GetArrayItem(node, steps[0]), *value, *inside;
    char name[128];
    bool done;

    assert_non_null(item);
    if (count > 1) {
        char *text;

        inside = parse_inside(item);
        if (!inside)
            return apply(item, steps + 1, count - 1, mutation);
        done = apply(inside, steps + 1, count - 1, mutation);
        text = cJSON_PrintUnformatted(inside);
        cJSON_SetValuestring(item, text);
        cJSON_free(text);
        cJSON_Delete(inside);
        return done;
    }
    if (mutation == DROPPED) {
        cJSON_DeleteItemFromArray(node, steps[0]);
        return true;
    }
    if (mutation == RENAMED) {
        if (!item->string)
            return false;
        snprintf(name, sizeof name, "%s_renamed", item->string);
        item = cJSON_DetachItemFromArray(node, steps[0]);
        return cJSON_AddItemToObject(node, name, item);
    }
    value = mutated(item, mutation);
    if (!value)
        return false;
    if (!item->string)
        return cJSON_ReplaceItemInArray(node, steps[0], value);
    snprintf(name, sizeof name, "%s", item->string);
    return cJSON_ReplaceItemInObjectCaseSensitive(node, name, value);
}

/* ---- What must be true of every outcome ------------------------------------------------------ */

struct sweep {
    const struct body *body;
    struct outcome base[ALL_PARTS + 1]; /* by the parts that run */
    bool accepted;                      /* the body as it is */
    unsigned members, judged, faults;
};

static void __attribute__((format(printf, 4, 5)))
complain(struct sweep *s, const char *path, int mutation, const char *format, ...)
{
    char text[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (s->faults++ < FAULTS_SHOWN)
        print_error("%s: %s, %s: %s\n", s->body->name, path, mutations[mutation].name, text);
}

static const cJSON *entry_of(const cJSON *report, const char *list, enum check_id check)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, json_at(report, list, NULL))
    {
        if (strcmp(json_string(entry, "id"), check_row(check)->id) == 0)
            return entry;
    }
    return NULL;
}

/* How often a check of the same name passed. */
static int passes(const cJSON *report, const cJSON *like)
{
    const cJSON *check;
    int count = 0;

    cJSON_ArrayForEach(check, json_at(report, "checks", NULL)) count +=
        json_bool(check, "ok") == 1 &&
        strcmp(json_string(check, "id"), json_string(like, "id")) == 0;
    return count;
}

static int level_of(const cJSON *report)
{
    static const char *const names[] = { "none", "binding", "dcap", "measured" };
    int level = 0;

    while (strcmp(names[level], json_string(report, "level")) != 0)
        level++;
    return level;
}

static bool is_confirmed(const cJSON *report)
{
    const char *state = json_string(json_at(report, "pin", NULL), "state");

    return state && strcmp(state, "confirmed") == 0;
}

/* No change makes a response worth more than it was. */
static void check_worth(struct sweep *s, const char *path, int mutation, const cJSON *base,
                        const cJSON *report)
{
    const cJSON *was = json_at(base, "checks", NULL)->child, *check;

    if (json_bool(report, "verified") == 1 && json_bool(base, "verified") != 1)
        complain(s, path, mutation, "verified what was not");
    if (json_bool(report, "accepted") == 1 && json_bool(base, "accepted") != 1)
        complain(s, path, mutation, "accepted what was not");
    if (level_of(report) > level_of(base))
        complain(s, path, mutation, "the level rises to %s", json_string(report, "level"));
    if (is_confirmed(report) &&
        (!is_confirmed(base) || !cJSON_Compare(json_at(report, "pin", "enclave", NULL),
                                               json_at(base, "pin", "enclave", NULL), true)))
        complain(s, path, mutation, "confirmed what was not");
    cJSON_ArrayForEach(check, json_at(report, "checks", NULL))
    {
        /* Mostly it is the same list; then there is nothing to count. */
        bool same = was && json_bool(was, "ok") == json_bool(check, "ok") &&
                    strcmp(json_string(was, "id"), json_string(check, "id")) == 0;

        was = was ? was->next : NULL;
        if (!same && json_bool(check, "ok") == 1 && passes(report, check) > passes(base, check))
            complain(s, path, mutation, "%s passes anew", json_string(check, "id"));
    }
}

/* ---- The table ------------------------------------------------------------------------------- */

/* '*' is any number of characters, "**" too; a single '*' of a path stays within one name. */
static bool matches(const char *pattern, const char *text, bool in_names)
{
    bool deep = pattern[0] == '*' && pattern[1] == '*';

    if (pattern[0] == 0)
        return text[0] == 0;
    if (pattern[0] != '*')
        return pattern[0] == text[0] && matches(pattern + 1, text + 1, in_names);
    pattern += deep ? 2 : 1;
    for (;; text++) {
        if (matches(pattern, text, in_names))
            return true;
        if (text[0] == 0 || (in_names && !deep && text[0] == '.'))
            return false;
    }
}

static const struct row *find_row(char kind, const char *path)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if ((!table[i].kinds || strchr(table[i].kinds, kind)) && matches(table[i].path, path, true))
            return &table[i];
    }
    return NULL;
}

static const char *shown(const struct outcome *o)
{
    return o->words[0] ? o->words : "accepted";
}

static const cJSON *first_failure(const cJSON *report)
{
    const cJSON *check;

    cJSON_ArrayForEach(check, json_at(report, "checks", NULL))
    {
        if (json_bool(check, "ok") == 0)
            return check;
    }
    return NULL;
}

/* A refusal: by this check (CHECK_COUNT: by any), for this reason (or one of these), in these
 * words. */
static void check_refusal(struct sweep *s, const char *path, int mutation, const struct answer *a,
                          const struct outcome *o)
{
    const cJSON *failed = first_failure(o->report);
    const char *id = failed ? json_string(failed, "id") : "none";
    const char *reason = failed ? json_string(failed, "reason") : "none";
    char wanted[WORDS_MAX];

    snprintf(wanted, sizeof wanted, "nothing was sent: %s", a->words);
    if (json_bool(o->report, "accepted") == 1 || !failed)
        complain(s, path, mutation, "%s; wanted %s", shown(o), wanted);
    else if ((a->check != CHECK_COUNT && strcmp(id, check_row(a->check)->id) != 0) ||
             !strstr(a->reason, reason))
        complain(s, path, mutation, "%s by %s (%s); wanted %s", reason, id, shown(o), a->reason);
    else if (!matches(wanted, o->words, false))
        complain(s, path, mutation, "\"%s\"; wanted \"%s\"", o->words, wanted);
}

static void check_not_stated(struct sweep *s, const char *path, int mutation,
                             const struct answer *a, const struct outcome *o)
{
    const cJSON *entry = entry_of(o->report, "not_stated", a->check);

    if (!entry || !matches(a->words, json_string(entry, "detail"), false))
        complain(s, path, mutation, "%s is not called not stated: %s", check_row(a->check)->id,
                 entry ? json_string(entry, "detail") : "-");
    if (entry_of(o->report, "checks", a->check))
        complain(s, path, mutation, "%s is checked although nothing is stated",
                 check_row(a->check)->id);
}

static void check_answer(struct sweep *s, const char *path, int mutation, const struct answer *a,
                         const struct outcome *base, const struct outcome *o)
{
    bool accepted = json_bool(o->report, "accepted") == 1;

    /* What is refused anyway stays refused, by this or by something else. */
    if (json_bool(base->report, "accepted") != 1)
        return;
    if (a->kind == REFUSED || (a->kind == EITHER && !accepted)) {
        check_refusal(s, path, mutation, a, o);
        return;
    }
    if (!accepted)
        complain(s, path, mutation, "%s", o->words);
    else if (level_of(o->report) != level_of(base->report))
        complain(s, path, mutation, "the level falls to %s", json_string(o->report, "level"));
    if (a->kind == UNSAID)
        check_not_stated(s, path, mutation, a, o);
}

/* ---- The sweep ------------------------------------------------------------------------------- */

/* DCAP looks at nothing but the quote, so that it runs once for each member is enough. What the
 * service says about GPUs counts only where they are judged. */
static unsigned parts_for(const char *path, int mutation)
{
    bool payload = strncmp(path, "nvidia_payload", 14) == 0 || strstr(path, "num_gpus");
    bool verdict = strstr(path, ".nvidia") && (mutation == DROPPED || mutation == LAST_MUTATION);
    bool dcap = mutation == DROPPED || strcmp(path, "intel_quote") == 0;

    return (payload || verdict ? PART_GPU : 0) | (dcap ? PART_DCAP : 0);
}

/* Under the sanitizers, which are slow and find other faults, each member has a third of its turns.
 * Of what is refused anyway only this is asked: that it stays so. What a GPU's answer holds has
 * tests of its own, and is slow. */
static bool is_wanted(const struct sweep *s, const char *path, int mutation)
{
#ifdef __SANITIZE_ADDRESS__
    if ((s->members + (unsigned)mutation) % 3 != 0)
        return false;
#endif
    return (s->accepted && !strstr(path, "evidence_list.")) || mutation == DROPPED ||
           mutation == TO_NULL || mutation == LAST_MUTATION;
}

static void try_member(struct sweep *s, const char *path, const int *steps, int count)
{
    const struct row *row = find_row(s->body->kind, path);
    s->members++;
    if (!row) {
        complain(s, path, 0, "no row of the table is about it");
        return;
    }
    for (int i = 0; i < MUTATIONS; i++) {
        cJSON *copy = cJSON_Duplicate(s->body->tree, true);

        if (is_wanted(s, path, i) && apply(copy, steps, count, i)) {
            unsigned parts = parts_for(path, i);
            struct outcome o = judge_body(s->body, copy, parts);
            const struct outcome *base = &s->base[parts];

            check_worth(s, path, i, base->report, o.report);
            check_answer(s, path, i, &row->answers[mutations[i].class], base, &o);
            cJSON_Delete(o.report);
            s->judged++;
        } else {
            cJSON_Delete(copy);
        }
    }
}

/* Lists: the first element and the last, as names that the table can use. One GPU is like another,
 * and slow. */
static void walk(struct sweep *s, const cJSON *node, const char *path, int *steps, int depth)
{
    int n = cJSON_GetArraySize(node), i = 0;
    const cJSON *item;

    assert_true(depth < STEPS_MAX);
    cJSON_ArrayForEach(item, node)
    {
        char below[PATH_CHARS];
        cJSON *inside;

        steps[depth] = i++;
        if (!item->string && i > 1 && (i < n || strstr(path, "evidence_list")))
            continue;
        snprintf(below, sizeof below, "%s%s%s", path, path[0] ? "." : "",
                 item->string ? item->string
                 : i == 1     ? "first"
                              : "last");
        try_member(s, below, steps, depth + 1);
        inside = parse_inside(item);
        walk(s, inside ? inside : item, below, steps, depth + 1);
        cJSON_Delete(inside);
    }
}

static void sweep_body(const struct body *b, bool accepted)
{
    struct sweep s = { .body = b, .accepted = accepted };
    int steps[STEPS_MAX];

    for (unsigned parts = 0; parts <= ALL_PARTS; parts++) {
        s.base[parts] = judge_body(b, cJSON_Duplicate(b->tree, true), parts);
        if (json_bool(s.base[parts].report, "accepted") != accepted)
            fail_msg("%s: %s", b->name, shown(&s.base[parts]));
    }
    walk(&s, b->tree, "", steps, 0);
    print_message("# %s: %u members, %u mutations judged\n", b->name, s.members, s.judged);
    for (unsigned parts = 0; parts <= ALL_PARTS; parts++)
        cJSON_Delete(s.base[parts].report);
    if (s.faults > 0)
        fail_msg("%s: %u answers are not those of the table", b->name, s.faults);
}

/* ---- Recorded bodies ------------------------------------------------------------------------- */

#define APRIL "recorded/venice_e2ee-qwen3-5-122b-a10b_20260424_015841/responses/"
#define PHALA "recorded/phalacloud_phala_deepseek-v3.2_20260610_014917/responses/"
#define PY    "recorded/venice-py_2026-06_07/"

static const struct recording {
    const char *path, *nonce, *model, *collateral;
    int64_t now;
    char kind;
    bool accepted;
} recordings[] = {
    { APRIL "0001_api.venice.ai_api_v1_tee_attestation.body",
      "ac82eb750ec4cfbb273f90d33567776bfae8657e2a43f6dff2f3adad9b86095a", "e2ee-qwen3-5-122b-a10b",
      "dcap-real/collateral/nearcloud_qwen_qwen3.5-122b-a10b_20260424_020614.90c06f000000.json",
      1776996000, 'A', true },
    { PY "attestation_gemma_3_27b_p.json",
      "f2bdf0619bbec4cfc28423ea700cf3c6db26908a9f8e28cacdf9ab11e73d3f7d", "e2ee-gemma-3-27b-p",
      PY "collateral_gemma_3_27b_p.json", 1780598249, 'B', true },
    { PY "attestation_live_evidence.json",
      "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
      "e2ee-venice-uncensored-24b-p", PY "collateral_live_evidence.json", 1784573023, 'C', false },
    { "recorded/venice_aci_genB_20260826_excerpt.json",
      "770a9d6aa19c950bbfbae57ae6071a774c61948d2e1e9f2c7448d6f7ce8d9d22", "e2ee-gpt-oss-120b-p",
      NULL, 1787706450, 'D', true },
    { PY "attestation_gemma.json",
      "a044fb0d995bc6a3d12c376695661fb1a0fe00032a5c01f99d6c95bcfdeb825b", "e2ee-gemma-3-27b-p",
      NULL, 1780591237, 'B', false },
    { PHALA "0001_api.redpill.ai_v1_attestation_report.body",
      "732f6f1c1b4445d4ab4ad892728343f7fcb0f595ce79f91ecfdeaae657bb7c7e", "phala/deepseek-v3.2",
      NULL, 1781056157, '?', false },
};

enum { RECORDINGS = sizeof recordings / sizeof recordings[0] };

static bool read_body(struct body *b, const struct recording *rec)
{
    cJSON *tree = NULL;
    char *text;
    size_t len;

    memset(b, 0, sizeof *b);
    if (corpus_file(&text, &len, rec->path) != 0)
        return false;
    assert_int_equal(json_parse(&tree, text, len, NULL), 0);
    free(text);
    b->tree = tree;
    if (cJSON_GetObjectItemCaseSensitive(tree, "_capture_epoch")) {
        b->tree = cJSON_DetachItemFromObjectCaseSensitive(tree, "attestation");
        cJSON_Delete(tree);
    }
    if (rec->collateral)
        assert_int_equal(corpus_file(&b->collateral, &b->collateral_len, rec->collateral), 0);
    b->name = strrchr(rec->path, '/') + 1;
    b->kind = rec->kind;
    b->now = rec->now;
    snprintf(b->nonce, sizeof b->nonce, "%s", rec->nonce);
    snprintf(b->model, sizeof b->model, "%s", rec->model);
    return true;
}

static void clear_body(struct body *b)
{
    cJSON_Delete(b->tree);
    cJSON_Delete(b->pins);
    free(b->collateral);
    memset(b, 0, sizeof *b);
}

static void a_recorded_body(void **state)
{
    const struct recording *rec = *state;
    struct body b;

    if (!read_body(&b, rec)) {
        print_message("# no corpus: a recorded body is not swept\n");
        skip();
    }
    sweep_body(&b, rec->accepted);
    clear_body(&b);
}

/* With an enclave that the user confirmed: whatever is left out, what is still called confirmed is
 * the same enclave in every value. */
static void nothing_is_confirmed_by_leaving_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < RECORDINGS; i++) {
        struct sweep s = { .faults = 0 };
        struct body b;
        cJSON *enclave, *item;
        int place = 0;

        if (!recordings[i].accepted || !recordings[i].collateral)
            continue;
        if (!read_body(&b, &recordings[i]))
            skip();
        s.body = &b;
        s.base[0] = judge_body(&b, cJSON_Duplicate(b.tree, true), PART_DCAP);
        enclave = cJSON_Duplicate(json_at(s.base[0].report, "pin", "enclave", NULL), true);
        cJSON_AddTrueToObject(enclave, "confirmed");
        b.pins = cJSON_CreateArray();
        cJSON_AddItemToArray(b.pins, enclave);
        cJSON_Delete(s.base[0].report);
        s.base[0] = judge_body(&b, cJSON_Duplicate(b.tree, true), PART_DCAP);
        assert_string_equal(json_string(s.base[0].report, "level"), "measured");
        assert_true(is_confirmed(s.base[0].report));
        cJSON_ArrayForEach(item, b.tree)
        {
            cJSON *copy = cJSON_Duplicate(b.tree, true);
            struct outcome o;

            assert_true(apply(copy, &place, 1, DROPPED));
            o = judge_body(&b, copy, PART_DCAP);
            check_worth(&s, item->string, DROPPED, s.base[0].report, o.report);
            cJSON_Delete(o.report);
            place++;
        }
        assert_int_equal(s.faults, 0);
        cJSON_Delete(s.base[0].report);
        clear_body(&b);
    }
}

/* ---- Bodies of our own ----------------------------------------------------------------------- */

static void add_gpus(cJSON *tree, int count)
{
    cJSON *payload = cJSON_CreateObject(), *list = cJSON_CreateArray();
    const struct gpu_answer_form form = { .nonce = NULL };
    struct gpu_answer_form ours = form;
    uint8_t nonce[32];
    char *text;

    assert_int_equal(hex_decode(nonce, SAMPLE_NONCE, 64), 0);
    ours.nonce = nonce;
    for (int i = 0; i < count; i++)
        cJSON_AddItemToArray(list, gpu_entry(i, &ours));
    cJSON_AddStringToObject(payload, "arch", "HOPPER");
    cJSON_AddStringToObject(payload, "nonce", SAMPLE_NONCE);
    cJSON_AddItemToObject(payload, "evidence_list", list);
    text = cJSON_PrintUnformatted(payload);
    cJSON_AddStringToObject(tree, "nvidia_payload", text);
    cJSON_free(text);
    cJSON_Delete(payload);
}

static void a_body_of_our_own(void **state)
{
    static const char *const names[] = { "near", "phala", "aci-a", "aci-b" };
    char kind = *(const char *)*state;
    struct body b = { .name = names[kind - 'A'], .kind = kind, .now = SAMPLE_NOW };
    struct machine m;

    machine_new(&m, kind == 'A' || kind == 'C' ? 1 : 2);
    m.stripped = m.version == 1;
    b.tree = machine_response(&m, kind);
    if (kind == 'A' || kind == 'B') {
        add_gpus(b.tree, 1);
        set_member(b.tree, "info.vm_config",
                   cJSON_CreateString("{\"num_gpus\":1,\"image\":\"sample-0.1\"}"));
        b.gpu_root = gpu_root_pem();
    }
    snprintf(b.nonce, sizeof b.nonce, "%s", SAMPLE_NONCE);
    snprintf(b.model, sizeof b.model, "%s", SAMPLE_MODEL);
    sweep_body(&b, true);
    clear_body(&b);
    machine_free(&m);
}

#define RECORDED(i) cmocka_unit_test_prestate(a_recorded_body, (void *)&recordings[i])
#define OUR_OWN(i)  cmocka_unit_test_prestate(a_body_of_our_own, (void *)&"ABCD"[i])

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORDED(0),
        RECORDED(1),
        RECORDED(2),
        RECORDED(3),
        RECORDED(4),
        RECORDED(5),
        cmocka_unit_test(nothing_is_confirmed_by_leaving_out),
        OUR_OWN(0),
        OUR_OWN(1),
        OUR_OWN(2),
        OUR_OWN(3),
    };
    int failed;

    gpu_world_make();
    failed = cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
    gpu_world_free();
    return failed;
}
