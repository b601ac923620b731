/* The gateway's own statement about one answered request, in both of its generations: A, whose
 * signature is an object beside a workload id, and B, whose signature is a text (EVIDENCE.md
 * section 3.3). */
#ifndef VENICE_ATTEST_ACI_RECEIPT_DOCUMENT_H
#define VENICE_ATTEST_ACI_RECEIPT_DOCUMENT_H

#include "attest/aci/receipt.h"
#include "attest/report.h"

struct receipt_document {
    const struct receipt_input *in;
    const cJSON *root;    /* the body */
    const cJSON *receipt; /* its member */
    const char *request_hash,
        *response_hash; /* of the text that was signed, 64 digits; NULL: none */
};

/* Adds the checks receipt_* and keyset_* of receipt.h, and the member receipt. Returns 0 or a hard
 * error. */
int receipt_document_check(struct report *r, const struct receipt_document *d);

#endif
