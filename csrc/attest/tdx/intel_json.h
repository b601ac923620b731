/* What Intel's two signed JSON objects, TCB info and QE identity, have in common (DCAP.md rules 17
 * to 22, 25, section 1a h). */
#ifndef VENICE_ATTEST_TDX_INTEL_JSON_H
#define VENICE_ATTEST_TDX_INTEL_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/tdx/tcb.h"

enum { INTEL_LEVELS_MAX = 256 };

/* Members that both objects have. */
struct intel_json {
    cJSON *root;
    int64_t issue_date, next_update; /* unix seconds, both inclusive */
    uint32_t evaluation;             /* tcbEvaluationDataNumber */
};

/* Parses one JSON object. Returns 0; VENICE_E_MALFORMED (syntax, duplicate names, depth, not an
 * object); VENICE_E_MEMORY. Free with intel_json_clear. */
int intel_json_parse(struct intel_json *out, const char *text);
void intel_json_clear(struct intel_json *j); /* takes NULL */

/* Reads the dates and the evaluation number. Returns false where one is absent or malformed. That
 * issueDate comes before nextUpdate is checked by intel_json_dates_in_order, after the other
 * members. */
bool intel_json_header(struct intel_json *j);
bool intel_json_dates_in_order(const struct intel_json *j);

/* Reads a member that is n bytes in hex, of either case. */
bool intel_hex(uint8_t *out, size_t n, const cJSON *object, const char *name);

/* Reads tcbDate, tcbStatus and advisoryIDs of a level. component: the statuses are those that a
 * module or the QE can have (rule 38). Returns 0, or VENICE_E_MALFORMED with *unknown_status
 * telling why. */
int intel_verdict(struct tcb_verdict *out, bool *unknown_status, const cJSON *level,
                  bool component);

/* Reads and sorts tcbLevels of a module or the QE: a non-empty array of {tcb {isvsvn}, ...}.
 * Returns 0; VENICE_E_MALFORMED (as above); VENICE_E_MEMORY. The caller frees *out with free. */
int intel_isv_levels(struct tcb_isv_level **out, size_t *count, bool *unknown_status,
                     const cJSON *object);

/* The number of elements of an array member; 0 where it is absent or another type. */
size_t intel_array_size(const cJSON *array);

#endif
