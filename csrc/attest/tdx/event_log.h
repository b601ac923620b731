/* The event log of a dstack machine, replayed onto the RTMRs of its quote (EVIDENCE section 2.2).
 *
 * A log proves nothing by itself: what it says holds only after event_log_replay has computed
 * registers from it and they are the quote's. */
#ifndef VENICE_ATTEST_TDX_EVENT_LOG_H
#define VENICE_ATTEST_TDX_EVENT_LOG_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/tdx/quote.h"

enum {
    EVENT_LOG_EVENTS = 512,
    EVENT_LOG_PAYLOAD = 64 * 1024, /* bytes of one payload */
    EVENT_LOG_NAME = 64,           /* characters of a runtime event's name, ASCII */
    EVENT_LOG_TEXT = 2 * 1024 * 1024
};

/* A runtime event of the time before the application could measure anything itself. */
struct runtime_event {
    char name[EVENT_LOG_NAME + 1];
    uint8_t *payload; /* never NULL */
    size_t len;
};

struct event_log {
    uint8_t rtmr[4][TDX_REGISTER_SIZE];
    uint8_t other_rtmr3[TDX_REGISTER_SIZE]; /* with dstack's other form of version 2 */
    size_t event_count;                     /* of all events */
    bool boot_registers;                    /* some event is of RTMR0, RTMR1 or RTMR2 */
    bool ready;                             /* system-ready was measured */
    struct runtime_event *boot;             /* up to system-ready, in their order */
    size_t boot_count;
};

/* Replays a log: an array of events, or a string that holds one. In full logs and in stripped ones
 * the digest of a runtime event is computed anew; a digest that is served must be the same.
 *
 * RTMR3 holds runtime events only, and names of version 1 hold no colon: so each digest in it means
 * one name and one payload, and no part of the start can hide in a digest that nothing explains.
 *
 * Returns 0; VENICE_E_MALFORMED with *reason the code (static) of the first thing that is wrong and
 * *where the number of the event (from 0); VENICE_E_MEMORY. out is to be cleared in every case.
 * Codes: event_log_malformed, event_digest_mismatch, event_log_duplicate. */
int event_log_replay(struct event_log *out, const char **reason, size_t *where, const cJSON *log);

/* Whether the replayed registers are those of a quote; -1: all are, else the first that is not.
 * Of a log without boot events (dstack strips them) only RTMR3 is compared. */
int event_log_differs(const struct event_log *log, const struct tdx_quote *quote);

/* The event of that name from before system-ready; NULL where there is none. */
const struct runtime_event *event_log_find(const struct event_log *log, const char *name);

void event_log_clear(struct event_log *log); /* takes zeroed ones */

#endif
