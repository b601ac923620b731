/* The API key: from an environment variable or from a command that we run (NATIVE.md section 4).
 *
 * The setters, key_source_prepare and key_source_describe belong to the editor thread, the rest to
 * the worker: what one hands to the other goes through a mutex that is held for pointer swaps only.
 * The value lives in locked memory. */
#ifndef VENICE_CLIENT_KEY_SOURCE_H
#define VENICE_CLIENT_KEY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/status.h"

enum { KEY_MAX = 4096, KEY_COMMAND_SECONDS = 60, KEY_ARGUMENTS_MAX = 64 };

struct key_source;

int key_source_new(struct key_source **out);
void key_source_free(struct key_source *k); /* kills a running command, wipes; takes NULL */

/* VENICE_E_CONFIG for an empty name or program, or too many arguments. Forgets the value. */
int key_source_env(struct key_source *k, const char *name);
int key_source_command(struct key_source *k, const char *const *argv, size_t argc);

/* Editor thread, with every request: takes what only that thread can read, because the editor may
 * be changing its environment: the value of the variable, or the environment of the command and
 * where its PATH has it. Does nothing where the key is there. */
int key_source_prepare(struct key_source *k);

/* Worker: makes progress. 1 the key is there, 0 the command still runs (wait for key_source_fd, at
 * most KEY_COMMAND_POLL_MS), negative with f: VENICE_E_NO_KEY, VENICE_E_KEY_COMMAND. */
int key_source_step(struct key_source *k, struct failure *f);
int key_source_fd(const struct key_source *k); /* -1: nothing to watch */

/* Worker: stops a command that nobody waits for any more. */
void key_source_stop(struct key_source *k);

/* Worker: the key, NUL-terminated, printable ASCII, valid until the next call; NULL: not there. */
const char *key_source_value(const struct key_source *k);

/* Worker: forgets the value (after a 401), so that the next request asks again. */
void key_source_forget(struct key_source *k);

/* For tests: another limit than KEY_COMMAND_SECONDS. */
void key_source_limit(struct key_source *k, long long ms);

/* For :checkhealth: "env", "command" or "none", the variable's or program's name, and a state word:
 * "unread", "set", "missing", "failed". */
void key_source_describe(struct key_source *k, const char **kind, const char **name,
                         const char **state);

#endif
