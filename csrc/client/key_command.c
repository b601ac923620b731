/* A child that prints the key. Its output goes from the pipe straight into locked memory. */
#include "client/key_command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "client/clock.h"
#include "client/key_source.h"

/* Two steps: where the macro is not defined, its arguments could not be parsed. */
#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 34)
#define CAN_CLOSE_FROM 1
#endif
#endif

enum {
    STDERR_MAX = 160,     /* kept for the hint */
    STEP_MAX = 64 * 1024, /* read from each pipe at once: what a pipe holds, and far over KEY_MAX */
    OUTPUT_MAX = 1024 * 1024, /* a password store prints more lines than the first */
    LAST_STDERR_FD = 2
};

static const char UNLOCK_HINT[] =
    "run it in a shell; unlock gpg-agent first, or use a graphical pinentry";

struct key_command {
    const char *name; /* for messages; points into the caller's argv */
    pid_t pid;        /* 0: was reaped */
    int wait_status;
    int out_fd, err_fd;
    long long began, limit_ms;
    char *line; /* locked memory, KEY_MAX + 1 bytes */
    size_t len, total;
    bool line_over;
    char err[STDERR_MAX + 1];
    size_t err_len;
};

/* ---- Starting ----------------------------------------------------------------------------- */

static int open_pipe(int *read_end, int *write_end)
{
    int fds[2];

#ifdef __APPLE__
    if (pipe(fds) != 0)
        return -1;
    (void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
#else
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
#endif
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    *read_end = fds[0];
    *write_end = fds[1];
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The worker blocks every signal, and an editor may ignore some; the child starts like from a shell
 * (H15). A session of its own keeps it away from the editor's terminal and makes it killable with
 * everything that it starts. */
static int set_attributes(posix_spawnattr_t *a)
{
    sigset_t none, every;
    int r = posix_spawnattr_setflags(a, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETSIGDEF);

    sigemptyset(&none);
    sigfillset(&every);
    sigdelset(&every, SIGKILL);
    sigdelset(&every, SIGSTOP);
    if (r == 0)
        r = posix_spawnattr_setsigmask(a, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(a, &every);
    return r;
}

static int set_files(posix_spawn_file_actions_t *a, int out_fd, int err_fd)
{
    int r = posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDONLY, 0);

    if (r == 0)
        r = posix_spawn_file_actions_adddup2(a, out_fd, 1);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(a, err_fd, 2);
#ifdef CAN_CLOSE_FROM
    /* Ours are close-on-exec; this is for what other plugins left open. */
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(a, LAST_STDERR_FD + 1);
#endif
    return r;
}

static int spawn(struct key_command *c, const struct key_program *p, int out_fd, int err_fd)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    int r = posix_spawnattr_init(&attr);

    if (r != 0)
        return r;
    r = posix_spawn_file_actions_init(&files);
    if (r == 0) {
        r = set_attributes(&attr);
        if (r == 0)
            r = set_files(&files, out_fd, err_fd);
        if (r == 0)
            r = posix_spawn(&c->pid, p->path, &files, &attr, p->argv, p->env);
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attr);
    if (r != 0)
        c->pid = 0;
    return r;
}

static int not_started(struct failure *f, const char *name, int error)
{
    static const char HINT[] = "api_key = { cmd = { ... } } must name a program and its arguments";

    if (error == ENOENT)
        return failure_set(f, VENICE_E_KEY_COMMAND, HINT, "the key command %s was not found", name);
    if (error == EACCES)
        return failure_set(f, VENICE_E_KEY_COMMAND, HINT, "the key command %s may not be run",
                           name);
    return failure_set(f, VENICE_E_KEY_COMMAND, HINT,
                       "the key command %s could not be started (error %d)", name, error);
}

/* ---- Finding the program ------------------------------------------------------------------ */

/* "folder/name" as an absolute path; NULL: no memory. An empty folder is the working folder. */
static char *join(const char *folder, size_t n, const char *name)
{
    char here[PATH_MAX] = "";
    size_t cap;
    char *path;

    if ((n == 0 || folder[0] != '/') && !getcwd(here, sizeof here))
        here[0] = 0;
    cap = strlen(here) + n + strlen(name) + 3;
    path = wiping_malloc(cap);
    if (path)
        (void)snprintf(path, cap, "%s%s%.*s%s%s", here, here[0] ? "/" : "", (int)n, folder,
                       n > 0 ? "/" : "", name);
    return path;
}

/* 0 where it can be run, else an errno. */
static int look_at(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return errno == EACCES ? EACCES : ENOENT;
    return S_ISREG(st.st_mode) && access(path, X_OK) == 0 ? 0 : EACCES;
}

static const char *path_of(char *const *env)
{
    static const char PREFIX[] = "PATH=";

    for (; *env; env++)
        if (strncmp(*env, PREFIX, sizeof PREFIX - 1) == 0)
            return *env + sizeof PREFIX - 1;
    return "/usr/bin:/bin";
}

char *key_command_find(int *error, const char *name, char *const *env)
{
    const char *folder = path_of(env);

    *error = ENOENT;
    if (strchr(name, '/')) {
        char *path = name[0] == '/' ? wiping_strdup(name) : join("", 0, name);

        *error = path ? look_at(path) : ENOMEM;
        if (*error == 0)
            return path;
        wiping_free(path);
        return NULL;
    }
    for (;;) {
        size_t n = strcspn(folder, ":");
        char *path = join(folder, n, name);
        int found = path ? look_at(path) : ENOMEM;

        if (found == 0) {
            *error = 0;
            return path;
        }
        wiping_free(path);
        *error = found == ENOENT ? *error : found; /* go on: another folder may have it */
        if (!folder[n] || found == ENOMEM)
            return NULL;
        folder += n + 1;
    }
}

/* ---- Starting it -------------------------------------------------------------------------- */

int key_command_start(struct key_command **out, struct failure *f, const struct key_program *p,
                      long long limit_ms)
{
    int r, out_fd = -1, err_fd = -1;
    struct key_command *c = wiping_calloc(1, sizeof *c);

    *out = NULL;
    if (!c)
        return failure_set(f, VENICE_E_MEMORY, NULL, "there is not enough memory");
    if (!p->path) {
        wiping_free(c);
        return not_started(f, p->argv[0], p->error);
    }
    c->name = p->argv[0];
    c->out_fd = c->err_fd = -1;
    c->began = clock_ms();
    c->limit_ms = limit_ms;
    c->line = secret_alloc(KEY_MAX + 1);
    if (!c->line || open_pipe(&c->out_fd, &out_fd) != 0 || open_pipe(&c->err_fd, &err_fd) != 0) {
        r = failure_set(f, VENICE_E_MEMORY, NULL, "there is not enough memory");
        goto out;
    }
    r = spawn(c, p, out_fd, err_fd);
    if (r != 0) {
        r = not_started(f, c->name, r);
        goto out;
    }
    *out = c;
    c = NULL;
out:
    close_fd(&out_fd);
    close_fd(&err_fd);
    key_command_free(c);
    return r;
}

/* ---- Reading ------------------------------------------------------------------------------ */

/* Takes bytes as they come; only the first line is kept. bytes are wiped by the caller. */
static void take_output(struct key_command *c, const char *bytes, size_t n)
{
    const char *end = memchr(bytes, '\n', n);
    size_t fresh = end ? (size_t)(end - bytes) : n;

    c->total += n;
    if (c->line_over)
        return;
    c->line_over = end != NULL;
    if (fresh > KEY_MAX - c->len) {
        fresh = KEY_MAX - c->len;
        c->len = KEY_MAX + 1; /* too long; said at the end */
        c->line_over = true;
        return;
    }
    memcpy(c->line + c->len, bytes, fresh);
    c->len += fresh;
}

static void read_output(struct key_command *c)
{
    enum { PIECE = 512 };
    char *piece = secret_alloc(PIECE);
    size_t before = c->total;
    ssize_t n = 0;

    while (piece && c->out_fd >= 0 && c->total <= OUTPUT_MAX && c->total - before < STEP_MAX) {
        n = read(c->out_fd, piece, PIECE);
        if (n > 0)
            take_output(c, piece, (size_t)n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            close_fd(&c->out_fd);
        else if (errno == EAGAIN)
            break;
    }
    secret_free(piece);
}

/* A command that never stops complaining must not keep the worker from looking at the clock. */
static void read_errors(struct key_command *c)
{
    char piece[256];
    size_t total = 0;
    ssize_t n = 0;

    while (c->err_fd >= 0 && total < STEP_MAX) {
        n = read(c->err_fd, piece, sizeof piece);
        if (n > 0) {
            total += (size_t)n;
            size_t room = STDERR_MAX - c->err_len;
            size_t fresh = (size_t)n < room ? (size_t)n : room;

            memcpy(c->err + c->err_len, piece, fresh);
            c->err_len += fresh;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            close_fd(&c->err_fd);
        } else if (errno == EAGAIN) {
            break;
        }
    }
    secret_wipe(piece, sizeof piece);
}

/* ---- Judging ------------------------------------------------------------------------------ */

static int fail(const struct key_command *c, struct failure *f, const char *what)
{
    return failure_set(f, VENICE_E_KEY_COMMAND, c->err_len ? c->err : UNLOCK_HINT,
                       "the key command %s %s", c->name, what);
}

static int judge(struct key_command *c, char **key, struct failure *f)
{
    char what[96];

    if (WIFSIGNALED(c->wait_status)) {
        (void)snprintf(what, sizeof what, "was ended by signal %d", WTERMSIG(c->wait_status));
        return fail(c, f, what);
    }
    if (!WIFEXITED(c->wait_status) || WEXITSTATUS(c->wait_status) != 0) {
        (void)snprintf(what, sizeof what, "failed (exit status %d)", WEXITSTATUS(c->wait_status));
        return fail(c, f, what);
    }
    if (c->len > KEY_MAX) {
        (void)snprintf(what, sizeof what, "printed a first line of more than %d bytes", KEY_MAX);
        return fail(c, f, what);
    }
    while (c->len > 0 && strchr("\r \t", c->line[c->len - 1]))
        c->len--;
    if (c->len == 0)
        return fail(c, f, "printed nothing");
    c->line[c->len] = 0;
    *key = c->line;
    c->line = NULL;
    return 1;
}

/* Whether the child is over. Only its own pid is waited for; the editor's children are the editor's
 * (H16). Where somebody else has waited for ours (a plugin, or SIGCHLD is ignored), it is over too,
 * and its status is unknown: what it printed decides then. The pid may be another's from now on. */
static bool has_ended(struct key_command *c)
{
    pid_t r = c->pid > 0 ? waitpid(c->pid, &c->wait_status, WNOHANG) : c->pid;

    if (r < 0 && errno != ECHILD)
        return false;
    if (r < 0)
        c->wait_status = 0;
    if (r != 0)
        c->pid = 0;
    return c->pid == 0;
}

int key_command_step(struct key_command *c, char **key, struct failure *f)
{
    bool ended;
    char what[64];

    *key = NULL;
    ended = has_ended(c); /* before reading: what it wrote before its end is in the pipe then */
    read_output(c);
    read_errors(c);
    if (ended)
        return judge(c, key, f);
    if (c->total > OUTPUT_MAX)
        return fail(c, f, "does not stop printing");
    if (clock_ms() - c->began >= c->limit_ms) {
        (void)snprintf(what, sizeof what, "took longer than %lld s", (c->limit_ms + 999) / 1000);
        return fail(c, f, what);
    }
    return 0;
}

int key_command_fd(const struct key_command *c)
{
    return c->out_fd;
}

/* A killed process is gone at once, unless the kernel holds it: then it outlives us, at worst. */
static void kill_and_reap(pid_t pid)
{
    enum { TRIES = 20 };

    (void)kill(-pid, SIGKILL);
    (void)kill(pid, SIGKILL);
    for (int i = 0; i < TRIES; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        (void)poll(NULL, 0, 1);
    }
}

void key_command_free(struct key_command *c)
{
    if (!c)
        return;
    if (!has_ended(c))
        kill_and_reap(c->pid);
    close_fd(&c->out_fd);
    close_fd(&c->err_fd);
    secret_free(c->line);
    wiping_free(c);
}
