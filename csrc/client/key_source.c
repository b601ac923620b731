/* Where the API key comes from, and where it is kept. */
#include "client/key_source.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "client/key_command.h"

extern char **environ;

static const char DEFAULT_VARIABLE[] = "VENICE_API_KEY";

enum source_kind { SOURCE_NONE = 0, SOURCE_ENV, SOURCE_COMMAND };
enum key_state { KEY_UNREAD = 0, KEY_SET, KEY_MISSING, KEY_FAILED };

struct source {
    enum source_kind kind;
    char **words; /* one name, or an argv; ends with NULL */
};

/* A command as the editor thread has found it: the editor may change its environment, and PATH with
 * it, before the worker comes to run it. */
struct found {
    char **env;
    char *path; /* NULL: not found */
    int error;
};

struct key_source {
    pthread_mutex_t lock;
    /* Under the lock: from the editor thread to the worker, and back. */
    struct source *offered;
    char *offered_value;
    struct found *offered_command;
    bool there;
    enum key_state state;
    /* Editor thread only. */
    enum source_kind kind;
    char *name, *variable; /* for describe; the last variable that was named, kept from children */
    /* Worker only. */
    struct source *source;
    char *value;
    struct found *found;
    bool refused; /* the service did not take the last value */
    struct key_command *command;
    long long limit_ms;
};

/* ---- Lists of words ----------------------------------------------------------------------- */

static void words_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        wiping_free(words[i]);
    wiping_free(words);
}

/* Copies n words but those that begin with one of the two names and an equals sign. */
static char **words_copy(const char *const *words, size_t n, const char *but1, const char *but2)
{
    size_t kept = 0;
    char **copy = wiping_calloc(n + 1, sizeof *copy);

    for (size_t i = 0; copy && i < n; i++) {
        size_t name = strcspn(words[i], "=");

        if ((but1 && strlen(but1) == name && strncmp(words[i], but1, name) == 0) ||
            (but2 && strlen(but2) == name && strncmp(words[i], but2, name) == 0))
            continue;
        copy[kept] = wiping_strdup(words[i]);
        if (!copy[kept++]) {
            words_free(copy);
            return NULL;
        }
    }
    return copy;
}

static void source_free(struct source *s)
{
    if (!s)
        return;
    words_free(s->words);
    wiping_free(s);
}

static void found_free(struct found *c)
{
    if (!c)
        return;
    words_free(c->env);
    wiping_free(c->path);
    wiping_free(c);
}

/* ---- The editor's side -------------------------------------------------------------------- */

int key_source_new(struct key_source **out)
{
    struct key_source *k = wiping_calloc(1, sizeof *k);

    *out = NULL;
    if (!k)
        return VENICE_E_MEMORY;
    if (pthread_mutex_init(&k->lock, NULL) != 0) {
        wiping_free(k);
        return VENICE_E_INTERNAL;
    }
    k->limit_ms = KEY_COMMAND_SECONDS * 1000LL;
    *out = k;
    return 0;
}

void key_source_free(struct key_source *k)
{
    if (!k)
        return;
    key_command_free(k->command);
    source_free(k->offered);
    source_free(k->source);
    secret_free(k->offered_value);
    secret_free(k->value);
    found_free(k->offered_command);
    found_free(k->found);
    wiping_free(k->name);
    wiping_free(k->variable);
    pthread_mutex_destroy(&k->lock);
    wiping_free(k);
}

/* Puts a source where the worker finds it; what was read from the one before is void. */
static void offer_source(struct key_source *k, struct source *s)
{
    struct source *old;
    struct found *old_command;
    char *old_value;

    pthread_mutex_lock(&k->lock);
    old = k->offered;
    old_value = k->offered_value;
    old_command = k->offered_command;
    k->offered = s;
    k->offered_value = NULL;
    k->offered_command = NULL;
    k->there = false;
    k->state = KEY_UNREAD;
    pthread_mutex_unlock(&k->lock);
    source_free(old);
    secret_free(old_value);
    found_free(old_command);
}

static int set_source(struct key_source *k, enum source_kind kind, const char *const *words,
                      size_t n)
{
    struct source *s = wiping_calloc(1, sizeof *s);
    char *name = wiping_strdup(words[0]);
    char *variable = kind == SOURCE_ENV ? wiping_strdup(words[0]) : NULL;

    if (s)
        s->words = words_copy(words, n, NULL, NULL);
    if (!s || !s->words || !name || (kind == SOURCE_ENV && !variable)) {
        source_free(s);
        wiping_free(name);
        wiping_free(variable);
        return VENICE_E_MEMORY;
    }
    s->kind = kind;
    k->kind = kind;
    wiping_free(k->name);
    k->name = name;
    if (variable) {
        wiping_free(k->variable);
        k->variable = variable;
    }
    offer_source(k, s);
    return 0;
}

int key_source_env(struct key_source *k, const char *name)
{
    if (!name || !*name || strchr(name, '='))
        return VENICE_E_CONFIG;
    return set_source(k, SOURCE_ENV, &name, 1);
}

/* The variable's value in locked memory, cut after KEY_MAX + 1 characters: that is seen later. */
static char *read_variable(const char *name)
{
    const char *value = getenv(name);
    char *copy = value ? secret_alloc(KEY_MAX + 2) : NULL;

    if (copy)
        memcpy(copy, value, strnlen(value, KEY_MAX + 1));
    return copy;
}

/* NULL: no memory. */
static struct found *find_command(const struct key_source *k)
{
    struct found *c = wiping_calloc(1, sizeof *c);
    size_t n = 0;

    while (environ && environ[n])
        n++;
    if (c)
        c->env = words_copy((const char *const *)environ, n, DEFAULT_VARIABLE, k->variable);
    if (c && c->env) {
        c->path = key_command_find(&c->error, k->name, c->env);
        return c;
    }
    wiping_free(c);
    return NULL;
}

int key_source_prepare(struct key_source *k)
{
    bool there;
    char *value = NULL, *old_value;
    struct found *command = NULL, *old_command;

    pthread_mutex_lock(&k->lock);
    there = k->there;
    pthread_mutex_unlock(&k->lock);
    if (there || k->kind == SOURCE_NONE)
        return 0;
    if (k->kind == SOURCE_ENV)
        value = read_variable(k->name);
    else if ((command = find_command(k)) == NULL)
        return VENICE_E_MEMORY;
    pthread_mutex_lock(&k->lock);
    old_value = k->offered_value;
    k->offered_value = value;
    old_command = k->offered_command;
    k->offered_command = command;
    pthread_mutex_unlock(&k->lock);
    secret_free(old_value);
    found_free(old_command);
    return 0;
}

/* Found at once: a request that waits for the key already may be served by it. */
int key_source_command(struct key_source *k, const char *const *argv, size_t argc)
{
    int r;

    if (!argv || argc == 0 || argc > KEY_ARGUMENTS_MAX || !argv[0] || !*argv[0])
        return VENICE_E_CONFIG;
    for (size_t i = 0; i < argc; i++)
        if (!argv[i])
            return VENICE_E_CONFIG;
    r = set_source(k, SOURCE_COMMAND, argv, argc);
    return r == 0 ? key_source_prepare(k) : r;
}

void key_source_describe(struct key_source *k, const char **kind, const char **name,
                         const char **state)
{
    static const char *const KINDS[] = { "none", "env", "command" };
    static const char *const STATES[] = { "unread", "set", "missing", "failed" };

    *kind = KINDS[k->kind];
    *name = k->name ? k->name : "";
    pthread_mutex_lock(&k->lock);
    *state = STATES[k->state];
    pthread_mutex_unlock(&k->lock);
}

/* ---- The worker's side -------------------------------------------------------------------- */

static void say(struct key_source *k, enum key_state state)
{
    pthread_mutex_lock(&k->lock);
    if (!k->offered) { /* else it would be about a source that is no longer asked */
        k->state = state;
        k->there = state == KEY_SET;
    }
    pthread_mutex_unlock(&k->lock);
}

static void set_value(struct key_source *k, char *value)
{
    secret_free(k->value);
    k->value = value;
}

/* Takes over what the editor thread has put down. */
static void adopt(struct key_source *k)
{
    struct source *s;
    char *value;
    struct found *command;

    pthread_mutex_lock(&k->lock);
    s = k->offered;
    value = k->offered_value;
    command = k->offered_command;
    k->offered = NULL;
    k->offered_value = NULL;
    k->offered_command = NULL;
    pthread_mutex_unlock(&k->lock);
    if (s) {
        key_source_stop(k);
        set_value(k, NULL);
        source_free(k->source);
        found_free(k->found);
        k->found = NULL;
        k->source = s;
        k->refused = false;
    }
    /* A running command reads this once, at its start. */
    if (command) {
        found_free(k->found);
        k->found = command;
    }
    if (value && !k->value) {
        set_value(k, value);
        k->refused = false;
    } else {
        secret_free(value);
    }
}

/* A key goes into a header line: printable ASCII without blanks, or it could forge another line. */
static bool is_usable(const char *value)
{
    size_t n = strnlen(value, KEY_MAX + 1);

    for (size_t i = 0; i < n; i++)
        if (value[i] <= ' ' || value[i] > '~')
            return false;
    return n > 0 && n <= KEY_MAX;
}

static void trim(char *value)
{
    size_t n = strnlen(value, KEY_MAX + 1);

    while (n > 0 && strchr(" \t\r\n", value[n - 1]))
        value[--n] = 0;
}

static int step_env(struct key_source *k, struct failure *f)
{
    const char *name = k->source->words[0];

    if (k->value)
        trim(k->value);
    if (k->value && is_usable(k->value)) {
        say(k, KEY_SET);
        return 1;
    }
    if (k->value && k->value[0]) {
        set_value(k, NULL);
        say(k, KEY_FAILED);
        return failure_set(f, VENICE_E_NO_KEY, "a key has no blanks, no quotes and no line ends",
                           "no API key: the environment variable %s does not hold a key", name);
    }
    set_value(k, NULL);
    say(k, KEY_MISSING);
    if (k->refused)
        return failure_set(f, VENICE_E_UNAUTHORIZED, "check the key that api_key names",
                           "the service refused the API key");
    return failure_set(f, VENICE_E_NO_KEY,
                       "export it before starting Neovim, or set api_key = { cmd = { … } }",
                       "no API key: the environment variable %s is not set", name);
}

static int step_command(struct key_source *k, struct failure *f)
{
    char *key = NULL;
    struct key_program program = { .argv = k->source->words };
    int r;

    if (k->value)
        return 1;
    if (!k->found)
        return failure_set(f, VENICE_E_INTERNAL, NULL, "the key command has no environment");
    program.path = k->found->path;
    program.error = k->found->error;
    program.env = k->found->env;
    r = k->command ? 0 : key_command_start(&k->command, f, &program, k->limit_ms);
    if (r == 0)
        r = key_command_step(k->command, &key, f);
    if (r == 0)
        return 0;
    key_source_stop(k);
    if (r == 1 && !is_usable(key)) {
        secret_free(key);
        r = failure_set(f, VENICE_E_KEY_COMMAND, "its first line must be the key alone",
                        "the key command %s printed something that is not a key",
                        k->source->words[0]);
    } else if (r == 1) {
        set_value(k, key);
    }
    say(k, r == 1 ? KEY_SET : KEY_FAILED);
    return r;
}

int key_source_step(struct key_source *k, struct failure *f)
{
    adopt(k);
    if (k->source && k->source->kind == SOURCE_ENV)
        return step_env(k, f);
    if (k->source && k->source->kind == SOURCE_COMMAND)
        return step_command(k, f);
    return failure_set(f, VENICE_E_NO_KEY, "set api_key = { env = … } or { cmd = { … } }",
                       "no API key: nothing says where it is");
}

int key_source_fd(const struct key_source *k)
{
    return k->command ? key_command_fd(k->command) : -1;
}

void key_source_stop(struct key_source *k)
{
    key_command_free(k->command);
    k->command = NULL;
}

const char *key_source_value(const struct key_source *k)
{
    return k->value;
}

void key_source_forget(struct key_source *k)
{
    set_value(k, NULL);
    k->refused = true;
    say(k, KEY_FAILED);
}

void key_source_limit(struct key_source *k, long long ms)
{
    k->limit_ms = ms;
}
