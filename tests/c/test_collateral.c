/* Intel's collateral: how the four answers are put together, fetched, and kept on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attest/tdx/collateral.h"
#include "attest/tdx/dcap.h"
#include "base/secret.h"
#include "client/clock.h"
#include "client/collateral_cache.h"
#include "client/collateral_fetch.h"
#include "support_simulator.h"

#define FMSPC "51A1C0DE0001"

/* ---- Where it is asked for ------------------------------------------------------------------- */

static void url_is(enum collateral_part part, const char *service, const char *ca,
                   const char *expected)
{
    char url[256];

    assert_int_equal(collateral_part_url(url, sizeof url, part, service, FMSPC, ca), 0);
    assert_string_equal(url, expected);
}

static void intel_has_the_root_crl_elsewhere(void **state)
{
    static const char ROOT[] = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";

    (void)state;
    url_is(COLLATERAL_TCB_INFO, COLLATERAL_INTEL_URL, "platform",
           "https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=51A1C0DE0001");
    url_is(COLLATERAL_QE_IDENTITY, COLLATERAL_INTEL_URL, "platform",
           "https://api.trustedservices.intel.com/tdx/certification/v4/qe/identity");
    url_is(COLLATERAL_PCK_CRL, COLLATERAL_INTEL_URL, "processor",
           "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?encoding=der&ca="
           "processor");
    url_is(COLLATERAL_ROOT_CRL, COLLATERAL_INTEL_URL, "platform", ROOT);
    url_is(COLLATERAL_ROOT_CRL, "HTTPS://API.trustedservices.intel.com", "platform", ROOT);
    url_is(COLLATERAL_ROOT_CRL, "https://localhost:8081/x", "platform",
           "https://localhost:8081/x/sgx/certification/v4/rootcacrl");
}

static void a_url_that_does_not_fit(void **state)
{
    char url[40];

    (void)state;
    assert_int_equal(
        collateral_part_url(url, sizeof url, COLLATERAL_TCB_INFO, "https://x", FMSPC, "platform"),
        VENICE_E_LIMIT);
}

/* ---- Putting together ------------------------------------------------------------------------ */

static const char TCB_BODY[] = "{\"tcbInfo\":{ \"a\" : [1.0,\"\\u00e4\"] },\"signature\":\"aB\"}";
static const char QE_BODY[] = "{\"signature\":\"cd\",\"enclaveIdentity\":{\"b\":2}}\n";

static struct collateral_answer answer(const char *body, size_t len, const char *chain)
{
    return (struct collateral_answer){ .body = body, .len = len, .chain = chain };
}

static void good_answers(struct collateral_answer a[COLLATERAL_PARTS])
{
    a[COLLATERAL_TCB_INFO] = answer(TCB_BODY, strlen(TCB_BODY), "one%0Atwo%2B%2b+x%20%");
    a[COLLATERAL_QE_IDENTITY] = answer(QE_BODY, strlen(QE_BODY), "chain");
    a[COLLATERAL_PCK_CRL] = answer("\x30\x03\x02\x01\xff", 5, NULL);
    a[COLLATERAL_ROOT_CRL] = answer("3003020101\r\n", 12, NULL);
}

static cJSON *assembled(const struct collateral_answer a[COLLATERAL_PARTS])
{
    enum collateral_part bad;
    char *json;
    size_t len;
    cJSON *root;

    assert_int_equal(collateral_assemble(&json, &len, &bad, a), 0);
    assert_int_equal(strlen(json), len);
    root = cJSON_ParseWithLength(json, len);
    wiping_free(json);
    assert_non_null(root);
    return root;
}

static void member_is(const cJSON *root, const char *name, const char *expected)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));

    assert_non_null(text);
    assert_string_equal(text, expected);
}

/* What is signed is kept byte by byte: blanks, 1.0 and the escape among them. */
static void the_four_answers_become_one(void **state)
{
    struct collateral_answer a[COLLATERAL_PARTS];
    cJSON *root;

    (void)state;
    good_answers(a);
    root = assembled(a);
    member_is(root, "tcb_info", "{ \"a\" : [1.0,\"\\u00e4\"] }");
    member_is(root, "tcb_info_signature", "aB");
    member_is(root, "tcb_info_issuer_chain", "one\ntwo+++x %");
    member_is(root, "qe_identity", "{\"b\":2}");
    member_is(root, "qe_identity_signature", "cd");
    member_is(root, "qe_identity_issuer_chain", "chain");
    member_is(root, "pck_crl", "30030201ff");
    member_is(root, "pck_crl_issuer_chain", "");
    member_is(root, "root_ca_crl", "3003020101");
    cJSON_Delete(root);
}

/* Bad escapes stand for themselves; %00 would end the text, so it does too. */
static void chains_are_decoded(void **state)
{
    static const struct {
        const char *header, *text;
    } rows[] = {
        { "", "" },         { "%", "%" },     { "%4", "%4" },
        { "%4g", "%4g" },   { "%41%", "A%" }, { "%00", "%00" },
        { "%2525", "%25" }, { "a+b", "a+b" }, { "%C3%a4", "\u00e4" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct collateral_answer a[COLLATERAL_PARTS];
        cJSON *root;

        good_answers(a);
        a[COLLATERAL_QE_IDENTITY].chain = rows[i].header;
        root = assembled(a);
        member_is(root, "qe_identity_issuer_chain", rows[i].text);
        cJSON_Delete(root);
    }
}

static void answers_that_cannot_be_read(void **state)
{
    static const struct {
        enum collateral_part part;
        const char *body;
        size_t len; /* 0: of the text */
        const char *chain;
    } rows[] = {
        { COLLATERAL_TCB_INFO, "", 0, "c" },
        { COLLATERAL_TCB_INFO, "garbage", 0, "c" },
        { COLLATERAL_TCB_INFO, "[]", 0, "c" },
        { COLLATERAL_TCB_INFO, "{\"tcbInfo\":{},\"signature\":\"aB\"", 0, "c" },
        { COLLATERAL_TCB_INFO, "{\"tcbInfo\":{},\"signature\":\"aB\"}x", 0, "c" },
        { COLLATERAL_TCB_INFO, "{\"tcbInfo\":{}}", 0, "c" },
        { COLLATERAL_TCB_INFO, "{\"tcbInfo\":{},\"signature\":1}", 0, "c" },
        { COLLATERAL_TCB_INFO, "{\"tcbinfo\":{},\"signature\":\"aB\"}", 0, "c" },
        { COLLATERAL_TCB_INFO, "{\"tcbInfo\":{},\"signature\":\"aB\"}", 0, NULL },
        { COLLATERAL_TCB_INFO, "{\"tcbInfo\":{},\"signature\":\"aB\\u0000\"}", 0, "c" },
        { COLLATERAL_TCB_INFO, "{\"tcbInfo\":{},\"signature\":\"a\"}\0", 31, "c" },
        { COLLATERAL_QE_IDENTITY, "{\"tcbInfo\":{},\"signature\":\"aB\"}", 0, "c" },
        { COLLATERAL_QE_IDENTITY, "{\"enclaveIdentity\":{},\"signature\":\"\"}", 0, NULL },
        { COLLATERAL_PCK_CRL, "", 0, NULL },
        { COLLATERAL_PCK_CRL, "garbage", 0, NULL },
        { COLLATERAL_PCK_CRL, "\r\n", 0, NULL },
        { COLLATERAL_PCK_CRL, "-----BEGIN X509 CRL-----", 0, NULL },
        { COLLATERAL_ROOT_CRL, "300", 0, NULL },
        { COLLATERAL_ROOT_CRL,
          "3\0"
          "0g",
          4, NULL },
        { COLLATERAL_ROOT_CRL, "\xff\xfe", 0, NULL },
        { COLLATERAL_ROOT_CRL, "<html>", 0, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct collateral_answer a[COLLATERAL_PARTS];
        enum collateral_part bad;
        char *json;
        size_t len = rows[i].len ? rows[i].len : strlen(rows[i].body);

        good_answers(a);
        a[rows[i].part] = answer(rows[i].body, len, rows[i].chain);
        if (collateral_assemble(&json, &len, &bad, a) != VENICE_E_MALFORMED || bad != rows[i].part)
            fail_msg("taken: row %zu, %s", i, rows[i].body);
        assert_null(json);
    }
}

/* A member twice is for dcap_verify to refuse, with its own word. */
static void a_member_twice_is_passed_on(void **state)
{
    static const char body[] = "{\"tcbInfo\":{\"a\":1,\"a\":2},\"signature\":\"aB\"}";
    struct collateral_answer a[COLLATERAL_PARTS];
    cJSON *root;

    (void)state;
    good_answers(a);
    a[COLLATERAL_TCB_INFO].body = body;
    a[COLLATERAL_TCB_INFO].len = strlen(body);
    root = assembled(a);
    member_is(root, "tcb_info", "{\"a\":1,\"a\":2}");
    cJSON_Delete(root);
}

/* ---- Fetching -------------------------------------------------------------------------------- */

static CURLM *multi;
static char *good; /* the simulator's collateral, NULL where it does not run */
static size_t good_len;

static int fetch_from(const char *service, const char *fmspc, const char *ca, char **json,
                      size_t *len, struct failure *f)
{
    const struct http_config config = { .connect_seconds = 2, .idle_seconds = 1 };
    struct collateral_fetch *c;
    long long end = clock_ms() + 20000;
    int running, r = collateral_fetch_start(&c, f, multi, &config, service, fmspc, ca);

    *json = NULL;
    *len = 0;
    if (r != 0)
        return r;
    while (!collateral_fetch_over(c)) {
        assert_true(clock_ms() < end);
        curl_multi_perform(multi, &running);
        http_collect(multi);
        collateral_fetch_expire(c, clock_ms());
        if (!collateral_fetch_over(c))
            curl_multi_poll(multi, NULL, 0, 20, NULL);
    }
    r = collateral_fetch_result(c, json, len, f);
    collateral_fetch_stop(c);
    return r;
}

static void needs_simulator(void)
{
    if (!good)
        skip();
    simulator_reset();
}

static void four_requests_and_no_more(void **state)
{
    static const char *const paths[] = { "/tdx/certification/v4/tcb",
                                         "/tdx/certification/v4/qe/identity",
                                         "/sgx/certification/v4/pckcrl",
                                         "/sgx/certification/v4/rootcacrl" };
    struct collateral c;
    char *json;
    size_t len;
    cJSON *log;

    (void)state;
    needs_simulator();
    assert_int_equal(fetch_from(simulator_url(), FMSPC, "processor", &json, &len, NULL), 0);
    assert_int_equal(collateral_read(&c, json, len), 0);
    assert_non_null(strstr(c.tcb_info_issuer_chain, "-----BEGIN CERTIFICATE-----\n"));
    collateral_clear(&c);
    wiping_free(json);
    log = simulator_log();
    assert_int_equal(cJSON_GetArraySize(log), 4);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(log_count(log, paths[i]), 1);
    cJSON_Delete(log);
}

static void fails_as(const char *service, const char *fmspc, int status, const char *words)
{
    struct failure f = { 0 };
    char *json;
    size_t len;
    int r = fetch_from(service, fmspc, "platform", &json, &len, &f);

    if (r != status || !strstr(f.message, words) ||
        !strstr(strstr(f.message, "verify.") ? f.message : f.hint, "verify.collateral_url"))
        fail_msg("%d: %s / %s", r, f.message, f.hint);
    assert_null(json);
}

static void fault(const char *name)
{
    char order[128];

    simulator_reset();
    snprintf(order, sizeof order, "{\"name\":\"%s\"}", name);
    simulator_order("/_fault", order);
}

/* Each names the host, what is missing, and the option. */
static void failures_are_named(void **state)
{
    static const struct {
        const char *fault;
        int status;
        const char *words;
    } rows[] = {
        { "tcb_404", VENICE_E_NOT_FOUND,
          " does not have the TCB info of this platform (HTTP 404)" },
        { "tcb_400", VENICE_E_SERVER, " gave no TCB info (HTTP 400)" },
        { "qe_503", VENICE_E_SERVER, " gave no QE identity (HTTP 503)" },
        { "pckcrl_429", VENICE_E_SERVER, " gave no PCK CRL (HTTP 429)" },
        { "rootcrl_500", VENICE_E_SERVER, " gave no root CRL (HTTP 500)" },
        { "rootcrl_reset", VENICE_E_CONNECT, "127.0.0.1:" },
        { "tcb_hang", VENICE_E_TIMEOUT, " sent nothing for 1 s" },
        { "qe_huge", VENICE_E_LIMIT, " is larger than 262144 bytes" },
        { "qe_truncated", VENICE_E_MALFORMED, " answered with a QE identity that cannot be read" },
        { "tcb_no_chain", VENICE_E_MALFORMED, " answered with a TCB info that cannot be read" },
        { "pckcrl_garbage", VENICE_E_MALFORMED, " answered with a PCK CRL that cannot be read" },
        { "rootcrl_empty", VENICE_E_MALFORMED, " answered with a root CRL that cannot be read" },
    };
    const char *host;

    (void)state;
    needs_simulator();
    host = strstr(simulator_url(), "://") + 3;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fault(rows[i].fault);
        fails_as(simulator_url(), FMSPC, rows[i].status, rows[i].words);
        fails_as(simulator_url(), FMSPC, rows[i].status, host);
    }
    simulator_reset();
    fails_as(simulator_url(), "00906ED50000", VENICE_E_NOT_FOUND, "TCB info");
}

static void addresses_that_are_refused(void **state)
{
    char url[4096] = "https://localhost/";

    (void)state;
    fails_as("", FMSPC, VENICE_E_CONFIG, "verify.collateral_url");
    fails_as("http://example.org", FMSPC, VENICE_E_CONFIG, "verify.collateral_url");
    fails_as("https://localhost/?a=b", FMSPC, VENICE_E_CONFIG, "query");
    memset(url + strlen(url), 'a', 3000);
    fails_as(url, FMSPC, VENICE_E_CONFIG, "too long");
}

static void nobody_there(void **state)
{
    (void)state;
    fails_as("http://127.0.0.1:1", FMSPC, VENICE_E_CONNECT, "127.0.0.1:1");
}

static void stopping_takes_no_time(void **state)
{
    const struct http_config config = { .connect_seconds = 9, .idle_seconds = 9 };
    struct collateral_fetch *c;
    long long begin;
    int running;

    (void)state;
    needs_simulator();
    fault("qe_hang");
    assert_int_equal(
        collateral_fetch_start(&c, NULL, multi, &config, simulator_url(), FMSPC, "platform"), 0);
    begin = clock_ms();
    while (clock_ms() < begin + 100) {
        curl_multi_perform(multi, &running);
        curl_multi_poll(multi, NULL, 0, 10, NULL);
    }
    http_collect(multi);
    assert_false(collateral_fetch_over(c));
    assert_true(collateral_fetch_due(c) > clock_ms());
    begin = clock_ms();
    collateral_fetch_stop(c);
    assert_true(clock_ms() - begin < 250);
    collateral_fetch_stop(NULL);
    assert_true(collateral_fetch_due(NULL) == LLONG_MAX);
    simulator_reset();
}

/* ---- The cache ------------------------------------------------------------------------------- */

static char top[PATH_MAX - 64], parent[PATH_MAX - 32], folder[PATH_MAX];

static struct collateral_key a_key(void)
{
    return (struct collateral_key){
        .dir = folder, .url = "https://one.example", .fmspc = FMSPC, .ca = "platform"
    };
}

static int make_folder(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    snprintf(top, sizeof top, "%s/venice-cache-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(top))
        return -1;
    snprintf(parent, sizeof parent, "%s/a", top);
    snprintf(folder, sizeof folder, "%s/b", parent);
    return 0;
}

static int remove_folder(void **state)
{
    char command[2 * PATH_MAX + 32];

    (void)state;
    snprintf(command, sizeof command, "chmod -R u+rwx '%s' && rm -rf '%s'", top, top);
    return system(command) == 0 ? 0 : -1;
}

static bool reads_as(const struct collateral_key *key, int64_t now, const char *text, size_t n)
{
    char *json;
    size_t len;
    bool same;

    collateral_cache_read(&json, &len, key, now);
    same = json ? text && len == n && memcmp(json, text, n) == 0 : !text;
    wiping_free(json);
    return same;
}

static bool is_there(const struct collateral_key *key)
{
    return reads_as(key, clock_unix(), good, good_len);
}

static bool is_missing(const struct collateral_key *key)
{
    return reads_as(key, clock_unix(), NULL, 0);
}

/* The one file of the folder; the folder holds nothing else. */
static void file_of(char path[PATH_MAX])
{
    DIR *dir = opendir(folder);
    int found = 0;

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        found++;
        assert_true(snprintf(path, PATH_MAX, "%s/%s", folder, entry->d_name) < PATH_MAX);
    }
    closedir(dir);
    assert_int_equal(found, 1);
}

static void overwrite(const char *path, const char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static void keeps_what_was_written(void **state)
{
    struct collateral_key key = a_key();
    char path[PATH_MAX];
    struct stat st;
    mode_t old;

    (void)state;
    needs_simulator();
    assert_true(is_missing(&key));
    old = umask(0);
    collateral_cache_write(&key, good, good_len);
    umask(old);
    assert_true(is_there(&key));
    file_of(path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(parent, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(unlink(path), 0);
    assert_true(is_missing(&key));
}

static void tells_platforms_and_services_apart(void **state)
{
    struct collateral_key key = a_key(), other;

    (void)state;
    needs_simulator();
    collateral_cache_write(&key, good, good_len);
    other = key, other.url = "https://two.example";
    assert_true(is_missing(&other));
    other = key, other.ca = "processor";
    assert_true(is_missing(&other));
    other = key, other.fmspc = "00906ED50000";
    assert_true(is_missing(&other));
    other = key, other.fmspc = "51a1c0de0001";
    assert_true(is_there(&other));
}

/* What a quote says names no file before it was looked at. */
static void names_that_are_none(void **state)
{
    static const char *const fmspcs[] = {
        "", "../../../etc", "51A1C0DE000", "51A1C0DE00012", "51A1C0DE000g", "51A1C0DE/001"
    };
    struct collateral_key key = a_key();

    (void)state;
    needs_simulator();
    for (size_t i = 0; i < sizeof fmspcs / sizeof *fmspcs; i++) {
        key.fmspc = fmspcs[i];
        collateral_cache_write(&key, good, good_len);
        assert_true(is_missing(&key));
    }
    key = a_key(), key.ca = "../platform";
    collateral_cache_write(&key, good, good_len);
    assert_true(is_missing(&key));
    key = a_key(), key.dir = NULL;
    collateral_cache_write(&key, good, good_len);
    assert_true(is_missing(&key));
    assert_int_not_equal(access(folder, F_OK), 0);
}

static void is_over_at_its_date(void **state)
{
    struct collateral_key key = a_key();
    int64_t ends;

    (void)state;
    needs_simulator();
    assert_int_equal(dcap_collateral_expiry(&ends, good, good_len), 0);
    assert_true(ends > clock_unix());
    collateral_cache_write(&key, good, good_len);
    assert_true(reads_as(&key, ends, good, good_len));
    assert_true(reads_as(&key, ends + 1, NULL, 0));
}

static void damage_is_seen(void **state)
{
    struct collateral_key key = a_key();
    char path[PATH_MAX], *copy;

    (void)state;
    needs_simulator();
    copy = strdup(good);
    assert_non_null(copy);
    collateral_cache_write(&key, good, good_len);
    file_of(path);
    for (size_t n = 0; n < good_len; n += 97) {
        overwrite(path, good, n);
        if (!is_missing(&key))
            fail_msg("%zu of %zu bytes are taken", n, good_len);
    }
    overwrite(path, "garbage", 7);
    assert_true(is_missing(&key));
    memset(strstr(copy, "\\\"fmspc\\\":\\\"") + 13, '9', 12);
    overwrite(path, copy, good_len);
    assert_true(is_missing(&key));
    free(copy);
    collateral_cache_write(&key, good, good_len);
    assert_true(is_there(&key));
}

static void too_much_is_not_kept(void **state)
{
    struct collateral_key key = a_key();
    char path[PATH_MAX], *much;

    (void)state;
    needs_simulator();
    much = calloc(1, COLLATERAL_MAX + 2);
    assert_non_null(much);
    memset(much, ' ', COLLATERAL_MAX + 1);
    memcpy(much, good, good_len);
    collateral_cache_write(&key, much, COLLATERAL_MAX + 1);
    assert_int_not_equal(access(folder, F_OK), 0);
    collateral_cache_write(&key, much, COLLATERAL_MAX);
    assert_true(reads_as(&key, clock_unix(), much, COLLATERAL_MAX));
    file_of(path);
    overwrite(path, much, COLLATERAL_MAX + 1);
    assert_true(is_missing(&key));
    free(much);
}

/* A link is not followed, neither to read nor to write; what stands in the way is left alone. */
static void what_is_no_file(void **state)
{
    struct collateral_key key = a_key();
    char path[PATH_MAX], target[PATH_MAX + 8];
    struct stat st;

    (void)state;
    needs_simulator();
    collateral_cache_write(&key, good, good_len);
    file_of(path);
    snprintf(target, sizeof target, "%s.target", folder);
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_true(is_missing(&key));
    overwrite(target, "mine", 4);
    collateral_cache_write(&key, good, good_len);
    assert_true(is_there(&key));
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(stat(target, &st), 0);
    assert_int_equal(st.st_size, 4);

    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_true(is_missing(&key));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(is_missing(&key));
    collateral_cache_write(&key, good, good_len);
    assert_true(is_missing(&key));
    file_of(path); /* nothing is left beside it */
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
}

static void a_folder_that_cannot_be(void **state)
{
    struct collateral_key key = a_key();

    (void)state;
    needs_simulator();
    overwrite(parent, "a file", 6);
    collateral_cache_write(&key, good, good_len);
    assert_true(is_missing(&key));
    assert_int_equal(unlink(parent), 0);
    assert_int_equal(mkdir(parent, 0500), 0);
    if (geteuid() != 0) { /* root may write everywhere */
        collateral_cache_write(&key, good, good_len);
        assert_true(is_missing(&key));
    }
    key.dir = "/proc/nothing/here";
    collateral_cache_write(&key, good, good_len);
    assert_true(is_missing(&key));
    key.dir = "";
    collateral_cache_write(&key, good, good_len);
    assert_true(is_missing(&key));
}

/* ---- All of it ------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    if (http_setup() != 0)
        return -1;
    multi = curl_multi_init();
    if (!multi)
        return -1;
    if (simulator_start())
        return fetch_from(simulator_url(), FMSPC, "platform", &good, &good_len, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wiping_free(good);
    curl_multi_cleanup(multi);
    simulator_stop();
    return 0;
}

#define CACHE(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intel_has_the_root_crl_elsewhere),
        cmocka_unit_test(a_url_that_does_not_fit),
        cmocka_unit_test(the_four_answers_become_one),
        cmocka_unit_test(chains_are_decoded),
        cmocka_unit_test(answers_that_cannot_be_read),
        cmocka_unit_test(a_member_twice_is_passed_on),
        cmocka_unit_test(four_requests_and_no_more),
        cmocka_unit_test(failures_are_named),
        cmocka_unit_test(addresses_that_are_refused),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(stopping_takes_no_time),
        CACHE(keeps_what_was_written),
        CACHE(tells_platforms_and_services_apart),
        CACHE(names_that_are_none),
        CACHE(is_over_at_its_date),
        CACHE(damage_is_seen),
        CACHE(too_much_is_not_kept),
        CACHE(what_is_no_file),
        CACHE(a_folder_that_cannot_be),
    };

    return cmocka_run_group_tests_name("collateral", tests, set_up, tear_down);
}
