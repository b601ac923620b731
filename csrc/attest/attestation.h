/* The order of the checks, and the policy.
 *
 * A state machine without I/O: it is given bytes, and answers either "done: here is the report" or
 * "I need X". The offline venice_verify_attestation and the live path run this same code. */
#ifndef VENICE_ATTEST_ATTESTATION_H
#define VENICE_ATTEST_ATTESTATION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/report.h"
#include "base/status.h"

/* ---- The policy (policy.c) ------------------------------------------------------------------ */

enum { POLICY_STATUSES_MAX = 16 };

/* What verify.dcap is where the user does not say: this is the only place that decides it. */
enum { POLICY_DCAP_REQUIRED_BY_DEFAULT = 1 };

enum policy_gpu { POLICY_GPU_AUTO = 0, POLICY_GPU_REQUIRE, POLICY_GPU_OFF };
enum policy_pin { POLICY_PIN_ASK = 0, POLICY_PIN_STRICT, POLICY_PIN_OFF };

/* setup().verify as C reads it. */
struct policy {
    bool attestation; /* false: level none, everything is UNVERIFIED */
    bool refuse_plaintext_whitespace;
    bool dcap_required;
    char accept_tcb[POLICY_STATUSES_MAX][48];
    size_t accept_tcb_count;
    int tcb_grace_days;
    enum policy_gpu gpu;
    enum policy_pin pin;
    bool nras;     /* policy_string "nras" has the URL, where one was given */
    cJSON *source; /* the whole object: later checks read measurements and custody from it */
};

/* Reads a policy object (NULL or JSON null: all defaults; a member that is null: its default).
 * Unknown members and wrong types are VENICE_E_CONFIG with the member's name in f. */
int policy_read(struct policy *out, struct failure *f, const cJSON *object);
int policy_copy(struct policy *out, const struct policy *from);
void policy_clear(struct policy *p);

/* A member that is a text (root_ca, gpu_root_ca, collateral_url, nras), or NULL. */
const char *policy_string(const struct policy *p, const char *name);
/* What the policy says about a quote whose signatures hold. since: the moment from which the
 * days of grace count, which is when the platform became out of date, or its level's date where
 * that is not known; 0: neither is known. */
bool policy_accepts_tcb(const struct policy *p, const char *status, int64_t since, int64_t now);

/* ---- The attestation ------------------------------------------------------------------------ */

enum attestation_need {
    NEED_NOTHING = 0,    /* the report is complete */
    NEED_COLLATERAL = 1, /* attestation_collateral_key says for which platform */
    NEED_NRAS = 2,       /* attestation_nras_payload says for which evidence */
    NEED_RESPONSE = 3    /* nothing was given yet */
};

struct attestation;

/* In: nonce_hex 64 digits, the one that was sent; model the id that was asked for; both NULL to
 * judge a bare quote; root_pem NULL for Intel's; pins NULL or an array. Everything is copied.
 * Errors: VENICE_E_ARG for another nonce or only one of nonce and model, VENICE_E_MEMORY. */
int attestation_new(struct attestation **out, const struct policy *policy, const char *model,
                    const char *nonce_hex, int64_t now, const char *root_pem, const cJSON *pins);
void attestation_free(struct attestation *a); /* takes NULL */

/* A root in place of NVIDIA's, as PEM text, for simulators; before anything is fed, once. Results:
 * 0, VENICE_E_ARG, VENICE_E_MEMORY. What is no certificate is found when it is used
 * (VENICE_E_CONFIG). */
int attestation_set_gpu_root(struct attestation *a, const char *pem);

/* Gives the response's body. Returns 0 also where the evidence is bad (the report says so);
 * VENICE_E_MEMORY, or VENICE_E_CONFIG for a root_pem that is no certificate; VENICE_E_ARG where
 * something was given before. */
int attestation_feed_response(struct attestation *a, const char *body, size_t len);

/* The same with a bare quote, as raw bytes. */
int attestation_feed_quote(struct attestation *a, const uint8_t *quote, size_t len);

/* What is needed next; NEED_NOTHING when the report is complete. */
enum attestation_need attestation_needs(const struct attestation *a);

/* For NEED_COLLATERAL: 12 upper-case hex digits and a NUL; ca is "platform" or "processor". */
int attestation_collateral_key(const struct attestation *a, char fmspc[13], const char **ca);

/* Gives collateral in dcap-qvl's JSON layout; NULL where there is none (then the report says
 * collateral_missing). May be called before the response, by who has it already; then it is never
 * asked for. Results as for attestation_feed_response. */
int attestation_feed_collateral(struct attestation *a, const char *json, size_t len);

/* For NEED_NRAS: the body for NVIDIA's service, verbatim; owned by a. NULL where it is not
 * needed. */
const char *attestation_nras_payload(const struct attestation *a);

/* Gives the service's answer and its key set, as they came; response NULL where there is none (then
 * the report says nras_missing, if the policy asks for it). May be called before the response, like
 * attestation_feed_collateral. */
int attestation_feed_nras(struct attestation *a, const char *response, size_t response_len,
                          const char *jwks, size_t jwks_len);

/* The report; owned by a. Complete when attestation_needs says NEED_NOTHING. */
const struct report *attestation_report(const struct attestation *a);

/* The key that may be encrypted to: 1 and public65 where the report is accepted, else 0. Where the
 * policy switches attestation off: 1 for any key that is well-formed, although the report says
 * verified false and accepted false; whoever shows trust says UNVERIFIED then. */
int attestation_key(const struct attestation *a, uint8_t public65[65]);

/* What this report was made from, for the record: {"response","nonce","model","now"[,"collateral"]
 * [,"nras"][,"pins"][,"root_ca"][,"gpu_root_ca"]}, the input of venice_verify_attestation but for
 * the policy. Free *out with wiping_free. bundle.c. */
int attestation_bundle(const struct attestation *a, char **out, size_t *len);

/* Seconds from now for which the evidence itself allows a session, at least 0; INT64_MAX where it
 * does not say. */
int64_t attestation_lifetime(const struct attestation *a);

#endif
