/* Who signed an answer: the body of /tee/signature (PROTOCOL.md section 1.4), and the gateway's
 * receipt in it (EVIDENCE.md section 3.3).
 *
 * What holds then: the key that the quote binds signed two hashes. That they are the hashes of our
 * request and of the answer that was read cannot be checked behind Venice, which writes both anew:
 * content_binding is always not_checkable, and nothing here says otherwise. */
#ifndef VENICE_ATTEST_ACI_RECEIPT_H
#define VENICE_ATTEST_ACI_RECEIPT_H

#include <stddef.h>
#include <stdint.h>

#include "attest/evidence.h"
#include "attest/report.h"

enum {
    RECEIPT_BODY_MAX = 256 * 1024,
    RECEIPT_SKEW = 300,          /* seconds by which clocks may differ */
    RECEIPT_AGE_MAX = 12 * 3600, /* of a receipt where it is not said when the request was made */
    RECEIPT_EVENTS_MAX = 64
};

struct receipt_input {
    const char *response; /* the body */
    size_t response_len;
    const char *signing_address; /* that the quote binds: 0x and 40 hex digits */
    const char *request_id;      /* of the completion */
    const char *model;           /* that was asked for; NULL: not compared */
    const char *keyset;          /* JSON: the keyset, or a body that holds it; NULL: none */
    size_t keyset_len;
    int64_t asked_at; /* unix seconds at which the request was made; -1: not known */
    int64_t now;
};

/* Out: JSON { verified, reason, signature = "valid"|"invalid", content_binding = "not_checkable",
 * signer, upstream_model, request_hash, response_hash, receipt = { served, signed, generation,
 * key_id, served_at, upstream = { result, required, model_id, session_id } }, checks, not_proven },
 * for wiping_free; members that are not known are absent, and what only a receipt says is there
 * only where its signature holds.
 *
 * Checks and the reasons of their failures:
 *   answer_is_json       not_json
 *   signing_algo_ecdsa   signing_algo             where it is named (else not stated)
 *   model_matches        model_mismatch           likewise, where the model is known
 *   request_matches      request_id_mismatch      every id that is named is ours
 *   text_is_hashes       signature_text           [model:]hash:hash
 *   payload_matches      signature_payload        hashes that are repeated beside the text
 *   signature_read       signature_malformed signature_v
 *   signed_by_enclave    signature_signer         the key recovered is the one that the quote binds
 *   address_matches      address_mismatch         where it names one, it is the same
 * and where a receipt is served
 *   receipt_read         receipt_malformed
 *   receipt_version      receipt_version          aci/1 wherever it is named
 *   receipt_chat         receipt_chat_id          it is about our completion
 *   receipt_events       receipt_events           received first, returned once
 *   receipt_hashes       receipt_hashes           the hashes of the text are its own
 *   receipt_fresh        receipt_time             served_at
 * and where a keyset is given too
 *   keyset_digest        receipt_keyset           its digest is the one that the receipt names
 *   keyset_identity      receipt_workload         generation A: so is its workload
 *   keyset_valid         keyset_expired
 *   receipt_key          receipt_key_unknown receipt_key_algo
 *   receipt_signed       receipt_signature        Ed25519
 *
 * Returns 0; VENICE_E_ARG for a signing_address that is none; VENICE_E_MEMORY;
 * VENICE_E_INTERNAL. */
int receipt_verify(char **out, size_t *len, const struct receipt_input *in);

/* Puts the gateway's keyset into an attestation's report ("aci.keyset", its exact text), where one
 * is served: later answers are checked against it. */
void receipt_keep_keyset(struct report *r, const struct evidence *e);

#endif
