/* The service answers ten questions for evidence a minute, attestations and signatures of answers
 * together (PROTOCOL.md sections 1.2 and 1.4). Attestations go first: they are counted and never
 * held back here; signatures leave some room for them. Worker thread only. */
#ifndef VENICE_CLIENT_BUDGET_H
#define VENICE_CLIENT_BUDGET_H

#include <stdbool.h>

enum {
    BUDGET_A_MINUTE = 10,
    BUDGET_FOR_ATTESTATION = 3, /* one with its two retries */
    BUDGET_WINDOW_MS = 60 * 1000
};

/* Zeroed: nothing was asked yet. Times are clock_ms. */
struct budget {
    long long asked[BUDGET_A_MINUTE]; /* the latest ones, in a ring */
    unsigned next;
};

/* Counts a question. */
void budget_note(struct budget *b, long long now_ms);
/* Counts as many as there are: the service has said that it is too much. */
void budget_exhaust(struct budget *b, long long now_ms);
/* Whether the signature of an answer may be asked for now. */
bool budget_has_room(const struct budget *b, long long now_ms);

#endif
