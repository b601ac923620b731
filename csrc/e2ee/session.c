/* Counted references to the keys of one attested model and of one request. */
#include "e2ee/session.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/secret.h"

/* The count stands beside the session and not in it, so that its fields can be read without
 * atomics. */
struct counted_session {
    struct session session; /* first: the public pointer is this one */
    atomic_uint holders;
};

struct venice_keypair {
    atomic_uint holders;
    uint8_t public65[65];
    uint8_t *private32; /* in locked memory */
};

static struct counted_session *counted(struct session *s)
{
    return (struct counted_session *)s;
}

static int set_model(struct session *s, const char *model)
{
    size_t n = model ? strnlen(model, SESSION_MODEL_MAX + 1) : 0;

    if (n == 0 || n > SESSION_MODEL_MAX || !utf8_valid((const uint8_t *)model, n))
        return VENICE_E_ARG;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)model[i] < 0x20 || model[i] == 0x7f)
            return VENICE_E_ARG;
    memcpy(s->model, model, n + 1);
    return 0;
}

static int set_report(struct session *s, const char *report, size_t len)
{
    s->report = wiping_malloc(len + 1);
    if (!s->report)
        return VENICE_E_MEMORY;
    if (len > 0)
        memcpy(s->report, report, len);
    s->report[len] = 0;
    s->report_len = len;
    return 0;
}

int session_new(struct session **out, uint32_t id, const char *model, const uint8_t public65[65],
                int64_t ends, const char *report, size_t report_len)
{
    struct counted_session *c;
    int r;

    *out = NULL;
    if (id == 0 || !public65 || (!report && report_len > 0))
        return VENICE_E_ARG;
    r = curve_check(public65);
    if (r != 0)
        return r;
    c = wiping_calloc(1, sizeof *c);
    if (!c)
        return VENICE_E_MEMORY;
    atomic_init(&c->holders, 1);
    c->session.id = id;
    c->session.ends = ends;
    memcpy(c->session.public65, public65, 65);
    hex_encode(c->session.public_hex, public65, 65);
    r = set_model(&c->session, model);
    if (r == 0)
        r = set_report(&c->session, report, report_len);
    if (r != 0) {
        wiping_free(c);
        return r;
    }
    *out = &c->session;
    return 0;
}

struct session *session_hold(struct session *s)
{
    if (s)
        atomic_fetch_add_explicit(&counted(s)->holders, 1, memory_order_relaxed);
    return s;
}

void session_drop(struct session *s)
{
    if (!s || atomic_fetch_sub_explicit(&counted(s)->holders, 1, memory_order_acq_rel) != 1)
        return;
    wiping_free(s->report);
    wiping_free(counted(s));
}

bool session_stands(const struct session *s, int64_t now)
{
    return s && now < s->ends;
}

/* An empty pair with one holder and a place for the scalar. */
static int keypair_alloc(venice_keypair **out)
{
    venice_keypair *kp = wiping_calloc(1, sizeof *kp);

    *out = NULL;
    if (!kp)
        return VENICE_E_MEMORY;
    kp->private32 = secret_alloc(32);
    if (!kp->private32) {
        wiping_free(kp);
        return VENICE_E_MEMORY;
    }
    atomic_init(&kp->holders, 1);
    *out = kp;
    return 0;
}

int keypair_generate(venice_keypair **out)
{
    venice_keypair *kp;
    int r;

    *out = NULL;
    r = keypair_alloc(&kp);
    if (r == 0)
        r = curve_generate(kp->private32, kp->public65);
    if (r != 0) {
        keypair_drop(kp);
        return r;
    }
    *out = kp;
    return 0;
}

int keypair_from_private(venice_keypair **out, const uint8_t private32[32])
{
    venice_keypair *kp;
    int r;

    *out = NULL;
    r = keypair_alloc(&kp);
    if (r != 0)
        return r;
    memcpy(kp->private32, private32, 32);
    r = curve_public(kp->public65, kp->private32);
    if (r != 0) {
        keypair_drop(kp);
        return r;
    }
    *out = kp;
    return 0;
}

venice_keypair *keypair_hold(venice_keypair *kp)
{
    if (kp)
        atomic_fetch_add_explicit(&kp->holders, 1, memory_order_relaxed);
    return kp;
}

void keypair_drop(venice_keypair *kp)
{
    if (!kp || atomic_fetch_sub_explicit(&kp->holders, 1, memory_order_acq_rel) != 1)
        return;
    secret_free(kp->private32);
    wiping_free(kp);
}

const uint8_t *keypair_private(const venice_keypair *kp)
{
    return kp->private32;
}

const uint8_t *keypair_public(const venice_keypair *kp)
{
    return kp->public65;
}
