/* A machine of our own making, with everything that csrc/attest/code.c and its neighbours read:
 * event log, compose text, a quote with the registers that follow, a compose manager, a
 * gateway's papers. Computed here by another way than in csrc, and signed with keys that exist
 * for this only. */
#ifndef VENICE_TESTS_SUPPORT_CODE_H
#define VENICE_TESTS_SUPPORT_CODE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support_attest.h"

/* What of it a test may change before the response is built. */
struct machine {
    cJSON *log;          /* full; boot events first */
    int version;         /* of its runtime events: 1 or 2 */
    const char *compose; /* the text that is served */
    uint8_t mrconfigid[48];
    uint8_t rtmr[4][48]; /* what the quote will say; machine_measure computes them */
    uint8_t nonce[32];
    bool stripped; /* how the log is served */
    bool log_as_text;
};

extern const char machine_compose[], machine_key_provider[];

void machine_new(struct machine *m, int version);
void machine_free(struct machine *m);
/* Sets rtmr to what the log's digests give. */
void machine_measure(struct machine *m);

/* A runtime event with its digest. form 0: as EVIDENCE has version 2; 1: with dstack's other
 * names. */
cJSON *runtime_event(int version, const char *name, const void *payload, size_t n, int form);
/* The event of that name in a log, and its place. */
cJSON *find_event(cJSON *log, const char *name);
int event_place(cJSON *log, const char *name);
/* Puts another payload, with the right digest, into an event. */
void set_event(struct machine *m, const char *name, const void *payload, size_t n);

/* A response in order: 'A' with a compose manager, 'B', 'C' and 'D' with a gateway's papers. */
cJSON *machine_response(const struct machine *m, char shape);

/* The quote of a machine with any REPORTDATA, signed by its attestation key (not by Intel). */
size_t machine_quote(uint8_t out[SAMPLE_QUOTE_MAX], const struct machine *m,
                     const uint8_t report_data[64]);

/* Computes digest and endorsement of a gateway's keyset anew, after it was changed. */
void reseal_keyset(cJSON *response);

/* What code_check, keyset_check and pins_judge say, as one report (level dcap before the pins).
 * now 0: SAMPLE_NOW. policy, pins: JSON text or NULL. Frees response. */
cJSON *judge(cJSON *response, const char *policy, const char *pins, int64_t now);

/* judge for a body's text, with the hard error that came of it instead of an assertion. */
int judge_text(cJSON **report, const char *body, size_t len, const char *policy, const char *pins,
               int64_t now);

/* Asserts that exactly this check failed, with this reason; then frees report. */
void assert_only_failure(cJSON *report, const char *id, const char *reason);
/* Asserts that no check failed and that there were some; then frees report. */
void assert_no_failure(cJSON *report);
/* The check of that id, or NULL. */
const cJSON *find_check(const cJSON *report, const char *id);
/* Whether the report notes that what this check compares is left out. */
bool is_not_stated(const cJSON *report, const char *id);
/* Whether a sentence on what is not proven holds this text. */
bool is_not_proven(const cJSON *report, const char *text);

cJSON *member(cJSON *root, const char *path);                 /* "a.b.c" */
void set_member(cJSON *root, const char *path, cJSON *value); /* NULL: drop it */

#endif
