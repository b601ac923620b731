/* The command that prints the API key: one child process at a time (NATIVE.md section 4, rule 2).
 * Worker thread only. */
#ifndef VENICE_CLIENT_KEY_COMMAND_H
#define VENICE_CLIENT_KEY_COMMAND_H

#include "base/status.h"

struct key_command;

/* A program to run, as it was found when somebody asked for it. */
struct key_program {
    char *const *argv; /* ends with NULL; argv[0] is what messages call it */
    const char *path;  /* absolute; NULL: it was not found, error says why */
    int error;         /* an errno */
    char *const *env;  /* ends with NULL */
};

/* Starts it, without a shell: stdin /dev/null, a session of its own, no signal blocked or ignored,
 * nothing of our descriptors. limit_ms is the time that it may take. f gets the reason where it
 * cannot be started. */
int key_command_start(struct key_command **out, struct failure *f,
                      const struct key_program *program, long long limit_ms);

/* Reads what is there. 1: it ended well and *key is the first line of what it said (the caller's,
 * to be freed with secret_free); 0: it still runs; negative with f. */
int key_command_step(struct key_command *c, char **key, struct failure *f);

/* What to wait for: readable where there is something to read; -1 for nothing. The end of the child
 * makes no descriptor readable where something else still holds the pipe, so the caller also comes
 * back after KEY_COMMAND_POLL_MS. */
enum { KEY_COMMAND_POLL_MS = 20 };
int key_command_fd(const struct key_command *c);

/* Where to find a program by the PATH in env: an absolute path, freed with wiping_free; or NULL
 * with *error, an errno. A name with a slash is relative to the working folder. */
char *key_command_find(int *error, const char *name, char *const *env);

/* Kills what still runs, and everything in its session's process group; wipes. Takes NULL. */
void key_command_free(struct key_command *c);

#endif
