/* The report: what was checked, in the order in which it was checked, and what follows from it. */
#ifndef VENICE_ATTEST_REPORT_H
#define VENICE_ATTEST_REPORT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/checks.h"
#include "attest/claim.h"

enum report_level { LEVEL_NONE = 0, LEVEL_BINDING = 1, LEVEL_DCAP = 2, LEVEL_MEASURED = 3 };
enum { REPORT_CHECKS_MAX = 256, REPORT_DETAIL_MAX = 512, REPORT_CODE_MAX = 64 };

struct report;

int report_new(struct report **out);
void report_free(struct report *r); /* takes NULL */

/* Adds a check of the table (checks.def). Where ok is false, reason is one of the codes of its row,
 * and the first one given stays the report's reason. detail is printf-like, may be NULL, and is
 * made safe for a screen (control characters, length). A failed allocation, or a reason that the
 * row does not have, is remembered and makes report_json fail and report_verified false.
 * Returns ok. */
bool report_check(struct report *r, enum check_id check, bool ok, const char *reason,
                  const char *detail, ...) __attribute__((format(printf, 5, 6)));

/* Notes that the response leaves out (absent, null or empty) what a check compares: no pass and no
 * failure. detail as for report_check. */
void report_not_stated(struct report *r, enum check_id check, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds the check of members that repeat what is known; of absent ones it is noted that they are not
 * stated. Returns false where they say something else. */
bool report_claim(struct report *r, enum check_id check, enum claim claim, const char *reason,
                  const char *good, const char *bad, const char *absent);

/* Marks the policy's refusal: verified stays, accepted becomes false, reason is set if none is. */
void report_policy_refusal(struct report *r, const char *reason);

bool report_verified(const struct report *r); /* every check holds, and there was one */
/* Verified, not refused by the policy, and something was proven: level none is never accepted. */
bool report_accepted(const struct report *r);
const char *report_reason(const struct report *r); /* NULL: none */
/* The row of the first check that failed; NULL: none did. */
const struct check_row *report_failed_check(const struct report *r);
/* The detail of the first check that failed, for a message; NULL: none failed or it had none. */
const char *report_failed_detail(const struct report *r);

void report_set_level(struct report *r, enum report_level level);
enum report_level report_level(const struct report *r);
const char *report_level_name(enum report_level level); /* "none", "binding", ... */
void report_set_simulated(struct report *r, bool simulated);

/* Other members, by name, as the JSON of DESIGN section 5 has them. Values are copied; texts are
 * made safe for a screen like details, but not cut. name may have one dot: "measurements.mrtd". */
void report_set_string(struct report *r, const char *name, const char *value);
/* Adds a text to an object that will be a member, made safe for a screen. False: no memory. */
bool report_add_string(cJSON *object, const char *name, const char *value);
void report_set_hex(struct report *r, const char *name, const uint8_t *bytes, size_t n);
void report_set_number(struct report *r, const char *name, double value);
/* Takes ownership of value (also on failure; NULL counts as a failed allocation). The texts in it
 * are kept as they are. */
void report_set(struct report *r, const char *name, cJSON *value);
/* A member that was set, or NULL; owned by r. */
const cJSON *report_get(const struct report *r, const char *name);
const char *report_string(const struct report *r, const char *name);
/* One sentence for the view on what was not proven; shown in this order. */
void report_not_proven(struct report *r, const char *sentence);

/* Out: the report as a tree for cJSON_Delete. Results as for report_json. */
int report_tree(const struct report *r, cJSON **out);

/* Out: the report as JSON; free with wiping_free. VENICE_E_MEMORY also where an allocation failed
 * earlier, or a check gave a reason that it does not have. */
int report_json(const struct report *r, char **out, size_t *len);

#endif
