/* The sessions that stand, by model and by the demands under which their report was accepted.
 *
 * Written by the worker, read by both threads; the mutex is held for pointer swaps only. */
#ifndef VENICE_CLIENT_SESSIONS_H
#define VENICE_CLIENT_SESSIONS_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "e2ee/session.h"

enum { SESSIONS_MAX = 64 };

struct sessions;

int sessions_new(struct sessions **out);
void sessions_free(struct sessions *t); /* takes NULL */

/* An id that no session has had. */
uint32_t sessions_id(struct sessions *t);

/* Keeps s (a reference of its own) in place of an older one for the same model and policy. The
 * session ends at s->ends on clock_boot, or when the wall clock leaves the span that this covers
 * now: a clock that was set says nothing good about certificates. level is a constant text; pin is
 * the report's member of that name, copied, or NULL. */
int sessions_put(struct sessions *t, struct session *s, const char *policy_text, const char *level,
                 const cJSON *pin);

/* The session that stands for a model under exactly this policy, or for an id; a reference for the
 * caller, or NULL. One whose enclave these pins (NULL: none) do not accept, or for which they would
 * give another level than its report has, does not stand; a first sight that is stored since is no
 * reason to attest anew. */
struct session *sessions_find(struct sessions *t, const char *model, const char *policy_text,
                              const cJSON *pins);
struct session *sessions_by_id(struct sessions *t, uint32_t id);

/* Forgets one session by its id, or all of a model, or all with NULL. */
void sessions_drop_id(struct sessions *t, uint32_t id);
void sessions_drop_model(struct sessions *t, const char *model);

/* Adds {"model","level","expires_in"} of each that stands to an array. */
int sessions_list(struct sessions *t, cJSON *array);

#endif
