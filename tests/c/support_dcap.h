/* Quotes with collateral and an expected verdict, for the tests of csrc/attest/tdx. */
#ifndef VENICE_TESTS_SUPPORT_DCAP_H
#define VENICE_TESTS_SUPPORT_DCAP_H

#include <stddef.h>
#include <stdint.h>

#include "attest/tdx/dcap.h"

/* One row of a table. Everything but quote is NUL-terminated. */
struct dcap_case {
    char name[128];
    char quote[512], collateral[512], root[512]; /* paths; root "": Intel's */
    int64_t now;
    char verdict[16];     /* "reject", "accept" or "policy" */
    char code[64];        /* reason where rejected, else status */
    char advisories[256]; /* comma-separated; "*": any */
    char since[16];       /* the day since which it is out of date; "": not known; "*": any */
};

enum dcap_made { DCAP_MADE, DCAP_NO_PYTHON, DCAP_FAILED };

/* Writes cases of tests/dcap/cases.py into a folder, with generate.py: those of the given names, or
 * all where count is 0. Needs python3-cryptography. The root of each is NAME.root.pem. */
enum dcap_made dcap_generate(const char *folder, const char *const *names, size_t count);

/* Reads a whole file, a NUL behind it; the caller frees it. NULL where there is none. */
char *dcap_file(const char *path, size_t *len);

/* Reads cases.json in folder: an array of {name, expect, code, now}, with NAME.quote,
 * NAME.col.json and root.pem beside it. Returns how many; the caller frees *out. */
size_t dcap_read_cases(struct dcap_case **out, const char *folder);

/* Judges a case with cmocka's assertions. */
void dcap_run_case(const struct dcap_case *c);

/* Whether the policy that users have by default takes a status. */
int dcap_default_accepts(enum tcb_status status);

#endif
