/* The table of checks, from checks.def. */
#include "attest/checks.h"

#include <stddef.h>
#include <string.h>

#define SECTION_BINDING "binding"
#define SECTION_TDX     "tdx"
#define SECTION_CODE    "code"
#define SECTION_GPU     "gpu"
#define SECTION_RECEIPT "receipt"

static const struct check_row rows[CHECK_COUNT] = {
#define CHECK(symbol, id, section, kind, reasons, sentence) \
    [CHECK_##symbol] = { id, SECTION_##section, CHECK_##kind, reasons, sentence },
#define POLICY(reason, sentence)
#include "attest/checks.def"
#undef CHECK
#undef POLICY
};

static const struct {
    const char *reason, *sentence;
} policies[] = {
#define CHECK(symbol, id, section, kind, reasons, sentence)
#define POLICY(reason, sentence) { reason, sentence },
#include "attest/checks.def"
#undef CHECK
#undef POLICY
};

const struct check_row *check_row(enum check_id check)
{
    return &rows[check];
}

/* Whether a word stands in a list of words that blanks separate. */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = list; n > 0 && (at = strstr(at, word)); at += n) {
        bool starts = at == list || at[-1] == ' ';

        if (starts && (at[n] == 0 || at[n] == ' '))
            return true;
    }
    return false;
}

bool check_gives(enum check_id check, const char *reason)
{
    return strcmp(reason, "internal") == 0 || strcmp(reason, "out_of_memory") == 0 ||
           has_word(rows[check].reasons, reason);
}

const char *check_policy_sentence(const char *reason)
{
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        if (strcmp(policies[i].reason, reason) == 0)
            return policies[i].sentence;
    }
    return NULL;
}
