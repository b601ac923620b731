/* Starts tests/enclave and gives it orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/buffer.h"
#include "support_simulator.h"

extern char **environ;

static struct {
    pid_t pid;
    FILE *out;
    int in; /* it ends when this is closed */
    char url[128], root[512], gpu_root[512];
} sim;

static const char *python(void)
{
    return access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "python3";
}

static bool spawn_it(int in_fd, int out_fd)
{
    char *const argv[] = {
        (char *)python(), "tests/enclave", "--port", "0", "--stdin-guard", NULL
    };
    posix_spawn_file_actions_t files;
    bool ok;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in_fd, 0);
    posix_spawn_file_actions_adddup2(&files, out_fd, 1);
    ok = posix_spawnp(&sim.pid, argv[0], &files, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&files);
    return ok;
}

bool simulator_start(void)
{
    char line[1024];
    int in[2], out[2];

    if (sim.root[0])
        return true;
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        return false;
    sim.in = in[1];
    sim.out = fdopen(out[0], "r");
    if (!spawn_it(in[0], out[1]))
        return false;
    close(in[0]);
    close(out[1]);
    while ((!sim.root[0] || !sim.gpu_root[0]) && fgets(line, sizeof line, sim.out)) {
        (void)sscanf(line, "listening %127s", sim.url);
        (void)sscanf(line, "root %511s", sim.root);
        (void)sscanf(line, "gpu_root %511s", sim.gpu_root);
    }
    return sim.root[0] != 0;
}

void simulator_stop(void)
{
    if (sim.pid <= 0)
        return;
    close(sim.in);
    kill(sim.pid, SIGTERM);
    waitpid(sim.pid, NULL, 0);
    fclose(sim.out);
    sim.pid = 0;
}

const char *simulator_url(void)
{
    return sim.url;
}

const char *simulator_root(void)
{
    return sim.root;
}

const char *simulator_gpu_root(void)
{
    return sim.gpu_root;
}

static size_t keep(char *bytes, size_t size, size_t n, void *user)
{
    return buffer_append(user, bytes, size * n, SIZE_MAX / 2) == 0 ? size * n : 0;
}

static long talk(const char *path, const char *body, struct buffer *answer)
{
    char url[512];
    long status = 0;
    CURL *e = curl_easy_init();

    snprintf(url, sizeof url, "%s%s", sim.url, path);
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, answer);
    if (body)
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
    assert_int_equal(curl_easy_perform(e), CURLE_OK);
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(e);
    return status;
}

void simulator_order(const char *path, const char *json)
{
    struct buffer answer = { 0 };
    long status = talk(path, json, &answer);

    if (status != 200)
        print_error("%s %s: %ld %s\n", path, json, status, answer.data ? answer.data : "");
    buffer_free(&answer);
    assert_int_equal(status, 200);
}

void simulator_reset(void)
{
    simulator_order("/_reset", "{}");
}

cJSON *simulator_log(void)
{
    struct buffer answer = { 0 };
    cJSON *log;

    assert_int_equal(talk("/_log", NULL, &answer), 200);
    log = cJSON_ParseWithLength(answer.data, answer.len);
    buffer_free(&answer);
    assert_non_null(log);
    return log;
}

const cJSON *log_entry(const cJSON *log, const char *path, int n)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, log)
    {
        const char *at = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "path"));

        if (at && strncmp(at, path, strlen(path)) == 0 && n-- == 0)
            return entry;
    }
    return NULL;
}

int log_count(const cJSON *log, const char *path)
{
    int n = 0;

    while (log_entry(log, path, n))
        n++;
    return n;
}
