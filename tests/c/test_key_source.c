/* link: -Wl,--wrap=kill */
/* The API key: what a child that prints it sees, and every way in which it can fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/key_command.h"
#include "client/key_source.h"

static struct key_source *k;
static struct failure f;

/* How many signals were sent. */
static int kills;
int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);

int __wrap_kill(pid_t pid, int number)
{
    kills++;
    return __real_kill(pid, number);
}

static int set_up(void **state)
{
    (void)state;
    kills = 0;
    memset(&f, 0, sizeof f);
    setenv("VENICE_API_KEY", "from-the-environment", 1);
    return key_source_new(&k);
}

static int tear_down(void **state)
{
    (void)state;
    key_source_free(k);
    k = NULL;
    return 0;
}

/* Steps as the worker does until there is a result. */
static int run(void)
{
    int r;

    while ((r = key_source_step(k, &f)) == 0) {
        struct pollfd p = { .fd = key_source_fd(k), .events = POLLIN };

        (void)poll(&p, p.fd >= 0 ? 1 : 0, KEY_COMMAND_POLL_MS);
    }
    return r;
}

/* Runs a shell line as the key command. */
static int run_shell(const char *line)
{
    const char *const argv[] = { "/bin/sh", "-c", line };

    memset(&f, 0, sizeof f);
    assert_int_equal(key_source_command(k, argv, 3), 0);
    assert_int_equal(key_source_prepare(k), 0);
    return run();
}

static const char *state_word(void)
{
    const char *kind, *name, *word;

    key_source_describe(k, &kind, &name, &word);
    return word;
}

static void fails_with(int r, const char *part)
{
    assert_int_equal(r, VENICE_E_KEY_COMMAND);
    assert_int_equal(f.status, VENICE_E_KEY_COMMAND);
    if (!strstr(f.message, part))
        fail_msg("%s", f.message);
    assert_null(key_source_value(k));
    assert_string_equal(state_word(), "failed");
}

static void env_is_read(void **state)
{
    const char *kind, *name, *word;

    (void)state;
    setenv("MY_KEY", "abc-123 \n", 1);
    assert_int_equal(key_source_env(k, "MY_KEY"), 0);
    key_source_describe(k, &kind, &name, &word);
    assert_string_equal(kind, "env");
    assert_string_equal(name, "MY_KEY");
    assert_string_equal(word, "unread");
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), 1);
    assert_string_equal(key_source_value(k), "abc-123");
    assert_string_equal(state_word(), "set");
}

static void env_that_is_missing(void **state)
{
    (void)state;
    unsetenv("VENICE_API_KEY");
    assert_int_equal(key_source_env(k, "VENICE_API_KEY"), 0);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), VENICE_E_NO_KEY);
    assert_string_equal(f.message,
                        "no API key: the environment variable VENICE_API_KEY is not set");
    assert_string_equal(f.hint,
                        "export it before starting Neovim, or set api_key = { cmd = { … } }");
    assert_string_equal(state_word(), "missing");
    /* Set meanwhile: the next request finds it. */
    memset(&f, 0, sizeof f);
    setenv("VENICE_API_KEY", "late", 1);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), 1);
    assert_string_equal(key_source_value(k), "late");
}

static void env_that_is_no_key(void **state)
{
    static const char *const bad[] = { "", "  ", "a b", "a\nX-Evil: 1", "k\x01", "k\xc3\xa9y" };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memset(&f, 0, sizeof f);
        setenv("MY_KEY", bad[i], 1);
        assert_int_equal(key_source_env(k, "MY_KEY"), 0);
        assert_int_equal(key_source_prepare(k), 0);
        assert_int_equal(run(), VENICE_E_NO_KEY);
        assert_null(key_source_value(k));
    }
}

static void env_that_is_too_long(void **state)
{
    static char value[3 * KEY_MAX];

    (void)state;
    memset(value, 'k', sizeof value - 1);
    setenv("MY_KEY", value, 1);
    assert_int_equal(key_source_env(k, "MY_KEY"), 0);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), VENICE_E_NO_KEY);
    value[KEY_MAX] = 0; /* the longest that is taken */
    setenv("MY_KEY", value, 1);
    memset(&f, 0, sizeof f);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), 1);
    assert_int_equal(strlen(key_source_value(k)), KEY_MAX);
    unsetenv("MY_KEY");
}

static void a_refused_key_is_asked_for_anew(void **state)
{
    (void)state;
    assert_int_equal(key_source_env(k, "VENICE_API_KEY"), 0);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), 1);
    setenv("VENICE_API_KEY", "second", 1);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), 1); /* kept while it works */
    assert_string_equal(key_source_value(k), "from-the-environment");
    key_source_forget(k);
    assert_null(key_source_value(k));
    assert_int_equal(run(), VENICE_E_UNAUTHORIZED); /* a request that was under way */
    memset(&f, 0, sizeof f);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), 1);
    assert_string_equal(key_source_value(k), "second");
}

static void command_prints_the_key(void **state)
{
    (void)state;
    assert_int_equal(run_shell("printf 'key-1  \\r\\nuser: me\\nurl: x\\n'; exit 0"), 1);
    assert_string_equal(key_source_value(k), "key-1");
    assert_int_equal(run_shell("printf no-newline"), 1);
    assert_string_equal(key_source_value(k), "no-newline");
}

/* By its own search of PATH, without a shell: nothing in the arguments is interpreted. */
static void command_runs_without_a_shell(void **state)
{
    const char *const argv[] = { "echo", "$HOME`id`;*" };

    (void)state;
    assert_int_equal(key_source_command(k, argv, 2), 0);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), 1);
    assert_string_equal(key_source_value(k), "$HOME`id`;*");
}

static void command_environment_has_no_key(void **state)
{
    (void)state;
    setenv("MY_KEY", "also-secret", 1);
    setenv("MY_KEY_FILE", "kept", 1);
    assert_int_equal(key_source_env(k, "MY_KEY"), 0); /* an earlier configuration */
    assert_int_equal(run_shell("env | grep -c -e '^VENICE_API_KEY=' -e '^MY_KEY=' -e secret"
                               " -e from-the-environment | sed 's/^/found-/'"),
                     1);
    assert_string_equal(key_source_value(k), "found-0");
    assert_int_equal(run_shell("echo \"$MY_KEY_FILE$PATH\""), 1);
    assert_int_equal(strncmp(key_source_value(k), "kept/", 5), 0);
    unsetenv("MY_KEY");
}

/* The worker blocks every signal, and the editor may ignore some (NATIVE.md H15). */
static void *step_with_signals_blocked(void *line)
{
    sigset_t every;

    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, NULL);
    (void)run_shell(line);
    return NULL;
}

static void command_signals_are_fresh(void **state)
{
    pthread_t thread;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    assert_int_equal(pthread_create(&thread, NULL, step_with_signals_blocked,
                                    "sed -n 's/^Sig\\(Blk\\|Ign\\):.//p' /proc/self/status |"
                                    " tr -d '\\n'"),
                     0);
    pthread_join(thread, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    assert_non_null(key_source_value(k));
    /* 32 hex digits: blocked, ignored. glibc's posix_spawn itself ignores its two internal
     * signals. */
    assert_int_equal(strlen(key_source_value(k)), 32);
    assert_int_equal(strncmp(key_source_value(k), "0000000000000000", 16), 0);
    assert_int_equal(strtoull(key_source_value(k) + 16, NULL, 16) & 0x7fffffff, 0);
}

static void command_has_a_session_of_its_own(void **state)
{
    char mine[32];

    (void)state;
    snprintf(mine, sizeof mine, "%d", (int)getsid(0));
    /* pid, group and session are the same; stdin is at its end; no terminal. */
    assert_int_equal(run_shell("read -r line; set -- $(cut -d' ' -f1,5,6 /proc/$$/stat);"
                               " test \"$1\" = \"$2\" -a \"$2\" = \"$3\" && echo \"s$3\""),
                     1);
    assert_string_not_equal(key_source_value(k) + 1, mine);
}

static void command_inherits_no_descriptor(void **state)
{
    int leaked = dup2(0, 77); /* without close-on-exec, as another plugin might */

    (void)state;
    assert_int_equal(leaked, 77);
    assert_int_equal(run_shell("test -e /proc/$$/fd/77 && echo open || echo closed"), 1);
    close(leaked);
    assert_string_equal(key_source_value(k), "closed");
}

static void command_that_fails(void **state)
{
    (void)state;
    fails_with(run_shell("echo half-a-key; echo 'gpg: decryption\x1b failed' >&2; exit 3"),
               "exit status 3");
    assert_string_equal(f.hint, "gpg: decryption  failed ");
    fails_with(run_shell("kill -9 $$"), "signal 9");
    fails_with(run_shell("exit 0"), "printed nothing");
    assert_non_null(strstr(f.hint, "pinentry"));
    fails_with(run_shell("printf '\\nsecond line\\n'"), "printed nothing");
    fails_with(run_shell("echo two words"), "not a key");
    fails_with(run_shell("printf 'k\\033[31m\\n'"), "not a key");
}

static void command_that_is_not_there(void **state)
{
    const char *const argv[] = { "venice-no-such-program" };
    const char *const folder[] = { "/tmp" };

    (void)state;
    assert_int_equal(key_source_command(k, argv, 1), 0);
    assert_int_equal(key_source_prepare(k), 0);
    fails_with(run(), "venice-no-such-program was not found");
    memset(&f, 0, sizeof f);
    assert_int_equal(key_source_command(k, folder, 1), 0);
    assert_int_equal(key_source_prepare(k), 0);
    fails_with(run(), "may not be run");
}

static void command_that_says_too_much(void **state)
{
    (void)state;
    fails_with(run_shell("head -c 4097 /dev/zero | tr '\\0' k; echo"), "more than 4096 bytes");
    fails_with(run_shell("head -c 300000 /dev/zero | tr '\\0' k; echo"), "more than 4096 bytes");
    assert_int_equal(run_shell("head -c 4096 /dev/zero | tr '\\0' k; echo"), 1);
    assert_int_equal(strlen(key_source_value(k)), 4096);
    assert_int_equal(run_shell("echo key; head -c 500000 /dev/zero"), 1);
    assert_string_equal(key_source_value(k), "key");
    fails_with(run_shell("yes"), "does not stop");
    assert_int_equal(run_shell("head -c 1000000 /dev/zero >&2; echo key"), 1); /* stderr is read */
    assert_string_equal(key_source_value(k), "key");
}

/* Ended, whether its new parent has seen it or not. */
static bool is_gone(const char *pid)
{
    char path[64], text[256];

    snprintf(path, sizeof path, "/proc/%ld/stat", strtol(pid, NULL, 10));
    for (int i = 0; i < 100; i++) {
        FILE *file = fopen(path, "r");
        bool gone = !file || !fgets(text, sizeof text, file) || strstr(text, ") Z ");

        if (file)
            fclose(file);
        if (gone)
            return true;
        (void)poll(NULL, 0, 10);
    }
    return false;
}

static void command_that_hangs(void **state)
{
    char path[] = "/tmp/venice-key-XXXXXX", line[256], text[64] = "";
    int fd = mkstemp(path);
    long long began = clock_ms();

    (void)state;
    assert_true(fd >= 0);
    key_source_limit(k, 300);
    snprintf(line, sizeof line, "sleep 100 & echo $! > %s; echo key; wait", path);
    fails_with(run_shell(line), "took longer than");
    assert_in_range(clock_ms() - began, 250, 3000);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    assert_true(is_gone(text)); /* its child too */
    close(fd);
    unlink(path);
}

/* gpg-agent and its like may keep the pipe; the end of the command is what counts. */
static void command_whose_child_keeps_the_pipe(void **state)
{
    long long began = clock_ms();

    (void)state;
    assert_int_equal(run_shell("sleep 3 & echo key"), 1);
    assert_string_equal(key_source_value(k), "key");
    assert_true(clock_ms() - began < 2000);
}

static void stop_kills(void **state)
{
    const char *const argv[] = { "sleep", "100" };

    (void)state;
    assert_int_equal(key_source_command(k, argv, 2), 0);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(key_source_step(k, &f), 0);
    assert_true(key_source_fd(k) >= 0);
    key_source_stop(k);
    assert_int_equal(key_source_fd(k), -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left to be reaped */
}

/* A new source ends the command of the one before, and its key is not taken for the new one's. */
/* Where SIGCHLD is ignored, or a plugin waits for all children, ours is gone before we ask. */
static void a_child_that_somebody_else_reaped(void **state)
{
    long long began = clock_ms();

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(run_shell("echo sk-test"), 1);
    assert_string_equal(key_source_value(k), "sk-test");
    key_source_forget(k);
    fails_with(run_shell("exit 0"), "printed nothing");
    signal(SIGCHLD, SIG_DFL);
    assert_true(clock_ms() - began < 20000); /* not at the limit of 60 s */
    assert_int_equal(kills, 0);              /* the pids may be others' by now */
}

static void a_pid_is_not_signalled_after_its_end(void **state)
{
    const char *const argv[] = { "/bin/sh", "-c", "sleep 0.05" };
    struct pollfd none = { .fd = -1 };

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(key_source_command(k, argv, 3), 0);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(key_source_step(k, &f), 0);
    (void)poll(&none, 0, 1500); /* it is over, and nobody has looked */
    key_source_stop(k);
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(kills, 0);
}

/* Each step ends, and the limit holds. */
static void command_that_floods(void **state)
{
    static const char *const lines[] = { "exec yes x >&2", "yes x >&2 & exec yes x" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        long long began = clock_ms();

        key_source_limit(k, 300);
        fails_with(run_shell(lines[i]), i == 0 ? "took longer" : "");
        assert_true(clock_ms() - began < 15000);
        key_source_stop(k);
        key_source_forget(k);
    }
}

/* PATH is that of the moment in which the key was asked for. */
static void a_program_is_found_once(void **state)
{
    char dir[] = "/tmp/venice-key-XXXXXX", file[64], path[128], here[4096], before[4096];
    const char *const argv[] = { "venice-test-key" };
    int fd;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_non_null(getcwd(here, sizeof here));
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    snprintf(file, sizeof file, "%s/%s", dir, argv[0]);
    fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "#!/bin/sh\necho sk-found\n", 24), 24);
    close(fd);
    for (int relative = 0; relative < 2; relative++) {
        snprintf(path, sizeof path, "/nonexistent:%s:/usr/bin:/bin", relative ? "" : dir);
        setenv("PATH", path, 1);
        assert_int_equal(relative ? chdir(dir) : 0, 0);
        assert_int_equal(key_source_command(k, argv, 1), 0);
        chmod(file, 0600);
        assert_int_equal(key_source_prepare(k), 0);
        memset(&f, 0, sizeof f);
        fails_with(run(), "the key command venice-test-key may not be run");
        chmod(file, 0700);
        assert_int_equal(key_source_prepare(k), 0);
        setenv("PATH", "/usr/bin:/bin", 1);
        assert_int_equal(chdir(here), 0);
        memset(&f, 0, sizeof f);
        if (run() != 1)
            fail_msg("%s", f.message);
        assert_string_equal(key_source_value(k), "sk-found");
        key_source_forget(k);
    }
    assert_int_equal(key_source_prepare(k), 0);
    memset(&f, 0, sizeof f);
    fails_with(run(), "the key command venice-test-key was not found");
    setenv("PATH", before, 1);
    unlink(file);
    rmdir(dir);
}

static void another_source_replaces_the_first(void **state)
{
    const char *const argv[] = { "sleep", "100" };

    (void)state;
    assert_int_equal(key_source_command(k, argv, 2), 0);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(key_source_step(k, &f), 0);
    assert_int_equal(key_source_env(k, "VENICE_API_KEY"), 0);
    assert_int_equal(key_source_prepare(k), 0);
    assert_int_equal(run(), 1);
    assert_string_equal(key_source_value(k), "from-the-environment");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void bad_arguments(void **state)
{
    const char *const empty[] = { "" };
    const char *const hole[] = { "echo", NULL };

    (void)state;
    assert_int_equal(key_source_env(k, ""), VENICE_E_CONFIG);
    assert_int_equal(key_source_env(k, "A=B"), VENICE_E_CONFIG);
    assert_int_equal(key_source_command(k, empty, 1), VENICE_E_CONFIG);
    assert_int_equal(key_source_command(k, hole, 2), VENICE_E_CONFIG);
    assert_int_equal(key_source_command(k, hole, 0), VENICE_E_CONFIG);
    assert_int_equal(run(), VENICE_E_NO_KEY);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(env_is_read),
        CASE(env_that_is_missing),
        CASE(env_that_is_no_key),
        CASE(env_that_is_too_long),
        CASE(a_refused_key_is_asked_for_anew),
        CASE(command_prints_the_key),
        CASE(command_runs_without_a_shell),
        CASE(command_environment_has_no_key),
        CASE(command_signals_are_fresh),
        CASE(command_has_a_session_of_its_own),
        CASE(command_inherits_no_descriptor),
        CASE(command_that_fails),
        CASE(command_that_is_not_there),
        CASE(command_that_says_too_much),
        CASE(command_that_hangs),
        CASE(command_whose_child_keeps_the_pipe),
        CASE(stop_kills),
        CASE(a_child_that_somebody_else_reaped),
        CASE(a_pid_is_not_signalled_after_its_end),
        CASE(command_that_floods),
        CASE(a_program_is_found_once),
        CASE(another_source_replaces_the_first),
        CASE(bad_arguments),
    };

    return cmocka_run_group_tests_name("key_source", tests, NULL, NULL);
}
