/* The table of checks: what each is called, what kind of knowledge it gives, and the sentence of
 * the refusal. The rows stand in checks.def. */
#ifndef VENICE_ATTEST_CHECKS_H
#define VENICE_ATTEST_CHECKS_H

#include <stdbool.h>

enum check_id {
#define CHECK(symbol, id, section, kind, reasons, sentence) CHECK_##symbol,
#define POLICY(reason, sentence)
#include "attest/checks.def"
#undef CHECK
#undef POLICY
    CHECK_COUNT
};

enum check_kind {
    CHECK_PROVEN, /* follows from a signature, a hash or a certificate chain that was checked */
    CHECK_STATED  /* compares what somebody says who could lie */
};

struct check_row {
    const char *id;      /* positive: "nonce_bound"; unique in its section */
    const char *section; /* "binding", "tdx", "code", "gpu", "receipt" */
    enum check_kind kind;
    const char *reasons;  /* codes, separated by blanks */
    const char *sentence; /* %s: the model; a colon at its end: reason and detail follow */
};

const struct check_row *check_row(enum check_id check);

/* Whether a check may fail with this code. */
bool check_gives(enum check_id check, const char *reason);

/* The sentence of a policy's refusal; NULL where the code is none. */
const char *check_policy_sentence(const char *reason);

#endif
