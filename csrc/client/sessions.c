/* A small table; looking through it costs less than a hash would. */
#include "client/sessions.h"

#include <pthread.h>
#include <string.h>

#include "attest/pins.h"
#include "base/json.h"
#include "base/secret.h"
#include "client/clock.h"

/* The wall clock is corrected by seconds all the time; this much is no reason to attest anew. */
enum { CLOCK_SLACK_SECONDS = 300 };

struct entry {
    struct session *session; /* NULL: free */
    char *policy_text;
    cJSON *enclave; /* NULL: pins are not looked at */
    bool confirmed; /* the report says so */
    const char *level;
    int64_t from, until; /* unix seconds */
};

struct sessions {
    pthread_mutex_t lock;
    uint32_t last_id;
    struct entry entries[SESSIONS_MAX];
};

int sessions_new(struct sessions **out)
{
    struct sessions *t = wiping_calloc(1, sizeof *t);

    *out = NULL;
    if (!t)
        return VENICE_E_MEMORY;
    if (pthread_mutex_init(&t->lock, NULL) != 0) {
        wiping_free(t);
        return VENICE_E_INTERNAL;
    }
    *out = t;
    return 0;
}

static void clear(struct entry *e)
{
    session_drop(e->session);
    wiping_free(e->policy_text);
    cJSON_Delete(e->enclave);
    memset(e, 0, sizeof *e);
}

void sessions_free(struct sessions *t)
{
    if (!t)
        return;
    for (int i = 0; i < SESSIONS_MAX; i++)
        clear(&t->entries[i]);
    pthread_mutex_destroy(&t->lock);
    wiping_free(t);
}

uint32_t sessions_id(struct sessions *t)
{
    uint32_t id;

    pthread_mutex_lock(&t->lock);
    if (++t->last_id == 0)
        ++t->last_id;
    id = t->last_id;
    pthread_mutex_unlock(&t->lock);
    return id;
}

static bool stands(const struct entry *e)
{
    int64_t now = clock_unix();

    return e->session && session_stands(e->session, clock_boot()) && now >= e->from &&
           now < e->until;
}

static bool is_for(const struct entry *e, const char *model, const char *policy_text)
{
    return e->session && strcmp(e->session->model, model) == 0 &&
           strcmp(e->policy_text, policy_text) == 0;
}

/* The entry that s replaces: its own, else a free or ended one, else the one that ends first. */
static struct entry *place_for(struct sessions *t, const char *model, const char *policy_text)
{
    struct entry *best = &t->entries[0];

    for (int i = 0; i < SESSIONS_MAX; i++)
        if (is_for(&t->entries[i], model, policy_text))
            return &t->entries[i];
    for (int i = 0; i < SESSIONS_MAX; i++) {
        struct entry *e = &t->entries[i];

        if (!stands(e))
            return e;
        if (e->session->ends < best->session->ends)
            best = e;
    }
    return best;
}

/* Whether the pins of now say of the session's enclave what those of its report said. */
static bool suits(const struct entry *e, const cJSON *pins)
{
    const char *state;

    if (!e->enclave)
        return true;
    state = pins_state(e->enclave, pins);
    return strcmp(state, "changed") != 0 && (strcmp(state, "confirmed") == 0) == e->confirmed;
}

int sessions_put(struct sessions *t, struct session *s, const char *policy_text, const char *level,
                 const cJSON *pin)
{
    const cJSON *enclave = json_at(pin, "enclave", NULL);
    const char *state = json_string(pin, "state");
    int64_t now = clock_unix();
    struct entry old, *e;
    char *text = wiping_strdup(policy_text);
    cJSON *copy = enclave ? cJSON_Duplicate(enclave, true) : NULL;

    if (!text || (enclave && !copy)) {
        wiping_free(text);
        cJSON_Delete(copy);
        return VENICE_E_MEMORY;
    }
    pthread_mutex_lock(&t->lock);
    e = place_for(t, s->model, policy_text);
    old = *e;
    e->session = session_hold(s);
    e->policy_text = text;
    e->enclave = copy;
    e->confirmed = state && strcmp(state, "confirmed") == 0;
    e->level = level;
    e->from = now - CLOCK_SLACK_SECONDS;
    e->until = now + (s->ends - clock_boot());
    pthread_mutex_unlock(&t->lock);
    clear(&old);
    return 0;
}

struct session *sessions_find(struct sessions *t, const char *model, const char *policy_text,
                              const cJSON *pins)
{
    struct session *found = NULL;

    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < SESSIONS_MAX && !found; i++) {
        struct entry *e = &t->entries[i];

        if (is_for(e, model, policy_text) && stands(e) && suits(e, pins))
            found = session_hold(e->session);
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

struct session *sessions_by_id(struct sessions *t, uint32_t id)
{
    struct session *found = NULL;

    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < SESSIONS_MAX && !found; i++) {
        struct entry *e = &t->entries[i];

        if (e->session && e->session->id == id && stands(e))
            found = session_hold(e->session);
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

void sessions_drop_id(struct sessions *t, uint32_t id)
{
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (t->entries[i].session && t->entries[i].session->id == id)
            clear(&t->entries[i]);
    pthread_mutex_unlock(&t->lock);
}

void sessions_drop_model(struct sessions *t, const char *model)
{
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < SESSIONS_MAX; i++) {
        struct entry *e = &t->entries[i];

        if (e->session && (!model || strcmp(e->session->model, model) == 0))
            clear(e);
    }
    pthread_mutex_unlock(&t->lock);
}

static cJSON *describe(const struct entry *e)
{
    cJSON *o = cJSON_CreateObject();

    if (o && cJSON_AddStringToObject(o, "model", e->session->model) &&
        cJSON_AddStringToObject(o, "level", e->level) &&
        cJSON_AddNumberToObject(o, "expires_in", (double)(e->session->ends - clock_boot())))
        return o;
    cJSON_Delete(o);
    return NULL;
}

int sessions_list(struct sessions *t, cJSON *array)
{
    int r = 0;

    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < SESSIONS_MAX && r == 0; i++) {
        cJSON *o;

        if (!stands(&t->entries[i]))
            continue;
        o = describe(&t->entries[i]);
        if (!o || !cJSON_AddItemToArray(array, o)) {
            cJSON_Delete(o);
            r = VENICE_E_MEMORY;
        }
    }
    pthread_mutex_unlock(&t->lock);
    return r;
}
