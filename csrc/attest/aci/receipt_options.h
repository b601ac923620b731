/* What a caller says about an answer whose signature is to be checked. */
#ifndef VENICE_ATTEST_ACI_RECEIPT_OPTIONS_H
#define VENICE_ATTEST_ACI_RECEIPT_OPTIONS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "attest/aci/receipt.h"
#include "base/status.h"

struct receipt_options {
    cJSON *tree;
    struct receipt_input input; /* strings point into tree */
};

/* Reads {"signing_address","request_id"[,"keyset"][,"asked_at"]}; offline also "response", "now"
 * and, optional, "model". Unknown members and wrong types: VENICE_E_CONFIG with the member's name
 * in f. Free with receipt_options_clear, also after a failure. */
int receipt_options_read(struct receipt_options *out, struct failure *f, const char *text,
                         size_t len, bool offline);
void receipt_options_clear(struct receipt_options *o); /* takes zeroed ones */

#endif
