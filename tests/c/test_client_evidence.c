/* GPU evidence, NVIDIA's service and signatures of answers on the live path, against the simulator:
 * each of its faults is refused, and the service's limits are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "client/budget.h"
#include "client/clock.h"
#include "client/nras_fetch.h"
#include "support_gpu.h"
#include "support_simulator.h"
#include "venice.h"

static const char *const MODELS[] = { "e2ee-sim-small", "e2ee-sim-vllm", "e2ee-sim-aci-a",
                                      "e2ee-sim-aci-b" };
static const char NRAS_PATH[] = "/v3/attest/gpu";
static const char JWKS_PATH[] = "/.well-known/jwks.json";
static const char SIGNATURE_PATH[] = "/api/v1/tee/signature";

static venice_client *client;

/* What one request said. */
struct said {
    cJSON *report, *receipt, *done;
    int status;
};

static void said_free(struct said *s)
{
    cJSON_Delete(s->report);
    cJSON_Delete(s->receipt);
    cJSON_Delete(s->done);
    memset(s, 0, sizeof *s);
}

/* Until DONE. */
static struct said hear(uint32_t id)
{
    struct said s = { .status = 0 };
    struct pollfd p = { .fd = venice_client_fd(client), .events = POLLIN };
    long long end = clock_ms() + 30000;
    venice_event ev;

    while (!s.done && clock_ms() < end) {
        (void)poll(&p, 1, 100);
        while (!s.done && venice_next(client, &ev) == 1) {
            cJSON *tree;

            assert_int_equal(ev.request, id);
            tree = cJSON_ParseWithLength(ev.data, ev.len);
            if (ev.kind == VENICE_EV_REPORT)
                s.report = tree;
            else if (ev.kind == VENICE_EV_RECEIPT)
                s.receipt = tree;
            else if (ev.kind == VENICE_EV_DONE)
                s.done = tree;
            else
                cJSON_Delete(tree);
            if (ev.kind == VENICE_EV_DONE)
                s.status = ev.status;
        }
    }
    assert_non_null(s.done);
    assert_int_equal(venice_next(client, &ev), 0);
    return s;
}

static void open_client(void)
{
    char options[512];

    snprintf(options, sizeof options,
             "{\"base_url\":\"%s\",\"connect_timeout\":3,\"idle_timeout\":3}", simulator_url());
    assert_int_equal(venice_client_new(&client, NULL, options, strlen(options)), 0);
    assert_int_equal(venice_key_from_env(client, "VENICE_API_KEY"), 0);
}

static int set_up(void **state)
{
    (void)state;
    if (!simulator_url()[0])
        return 0;
    setenv("VENICE_API_KEY", "test-key-0123456789", 1);
    simulator_reset();
    open_client();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (client)
        venice_client_close(&client, 5000);
    return 0;
}

static void reopen(void)
{
    assert_int_equal(venice_client_close(&client, 5000), 0);
    open_client();
}

#define NEEDS_SIMULATOR()        \
    do {                         \
        (void)state;             \
        if (!simulator_url()[0]) \
            skip();              \
    } while (0)

/* A policy that trusts the simulator's GPUs; more stands in it as written. */
static struct said attest(const char *model, const char *more)
{
    char options[2048];
    uint32_t id;

    snprintf(options, sizeof options,
             "{\"fresh\":true,\"policy\":{\"dcap\":\"off\",\"gpu_root_ca\":\"%s\"%s%s}}",
             simulator_gpu_root(), *more ? "," : "", more);
    assert_int_equal(venice_attest(client, &id, model, options, strlen(options)), 0);
    return hear(id);
}

static const char *with_nras(void)
{
    static char text[256];

    snprintf(text, sizeof text, "\"nras\":\"%s\"", simulator_url());
    return text;
}

static void fault(const char *name, const char *more)
{
    char order[256];

    simulator_order("/_reset", "{}");
    snprintf(order, sizeof order, "{\"name\":\"%s\"%s}", name, more);
    simulator_order("/_fault", order);
}

static int asked(const char *path)
{
    cJSON *log = simulator_log();
    int n = log_count(log, path);

    cJSON_Delete(log);
    return n;
}

static void expect_refusal(struct said s, const char *reason, const char *words)
{
    const char *found = json_string(s.report, "reason");

    if (s.status != VENICE_E_ATTESTATION || !found || strcmp(found, reason) != 0)
        fail_msg("%d, %s, wanted %s", s.status, found ? found : "no reason", reason);
    assert_int_equal(json_bool(s.report, "accepted"), 0);
    if (words && !strstr(json_string(s.done, "message"), words))
        fail_msg("%s", json_string(s.done, "message"));
    said_free(&s);
}

/* ---- GPUs ----------------------------------------------------------------------------------- */

static void gpus_are_judged(void **state)
{
    static const int counts[] = { 8, 1, 1, 1 };

    NEEDS_SIMULATOR();
    for (int i = 0; i < 4; i++) {
        struct said s = attest(MODELS[i], "");
        const cJSON *gpu = json_at(s.report, "gpu", NULL);

        assert_int_equal(s.status, 0);
        assert_int_equal(json_bool(gpu, "verified"), 1);
        assert_string_equal(json_string(gpu, "level"), "local");
        assert_int_equal(cJSON_GetObjectItem(gpu, "count")->valueint, counts[i]);
        assert_int_equal(json_bool(gpu, "relayed"), i >= 2);
        assert_int_equal(json_bool(s.report, "simulated"), 1);
        said_free(&s);
    }
    assert_int_equal(asked(NRAS_PATH), 0);
}

static void each_gpu_fault_is_refused(void **state)
{
    static const struct {
        const char *name, *reason;
    } rows[] = {
        { "gpu_not_json", "gpu_malformed" },
        { "gpu_object", "gpu_malformed" },
        { "gpu_empty_list", "gpu_malformed" },
        { "gpu_nonce_text", "gpu_nonce_mismatch" },
        { "gpu_nonce_signed", "gpu_nonce_not_signed" },
        { "gpu_signature", "gpu_signature" },
        { "gpu_measurement", "gpu_signature" },
        { "gpu_truncated", "gpu_evidence_malformed" },
        { "gpu_fwid", "gpu_firmware_mismatch" },
        { "gpu_evil_root", "gpu_root_untrusted" },
        { "gpu_chain_short", "gpu_chain_signature" },
        { "gpu_chain_reversed", "gpu_root_untrusted" },
        { "gpu_chain_garbage", "gpu_chain_malformed" },
        { "gpu_other_leaf", "gpu_signature" },
        { "gpu_twice", "gpu_duplicate" },
        { "gpu_arch", "gpu_arch" },
    };
    struct said s;

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fault(rows[i].name, "");
        s = attest(MODELS[0], "");
        assert_int_equal(json_bool(json_at(s.report, "gpu", NULL), "verified"), 0);
        expect_refusal(s, rows[i].reason, "nothing was sent: ");
        fault(rows[i].name, "");
        s = attest(MODELS[0], "\"gpu\":\"off\"");
        assert_int_equal(s.status, 0);
        assert_null(json_at(s.report, "gpu", NULL));
        said_free(&s);
    }
    fault("gpu_missing", "");
    s = attest(MODELS[0], "");
    assert_int_equal(s.status, 0);
    assert_null(json_at(s.report, "gpu", NULL));
    said_free(&s);
    s = attest(MODELS[0], "\"gpu\":\"require\"");
    assert_int_equal(json_bool(s.report, "verified"), 1);
    expect_refusal(s, "gpu_missing", "GPU");
}

/* ---- NVIDIA's service ----------------------------------------------------------------------- */

static void the_service_is_asked(void **state)
{
    NEEDS_SIMULATOR();
    for (int i = 0; i < 4; i++) {
        struct said s = attest(MODELS[i], with_nras());

        if (s.status != 0)
            fail_msg("%s", json_string(s.done, "message"));
        assert_string_equal(json_string(json_at(s.report, "gpu", NULL), "level"), "nras");
        assert_int_equal(json_bool(json_at(s.report, "gpu", NULL), "verified"), 1);
        said_free(&s);
    }
    assert_int_equal(asked(NRAS_PATH), 4);
    assert_int_equal(asked(JWKS_PATH), 1); /* it is kept */
}

static void each_nras_fault_is_refused(void **state)
{
    static const struct {
        const char *name, *reason;
    } rows[] = {
        { "nras_400", "nras_missing" },
        { "nras_404", "nras_missing" },
        { "nras_429", "nras_missing" },
        { "nras_503", "nras_missing" },
        { "nras_hang", "nras_missing" },
        { "nras_reset", "nras_missing" },
        { "nras_huge", "nras_missing" },
        { "nras_not_json", "nras_malformed" },
        { "nras_empty_list", "nras_malformed" },
        { "nras_result_false", "nras_result" },
        { "nras_result_missing", "nras_result" },
        { "nras_nonce", "nras_nonce" },
        { "nras_issuer", "nras_issuer" },
        { "nras_expired", "nras_expired" },
        { "nras_future", "nras_not_yet_valid" },
        { "nras_long", "nras_lifetime" },
        { "nras_submods", "nras_submods" },
        { "nras_gpu_nonce", "nras_gpu_nonce" },
        { "nras_gpu_ueid", "nras_ueid" },
        { "nras_gpu_measres", "nras_measres" },
        { "nras_gpu_secboot", "nras_secboot" },
        { "nras_gpu_debug", "nras_dbgstat" },
        { "nras_gpu_nonce_match", "nras_attestation_report_nonce_match" },
        { "nras_gpu_error", "nras_error" },
        { "nras_gpu_expired", "nras_expired" },
        { "nras_alg_none", "nras_token_malformed" },
        { "nras_alg_other", "nras_alg" },
        { "nras_kid_unknown", "nras_kid_unknown" },
        { "nras_kid_other", "nras_signature" },
        { "nras_stranger", "nras_signature" },
        { "nras_signature", "nras_signature" },
        { "nras_one_missing", "nras_gpu_set" },
        { "nras_one_more", "nras_gpu_set" },
        { "jwks_404", "nras_missing" },
        { "jwks_500", "nras_missing" },
        { "jwks_reset", "nras_missing" },
        { "jwks_huge", "nras_missing" },
        { "jwks_not_json", "jwks_malformed" },
        { "jwks_empty_list", "jwks_malformed" },
        { "jwks_expired", "jwks_expired" },
        { "jwks_future", "jwks_not_yet_valid" },
        { "jwks_stranger", "jwks_leaf_signature" },
        { "jwks_other_point", "jwks_leaf_key" },
        { "jwks_no_keys", "nras_kid_unknown" },
        { "jwks_no_chain", "jwks_chain_malformed" },
    };

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct said s;

        fault(rows[i].name, "");
        s = attest(MODELS[0], with_nras());
        if (strcmp(rows[i].reason, "nras_missing") != 0)
            assert_int_equal(json_bool(json_at(s.report, "gpu", NULL), "verified"), 0);
        expect_refusal(s, rows[i].reason, "nothing was sent: ");
    }
    /* Nothing that failed was kept. */
    simulator_reset();
    {
        struct said s = attest(MODELS[1], with_nras());

        assert_int_equal(s.status, 0);
        said_free(&s);
    }
    assert_int_equal(asked(JWKS_PATH), 1);
}

static void what_is_refused_is_not_shown_to_nvidia(void **state)
{
    NEEDS_SIMULATOR();
    fault("td_debug", "");
    expect_refusal(attest(MODELS[0], with_nras()), "td_debug", NULL);
    fault("gpu_signature", "");
    expect_refusal(attest(MODELS[0], with_nras()), "gpu_signature", NULL);
    assert_int_equal(asked(NRAS_PATH), 0);
    assert_int_equal(asked(JWKS_PATH), 0);
}

/* A token of an unknown key: the key set is asked for anew, at most once a minute. */
static void keys_are_asked_for_anew(void **state)
{
    static const struct {
        long long since;
        int asked;
    } rows[] = { { NRAS_KEYS_AGAIN_MS, 1 }, { NRAS_KEYS_AGAIN_MS - 1, 0 } };
    cJSON *payload;
    char *text;
    const struct http_config config = { .connect_seconds = 3, .idle_seconds = 5 };

    NEEDS_SIMULATOR();
    gpu_world_make();
    payload = gpu_payload(1);
    text = cJSON_PrintUnformatted(payload);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const long long now = 1000000000;
        struct nras_keys keys = { .fetched = now - 1000, .asked = now - rows[i].since };
        CURLM *multi = curl_multi_init();
        struct nras_fetch *n;
        struct failure f = { .status = 0 };
        const char *response, *jwks;
        size_t response_len, jwks_len;
        int running;

        simulator_reset();
        simulator_order("/_fault", "{\"name\":\"nras_kid_unknown\"}");
        keys.text = strdup("{\"keys\":[]}");
        keys.len = strlen(keys.text);
        snprintf(keys.service, sizeof keys.service, "%s", simulator_url());
        assert_int_equal(
            nras_fetch_start(&n, &f, multi, &config, simulator_url(), text, &keys, now), 0);
        for (int turn = 0; turn < 400 && !nras_fetch_over(n, now); turn++) {
            curl_multi_perform(multi, &running);
            http_collect(multi);
            curl_multi_poll(multi, NULL, 0, 20, NULL);
        }
        assert_true(nras_fetch_over(n, now));
        assert_int_equal(nras_fetch_result(n, &response, &response_len, &jwks, &jwks_len, &f), 0);
        assert_int_equal(strcmp(jwks, "{\"keys\":[]}") != 0, rows[i].asked);
        assert_int_equal(asked(JWKS_PATH), rows[i].asked);
        nras_fetch_stop(n);
        nras_keys_clear(&keys);
        curl_multi_cleanup(multi);
    }
    cJSON_free(text);
    cJSON_Delete(payload);
    gpu_world_free();
}

static void addresses_of_the_service(void **state)
{
    char more[256];
    static const char *const good[] = { "/", "/v3/attest/gpu", "/v3/attest/gpu/", "//" };
    static const char *const bad[] = { "http://example.invalid", "ftp://x", "https://x/?q", "x y" };

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct said s;

        snprintf(more, sizeof more, "\"nras\":\"%s%s\"", simulator_url(), good[i]);
        s = attest(MODELS[1], more);
        assert_int_equal(s.status, 0);
        said_free(&s);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(more, sizeof more, "\"nras\":\"%s\"", bad[i]);
        expect_refusal(attest(MODELS[1], more), "nras_missing", "verify.nras");
    }
}

/* ---- Signatures of answers ------------------------------------------------------------------ */

/* What an answer leaves behind for its check. */
struct answer {
    char id[128], address[64];
    cJSON *report;
};

static struct answer chat(const char *model)
{
    static const char prompt[] = "What does this loop do?";
    const venice_message m = { "user", prompt, sizeof prompt - 1, NULL };
    struct answer a = { .report = NULL };
    char options[1024];
    struct said s;
    uint32_t id;

    simulator_order("/_answer", "{\"text\":\"It counts.\",\"rate\":0}");
    snprintf(options, sizeof options, "{\"policy\":{\"dcap\":\"off\",\"gpu_root_ca\":\"%s\"}}",
             simulator_gpu_root());
    assert_int_equal(venice_chat(client, &id, model, &m, 1, options, strlen(options)), 0);
    s = hear(id);
    assert_int_equal(s.status, 0);
    snprintf(a.id, sizeof a.id, "%s", json_string(s.done, "id"));
    snprintf(a.address, sizeof a.address, "%s", json_string(s.report, "signing_address"));
    a.report = s.report;
    s.report = NULL;
    said_free(&s);
    return a;
}

static struct said ask(const struct answer *a, const char *model)
{
    cJSON *options = cJSON_CreateObject();
    const char *keyset = json_string(json_at(a->report, "aci", NULL), "keyset");
    char *text;
    uint32_t id;

    cJSON_AddStringToObject(options, "request_id", a->id);
    cJSON_AddStringToObject(options, "signing_address", a->address);
    cJSON_AddNumberToObject(options, "asked_at", (double)clock_unix() - 60);
    if (keyset)
        cJSON_AddStringToObject(options, "keyset", keyset);
    text = cJSON_PrintUnformatted(options);
    assert_int_equal(venice_receipt(client, &id, model, text, strlen(text)), 0);
    cJSON_free(text);
    cJSON_Delete(options);
    return hear(id);
}

static void answers_are_signed(void **state)
{
    NEEDS_SIMULATOR();
    for (int i = 0; i < 4; i++) {
        struct answer a = chat(MODELS[i]);
        struct said s = ask(&a, MODELS[i]);

        assert_int_equal(s.status, 0);
        if (json_bool(s.receipt, "verified") != 1)
            fail_msg("%s: %s", MODELS[i], json_string(s.receipt, "reason"));
        assert_string_equal(json_string(s.receipt, "signature"), "valid");
        assert_string_equal(json_string(s.receipt, "content_binding"), "not_checkable");
        assert_int_equal(json_bool(json_at(s.receipt, "receipt", NULL), "signed"), i >= 2 ? 1 : -1);
        said_free(&s);
        cJSON_Delete(a.report);
        reopen(); /* each has a budget of its own here */
    }
}

static void each_signature_fault_is_found(void **state)
{
    static const struct {
        const char *name, *reason;
    } rows[] = {
        { "signature_bit", "signature_signer" },
        { "signature_text", "signature_payload" },
        { "signature_text_form", "signature_text" },
        { "signature_short", "signature_malformed" },
        { "signature_v_low", NULL },
        { "signature_v_wrong", "signature_v" },
        { "signature_missing", "signature_malformed" },
        { "signature_address", "address_mismatch" },
        { "signature_address_missing", NULL }, /* the signer is recovered */
        { "signature_algo", "signing_algo" },
        { "signature_request_id", "request_id_mismatch" },
        { "signature_no_receipt", NULL },
        { "signature_other_key", "signature_signer" },
        { "signature_other_address", "signature_signer" },
        { "receipt_chat_id", "receipt_chat_id" },
        { "receipt_api_version", "receipt_version" },
        { "receipt_keyset", "receipt_keyset" },
        { "receipt_served_at", "receipt_time" },
        { "receipt_signature", "receipt_signature" },
    };

    NEEDS_SIMULATOR();
    for (int model = 2; model < 4; model++) {
        struct answer a = chat(MODELS[model]);

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct said s;
            const char *reason;
            char order[128];

            reopen(); /* with a budget of its own */
            snprintf(order, sizeof order, "{\"name\":\"%s\"}", rows[i].name);
            simulator_order("/_fault", order);
            s = ask(&a, MODELS[model]);
            reason = json_string(s.receipt, "reason");
            assert_int_equal(s.status, 0);
            if (!rows[i].reason ? reason != NULL : !reason || strcmp(reason, rows[i].reason) != 0)
                fail_msg("%s: %s", rows[i].name, reason ? reason : "verified");
            assert_int_equal(json_bool(s.receipt, "verified"), rows[i].reason == NULL);
            said_free(&s);
        }
        simulator_order("/_fault",
                        "{\"name\":\"signature_v_low\"}"); /* takes the last one's place */
        cJSON_Delete(a.report);
    }
}

static void a_signature_may_come_late(void **state)
{
    struct answer a;
    struct said s;

    NEEDS_SIMULATOR();
    a = chat(MODELS[0]);
    simulator_order("/_fault", "{\"name\":\"http_404\",\"at\":\"signature\",\"times\":3}");
    s = ask(&a, MODELS[0]);
    assert_int_equal(s.status, 0);
    assert_int_equal(json_bool(s.receipt, "verified"), 1);
    said_free(&s);
    assert_int_equal(asked(SIGNATURE_PATH), 4);
    reopen();
    simulator_order("/_fault", "{\"name\":\"http_404\",\"at\":\"signature\"}");
    s = ask(&a, MODELS[0]);
    assert_int_equal(s.status, VENICE_E_NOT_FOUND);
    assert_null(s.receipt);
    assert_non_null(strstr(json_string(s.done, "message"), "not checked"));
    said_free(&s);
    assert_int_equal(asked(SIGNATURE_PATH), 8);
    cJSON_Delete(a.report);
}

static void attestations_keep_their_budget(void **state)
{
    struct answer a;
    struct said s;
    int good = 0;

    NEEDS_SIMULATOR();
    a = chat(MODELS[0]);
    for (int i = 0; i < 12; i++) {
        s = ask(&a, MODELS[0]);
        if (s.status == 0) {
            good++;
        } else {
            assert_int_equal(s.status, VENICE_E_RATE_LIMITED);
            assert_null(s.receipt);
            assert_non_null(strstr(json_string(s.done, "message"), "not checked"));
        }
        said_free(&s);
    }
    assert_int_equal(good, BUDGET_A_MINUTE - BUDGET_FOR_ATTESTATION - 1);
    assert_int_equal(asked(SIGNATURE_PATH), good);
    /* Attestations are never held back here. */
    s = attest(MODELS[1], "");
    assert_int_equal(s.status, 0);
    said_free(&s);
    cJSON_Delete(a.report);
}

static void a_refusal_of_the_service_counts(void **state)
{
    struct answer a;
    struct said s;

    NEEDS_SIMULATOR();
    a = chat(MODELS[0]);
    simulator_order("/_fault", "{\"name\":\"http_429\",\"at\":\"signature\",\"times\":1}");
    s = ask(&a, MODELS[0]);
    assert_int_equal(s.status, VENICE_E_RATE_LIMITED);
    said_free(&s);
    s = ask(&a, MODELS[0]);
    assert_int_equal(s.status, VENICE_E_RATE_LIMITED);
    said_free(&s);
    assert_int_equal(asked(SIGNATURE_PATH), 1);
    cJSON_Delete(a.report);
}

static void the_budget_is_a_minute(void **state)
{
    struct budget b = { .next = 0 };

    (void)state;
    assert_true(budget_has_room(&b, 5));
    for (int i = 0; i < BUDGET_A_MINUTE - BUDGET_FOR_ATTESTATION; i++) {
        assert_true(budget_has_room(&b, 1000 + i));
        budget_note(&b, 1000 + i);
    }
    assert_false(budget_has_room(&b, 1010));
    assert_false(budget_has_room(&b, 1000 + BUDGET_WINDOW_MS - 1));
    assert_true(budget_has_room(&b, 1000 + BUDGET_WINDOW_MS));
    budget_exhaust(&b, 200000);
    assert_false(budget_has_room(&b, 200000 + BUDGET_WINDOW_MS - 1));
    assert_true(budget_has_room(&b, 200000 + BUDGET_WINDOW_MS));
}

static void bad_questions_end_in_done(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "{\"request_id\":\"x\"}",
        "{\"request_id\":\"x\",\"signing_address\":\"0x00\"}",
        "{\"request_id\":\"x\",\"signing_address\":\"0xa450f84f89ccfcdaa338ddfc12282d253d7948ec\","
        "\"now\":5}",
    };
    uint32_t id;

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct said s;

        assert_int_equal(venice_receipt(client, &id, MODELS[0], rows[i], strlen(rows[i])), 0);
        s = hear(id);
        assert_int_equal(s.status, VENICE_E_CONFIG);
        said_free(&s);
    }
    assert_int_equal(venice_receipt(client, &id, "no model", "{}", 2), 0);
    {
        struct said s = hear(id);

        assert_int_equal(s.status, VENICE_E_CONFIG);
        said_free(&s);
    }
    assert_int_equal(venice_receipt(NULL, &id, MODELS[0], "{}", 2), VENICE_E_ARG);
    assert_int_equal(venice_receipt(client, NULL, MODELS[0], "{}", 2), VENICE_E_ARG);
    assert_int_equal(venice_receipt(client, &id, NULL, "{}", 2), VENICE_E_ARG);
    assert_int_equal(venice_receipt(client, &id, MODELS[0], NULL, 2), VENICE_E_ARG);
    assert_int_equal(asked(SIGNATURE_PATH), 0);
}

static int start_group(void **state)
{
    (void)state;
    (void)simulator_start(); /* without it the cases skip */
    return 0;
}

static int stop_group(void **state)
{
    (void)state;
    simulator_stop();
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(gpus_are_judged),
        CASE(each_gpu_fault_is_refused),
        CASE(the_service_is_asked),
        CASE(each_nras_fault_is_refused),
        CASE(what_is_refused_is_not_shown_to_nvidia),
        CASE(keys_are_asked_for_anew),
        CASE(addresses_of_the_service),
        CASE(answers_are_signed),
        CASE(each_signature_fault_is_found),
        CASE(a_signature_may_come_late),
        CASE(attestations_keep_their_budget),
        CASE(a_refusal_of_the_service_counts),
        CASE(the_budget_is_a_minute),
        CASE(bad_questions_end_in_done),
    };

    return cmocka_run_group_tests_name("client_evidence", tests, start_group, stop_group);
}
