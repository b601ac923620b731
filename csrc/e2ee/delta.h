/* One delta of an answer: its encrypted fields to text. */
#ifndef VENICE_E2EE_DELTA_H
#define VENICE_E2EE_DELTA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum delta_field { DELTA_REASONING_CONTENT, DELTA_REASONING, DELTA_CONTENT, DELTA_FIELDS };
enum { DELTA_CARRY_MAX = 3 }; /* bytes of a character that is cut between two blobs */

/* What one stream remembers from delta to delta. Zeroed but for the first two. */
struct delta_reader {
    const uint8_t *private32; /* not owned */
    bool refuse_white_space;
    struct {
        uint8_t bytes[DELTA_CARRY_MAX];
        size_t len;
    } carry[DELTA_FIELDS];
};

struct delta_text {
    uint32_t kind;  /* VENICE_EV_CONTENT, VENICE_EV_REASONING or VENICE_EV_WHITESPACE */
    int32_t status; /* 1 for white space in reasoning */
    char *data;     /* len bytes and a NUL; wiping_free */
    size_t len;     /* never 0 */
};

/* Reads one delta (NULL and null: nothing in it). Fills texts and *count, reasoning first; on
 * failure *count is 0, for a delta is given whole or not at all.
 * Errors: VENICE_E_INTEGRITY for a field that does not authenticate, for plaintext, for a tool call
 * in plaintext and for what is not UTF-8 (f has the words where it may be told which);
 * VENICE_E_MALFORMED; VENICE_E_MEMORY. */
int delta_read(struct delta_reader *d, struct delta_text texts[DELTA_FIELDS], unsigned *count,
               struct failure *f, const cJSON *delta);

/* Whether bytes of a character wait that nothing has completed. */
bool delta_is_cut(const struct delta_reader *d);

#endif
