/* The options of venice_client_new, and those of one request. */
#ifndef VENICE_CLIENT_OPTIONS_H
#define VENICE_CLIENT_OPTIONS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "attest/attestation.h"
#include "base/status.h"

struct client_options {
    char *base_url;  /* checked; without a slash at its end */
    char *tls_ca;    /* NULL: the system's bundle */
    char *cache_dir; /* NULL: collateral is not kept */
    long connect_seconds, idle_seconds, session_seconds;
    bool attestation;
    size_t queue_bytes;
};

/* In: text NULL or empty for the defaults. Unknown members and wrong types: VENICE_E_CONFIG with
 * the member's name in f. */
int client_options_read(struct client_options *out, struct failure *f, const char *text,
                        size_t len);
void client_options_clear(struct client_options *o);

/* What a request says beside its model and messages. */
struct request_options {
    struct policy policy;
    char *policy_text; /* the policy, members sorted: equal texts mean equal demands */
    cJSON *pins;       /* NULL, or an array */
    bool fresh;
    bool evidence;                     /* attests only: also wants what the report was made from */
    cJSON *params, *venice_parameters; /* NULL, or as given: e2ee/request.c reads them */
};

/* attestation is the client's: a policy cannot switch verification off where the client has it on
 * (DESIGN promise 1). is_chat: params and venice_parameters are known; else fresh is. */
int request_options_read(struct request_options *out, struct failure *f, const char *text,
                         size_t len, bool attestation, bool is_chat);
void request_options_clear(struct request_options *o);

#endif
