/* The right answers to the member sweep (test_sweep.c): what must be said where a member of a
 * response is left out, emptied, retyped or changed. The first row that fits counts, and a member
 * that no row fits fails the test: whoever adds a body decides what its members mean.
 *
 * The rule behind the rows (TRUST): what the quote proves needs nobody who repeats it, so a member
 * that only repeats may be absent, empty or of another type; a repeat that contradicts refuses; and
 * what nothing proves (the model, the key, the quote itself) must be there. */
#ifndef VENICE_TESTS_SWEEP_TABLE_H
#define VENICE_TESTS_SWEEP_TABLE_H

#include "attest/checks.h"

enum mutation_class {
    ABSENT,  /* dropped, renamed, null, or an empty text, list or object */
    RETYPED, /* a number, true or an object in the place of another type */
    TO_LIST, /* a list likewise */
    TO_TEXT, /* a text likewise */
    CHANGED, /* another value of the same type */
    MUTATION_CLASSES
};

enum answer_kind {
    HOLDS,   /* accepted, at the same level */
    UNSAID,  /* the same, and this check is reported as not stated in these words */
    REFUSED, /* by this check (CHECK_COUNT: by any), for one of these reasons, in these words */
    EITHER   /* accepted at the same level, or refused like that: the class holds both */
};

struct answer {
    enum answer_kind kind;
    enum check_id check;
    const char *reason, *words; /* a '*' in the words is anything */
};

#define OK                         \
    {                              \
        HOLDS, CHECK_COUNT, "", "" \
    }
#define NS(check, words)                 \
    {                                    \
        UNSAID, CHECK_##check, "", words \
    }
#define NO(check, reason, words)              \
    {                                         \
        REFUSED, CHECK_##check, reason, words \
    }
#define MAY(check, reason, words)            \
    {                                        \
        EITHER, CHECK_##check, reason, words \
    }

/* The answers to: absent; of another type; another value. */
#define THREE(absent, retyped, changed)            \
    {                                              \
        absent, retyped, retyped, retyped, changed \
    }
#define DECORATION         \
    {                      \
        OK, OK, OK, OK, OK \
    }
/* A repeat: it may go, it may not contradict. */
#define REPEAT(...)                 \
    {                               \
        OK, OK, OK, OK, __VA_ARGS__ \
    }

#define NO_QUOTE                       \
    NO(QUOTE_PRESENT, "quote_missing", \
       "the attestation of MODEL holds no intel_quote that can be read")
#define NO_MODEL \
    NO(MODEL_NAMED, "model_mismatch", "the attestation that was asked for MODEL names no model")
#define NO_KEY                                     \
    NO(SIGNING_KEY_PRESENT, "signing_key_missing", \
       "the attestation of MODEL shows no key to encrypt to")
#define OTHER_NONCE \
    NO(NONCE_ECHOED, "nonce_mismatch", "the attestation of MODEL names another nonce than ours")
#define VERDICT(words)                                                                       \
    NO(SERVER_CONSISTENT, "server_inconsistent",                                             \
       "the service's own report on MODEL says that something is wrong, or contradicts the " \
       "quote: server_inconsistent, " words)
#define OTHER_REGISTERS                          \
    NO(REGISTERS_RESTATED, "registers_restated", \
       "the attestation of MODEL names other registers than the quote")
#define OTHER_IMAGE                            \
    NO(OS_IMAGE_RESTATED, "os_image_mismatch", \
       "the attestation of MODEL names another OS image than was measured")
#define OTHER_COMPOSE                                  \
    NO(COMPOSE_HASH_RESTATED, "compose_hash_mismatch", \
       "the attestation of MODEL names another compose hash than was measured")
#define OTHER_TEXT                                    \
    NO(COMPOSE_TEXT_MATCHES, "compose_hash_mismatch", \
       "the compose text that is shown for MODEL is not the one that was measured")
/* A log that was touched, in one of the ways in which it shows. */
#define BAD_LOG                                                                               \
    NO(COUNT, "event_log_malformed event_digest_mismatch rtmr_mismatch event_log_incomplete", \
       "the event log of MODEL *")
#define NO_LOG                                       \
    NO(EVENT_LOG_WELL_FORMED, "event_log_malformed", \
       "the event log of MODEL is not one that a genuine machine writes: event_log_malformed, *")
#define OTHER_ACTIONS                        \
    NO(MANAGER_ACTIONS, "manager_statement", \
       "the actions of the compose manager of MODEL do not have the hash that it names")
/* Where their hash can be computed, actions that were touched have another; else nothing is said
 * of them. */
#define MAYBE_ACTIONS                         \
    MAY(MANAGER_ACTIONS, "manager_statement", \
        "the actions of the compose manager of MODEL do not have the hash that it names")
#define OTHER_KEYSET                   \
    NO(KEYSET_DIGEST, "keyset_digest", \
       "the gateway's keyset of MODEL does not have the digest that is named for it")
#define NOT_ENDORSED                          \
    NO(KEYSET_ENDORSED, "keyset_endorsement", \
       "the gateway's identity key of MODEL did not sign the keyset")
#define OTHER_REPORTDATA                                \
    NO(EVIDENCE_REPORT_DATA, "evidence_quote_mismatch", \
       "the gateway's evidence of MODEL names another REPORTDATA than the quote")
#define CUSTODY(words)                 \
    NO(CUSTODY_CHAIN, "custody_chain", \
       "the custody chain of the gateway's keys of MODEL does not hold: custody_chain, " words)
#define MAYBE_CUSTODY                   \
    MAY(CUSTODY_CHAIN, "custody_chain", \
        "the custody chain of the gateway's keys of MODEL does not hold: custody_chain, *")
#define NO_GPUS NO(GPU_EVIDENCE_READ, "gpu_malformed", "the GPU evidence of MODEL is not readable")
#define MAYBE_GPUS                                                                              \
    MAY(COUNT,                                                                                  \
        "gpu_malformed gpu_evidence_malformed gpu_chain_malformed gpu_count_mismatch gpu_arch " \
        "gpu_nonce_mismatch gpu_signature",                                                     \
        "*GPU* MODEL *")
#define BAD_GPU                                                                         \
    NO(COUNT, "gpu_evidence_malformed gpu_chain_malformed gpu_signature gpu_malformed", \
       "*GPU* MODEL *")

static const struct row {
    const char *kinds; /* of bodies, as in PROTOCOL section 1.2; NULL: all */
    const char *path;  /* "*": one name, "**": any number of them */
    struct answer answers[MUTATION_CLASSES];
} table[] = {
    /* The quote, the model and the key. */
    { "AB", "intel_quote", THREE(NO_QUOTE, NO_QUOTE, OK) }, /* its last byte is padding */
    { "CD", "intel_quote",
      THREE(NO_QUOTE, NO_QUOTE,
            NO(EVIDENCE_QUOTE, "evidence_quote_mismatch",
               "the gateway's evidence of MODEL holds another quote")) },
    { NULL, "model",
      THREE(NO_MODEL, NO_MODEL,
            NO(MODEL_MATCHES, "model_mismatch",
               "the attestation says that it is of another model than MODEL")) },
    { "A", "signing_public_key",
      THREE(NS(SIGNING_KEYS_AGREE, "the response names its key once, in signing_key"),
            NS(SIGNING_KEYS_AGREE, "the response names its key once, in signing_key"),
            NO(SIGNING_KEY_VALID, "signing_key_invalid",
               "the key of MODEL cannot be encrypted to: signing_key_invalid, "
               "signing_public_key is not a point of secp256k1")) },
    { "BCD", "signing_public_key",
      THREE(NO_KEY, NO_KEY,
            NO(SIGNING_KEY_VALID, "signing_key_invalid",
               "the key of MODEL cannot be encrypted to: signing_key_invalid, "
               "signing_public_key is not a point of secp256k1")) },
    { NULL, "signing_key",
      THREE(NS(SIGNING_KEYS_AGREE, "the response names its key once, in signing_public_key"),
            NS(SIGNING_KEYS_AGREE, "the response names its key once, in signing_public_key"),
            NO(SIGNING_KEYS_AGREE, "signing_key_mismatch",
               "the two members that show the key of MODEL do not show the same one")) },
    { NULL, "signing_algo",
      THREE(NS(SIGNING_ALGO_ECDSA, "the response does not say of which kind its key is"),
            NS(SIGNING_ALGO_ECDSA, "the response does not say of which kind its key is"),
            NO(SIGNING_ALGO_ECDSA, "signing_algo",
               "the key of MODEL is said to be of a kind that the protocol does not have")) },
    { NULL, "signing_address",
      THREE(NS(ADDRESS_MATCHES, "the response names no signing_address"),
            NS(ADDRESS_MATCHES, "the response names no signing_address"),
            NO(ADDRESS_MATCHES, "address_mismatch",
               "the signing_address that is shown for MODEL is not that of its key")) },

    /* The nonce. Two of the shapes name it twice. */
    { "AB", "nonce", REPEAT(OTHER_NONCE) },
    { "AB", "request_nonce", REPEAT(OTHER_NONCE) },
    { NULL, "nonce",
      THREE(NS(NONCE_ECHOED, "the response names no nonce"),
            NS(NONCE_ECHOED, "the response names no nonce"), OTHER_NONCE) },
    { NULL, "nonce_source",
      THREE(NS(NONCE_FROM_CLIENT, "the response does not say who chose the nonce"),
            NS(NONCE_FROM_CLIENT, "the response does not say who chose the nonce"),
            NO(NONCE_FROM_CLIENT, "nonce_source",
               "the attestation of MODEL says that its nonce is not ours: nonce_source, "
               "nonce_source is clien1")) },

    /* What the service says about it. */
    { NULL, "verified",
      THREE(NS(SERVER_VERIFIED, "the response does not say whether Venice's own check passed"),
            NS(SERVER_VERIFIED, "the response does not say whether Venice's own check passed"),
            NO(SERVER_VERIFIED, "server_not_verified",
               "the service itself says that it did not verify MODEL")) },
    { NULL, "server_verification",
      THREE(NS(SERVER_CONSISTENT, "Venice reports no details"),
            NS(SERVER_CONSISTENT, "Venice reports no details"), OK) },
    { NULL, "server_verification.tdx.rootCaPinned", DECORATION },
    { NULL, "server_verification.tdx.crlCheck.checked", DECORATION },
    { NULL, "server_verification.**.intermediatePinned", DECORATION },
    { "CD", "server_verification.nvidia.signatureVerified", DECORATION }, /* no GPU evidence */
    { "CD", "server_verification.nvidiaNonceBinding.bound", DECORATION },
    { NULL, "server_verification.tdx.crlCheck.revoked",
      REPEAT(VERDICT("tdx.crlCheck.revoked is true")) },
    { NULL, "server_verification.**.valid", REPEAT(VERDICT("*valid is false")) },
    { NULL, "server_verification.**.signatureValid", REPEAT(VERDICT("*signatureValid is false")) },
    { NULL, "server_verification.**.certificateChainValid",
      REPEAT(VERDICT("*certificateChainValid is false")) },
    { NULL, "server_verification.**.attestationKeyMatch",
      REPEAT(VERDICT("*attestationKeyMatch is false")) },
    { NULL, "server_verification.**.signatureVerified",
      REPEAT(VERDICT("*signatureVerified is false")) },
    { NULL, "server_verification.**.bound", REPEAT(VERDICT("*bound is false")) },
    { NULL, "server_verification.tdx.measurements.*",
      REPEAT(VERDICT("tdx.measurements.* is not the quote's")) },
    { NULL, "server_verification.tdx.reportData",
      REPEAT(VERDICT("tdx.reportData is not the quote's")) },
    { NULL, "server_verification.signingAddressBinding.reportDataAddress",
      REPEAT(VERDICT("signingAddressBinding.reportDataAddress is not the quote's")) },
    { "AB", "server_verification.**.error", THREE(OK, VERDICT("*: *"), VERDICT("*: *")) },
    { "CD", "server_verification.nvidia**.error", DECORATION },
    { "CD", "server_verification.**.error", THREE(OK, VERDICT("*: *"), VERDICT("*: *")) },
    { NULL, "server_verification.**", DECORATION },

    /* GPUs. */
    { NULL, "nvidia_payload",
      THREE(NS(GPU_EVIDENCE_READ, "no evidence of a GPU was served"), NO_GPUS, NO_GPUS) },
    { NULL, "nvidia_payload.evidence_list", THREE(NO_GPUS, NO_GPUS, NO_GPUS) },
    { NULL, "nvidia_payload.evidence_list.*.certificate", THREE(BAD_GPU, BAD_GPU, BAD_GPU) },
    { NULL, "nvidia_payload.evidence_list.*.evidence", THREE(BAD_GPU, BAD_GPU, BAD_GPU) },
    { NULL, "nvidia_payload.**", THREE(MAYBE_GPUS, MAYBE_GPUS, MAYBE_GPUS) },

    /* The event log, wherever it stands: a copy may go, and none may be touched. Only the digest of
     * a boot event is measured; of a runtime event all but what a stripped log leaves out. */
    { NULL, "compose_manager_attestation.event_log", DECORATION },
    { NULL, "compose_manager_attestation.event_log.**", DECORATION },
    { NULL, "**event_log", { OK, OK, NO_LOG, NO_LOG, NO_LOG } },
    { NULL, "**event_log.first.event", DECORATION },
    { NULL, "**event_log.first.event_payload", DECORATION },
    { NULL, "**event_log.first.event_type", THREE(BAD_LOG, BAD_LOG, OK) },
    { NULL, "**event_log.first", THREE(BAD_LOG, BAD_LOG, BAD_LOG) },
    { NULL, "**event_log.first.*", THREE(BAD_LOG, BAD_LOG, BAD_LOG) },
    { NULL, "**event_log.last.digest", REPEAT(BAD_LOG) },
    { NULL, "**event_log.last.preimage", REPEAT(BAD_LOG) },
    { NULL, "**event_log.last", THREE(BAD_LOG, BAD_LOG, BAD_LOG) },
    { NULL, "**event_log.last.*", THREE(BAD_LOG, BAD_LOG, BAD_LOG) },

    /* What is repeated of the measurements. */
    { "AB", "info",
      THREE(NS(REGISTERS_RESTATED, "the response does not repeat the registers of the quote"),
            NS(APP_ID_RESTATED, "the response does not repeat the app id that was measured"), OK) },
    { "AB", "info.tcb_info",
      THREE(NS(REGISTERS_RESTATED, "the response does not repeat the registers of the quote"),
            NS(REGISTERS_RESTATED, "the response does not repeat the registers of the quote"),
            OK) },
    { NULL, "info.app_id",
      THREE(NS(APP_ID_RESTATED, "the response does not repeat the app id that was measured"),
            NS(APP_ID_RESTATED, "the response does not repeat the app id that was measured"),
            NO(APP_ID_RESTATED, "app_id_mismatch",
               "the attestation of MODEL names another app id than was measured")) },
    { NULL, "info.key_provider_info",
      THREE(NS(KEY_PROVIDER_RESTATED,
               "the response does not repeat the key provider that was measured"),
            NS(KEY_PROVIDER_RESTATED,
               "the response does not repeat the key provider that was measured"),
            NO(KEY_PROVIDER_RESTATED, "key_provider_mismatch",
               "the attestation of MODEL names another key provider than was measured")) },
    { NULL, "info.compose_hash", REPEAT(OTHER_COMPOSE) },
    { NULL, "info.tcb_info.compose_hash", REPEAT(OTHER_COMPOSE) },
    { NULL, "info.os_image_hash", REPEAT(OTHER_IMAGE) },
    { NULL, "info.tcb_info.os_image_hash", REPEAT(OTHER_IMAGE) },
    { NULL, "info.tcb_info.mrtd", REPEAT(OTHER_REGISTERS) },
    { NULL, "info.tcb_info.rtmr*", REPEAT(OTHER_REGISTERS) },
    { NULL, "info.tcb_info.app_compose", REPEAT(OTHER_TEXT) },
    { "AB", "info.vm_config.num_gpus",
      REPEAT(NO(GPU_COUNT_CLAIMED, "gpu_count_mismatch",
                "another number of GPUs answered for MODEL than its configuration claims")) },
    { NULL, "info.**", DECORATION },

    /* The compose manager's statement: what it leaves out is not shown as verified. */
    { NULL, "compose_manager_attestation.actions.*", THREE(MAYBE_ACTIONS, MAYBE_ACTIONS, OK) },
    { NULL, "compose_manager_attestation.actions.**",
      THREE(MAYBE_ACTIONS, MAYBE_ACTIONS, OTHER_ACTIONS) },
    { NULL, "compose_manager_attestation.actions_hash", REPEAT(OTHER_ACTIONS) },
    { NULL, "compose_manager_attestation.nonce",
      REPEAT(NO(MANAGER_NONCE, "manager_statement",
                "the compose manager of MODEL names another nonce than ours")) },
    { NULL, "compose_manager_attestation.report_data",
      REPEAT(NO(
          MANAGER_QUOTE_BOUND, "manager_statement",
          "the compose manager of MODEL shows no quote that binds its actions, our nonce and the "
          "REPORTDATA that it names")) },
    { NULL, "compose_manager_attestation", DECORATION },
    { NULL, "compose_manager_attestation.**", DECORATION },

    /* A gateway's documents. */
    { NULL, "api_version",
      REPEAT(NO(ACI_VERSION, "aci_version",
                "the gateway of MODEL speaks a version that is not known here: aci_version, "
                "api_version is aci/2")) },
    { NULL, "workload_id",
      REPEAT(NO(KEYSET_IDENTITY, "keyset_identity",
                "the gateway of MODEL names another identity than its key has")) },
    { NULL, "workload_keyset_digest", REPEAT(OTHER_KEYSET) },
    { NULL, "attestation.workload_keyset", DECORATION },
    { NULL, "attestation.workload_keyset.**", THREE(OTHER_KEYSET, OTHER_KEYSET, OTHER_KEYSET) },
    { NULL, "attestation.tee_type",
      REPEAT(NO(ACI_TEE_TYPE, "aci_tee_type",
                "the gateway of MODEL does not call itself a TDX machine: aci_tee_type, tee_type "
                "is td1")) },
    { NULL, "attestation.report_data", REPEAT(OTHER_REPORTDATA) },
    { NULL, "attestation.evidence.quote_report_data", REPEAT(OTHER_REPORTDATA) },
    { NULL, "attestation.evidence.quote",
      REPEAT(NO(EVIDENCE_QUOTE, "evidence_quote_mismatch",
                "the gateway's evidence of MODEL holds another quote")) },
    { NULL, "attestation.evidence.app_compose", REPEAT(OTHER_TEXT) },
    { NULL, "attestation.keyset_endorsement.*", REPEAT(NOT_ENDORSED) },
    { NULL, "attestation.evidence.key_custody.keys.*.kms_public_key",
      THREE(MAYBE_CUSTODY, MAYBE_CUSTODY,
            CUSTODY("a kms_public_key is none, or not the key that it stands for")) },
    { NULL, "attestation.evidence.key_custody.keys.*.public_key",
      THREE(MAYBE_CUSTODY, MAYBE_CUSTODY, CUSTODY("a key in custody is not in the keyset")) },
    { NULL, "attestation.evidence.key_custody.keys.*.purpose",
      THREE(MAYBE_CUSTODY, MAYBE_CUSTODY, CUSTODY("the keys do not lead to one application key")) },
    { NULL, "attestation.evidence.key_custody.keys.*.signature_chain.*",
      THREE(CUSTODY("a signature chain is not two signatures"),
            CUSTODY("a signature chain is not two signatures"), CUSTODY("*")) },
    { NULL, "attestation.evidence.key_custody.**", THREE(MAYBE_CUSTODY, MAYBE_CUSTODY, OK) },
    { NULL, "attestation", DECORATION },
    { NULL, "attestation.**", DECORATION },

    /* Decorations that are known. */
    { "?", "**", DECORATION },  /* another provider's body, which is refused */
    { NULL, "_*", DECORATION }, /* notes of who recorded it */
    { NULL, "tee_provider", DECORATION },
    { NULL, "tee_hardware", DECORATION },
    { NULL, "upstream_model", DECORATION },
    { NULL, "model_name", DECORATION },
    { NULL, "candidates_*", DECORATION },
    { NULL, "quote", DECORATION },
    { NULL, "vm_config", DECORATION },
    { NULL, "vm_config.**", DECORATION },
    { NULL, "service_capabilities", DECORATION },
    { NULL, "service_capabilities.**", DECORATION },
    { NULL, "ohttp_*", DECORATION },
    { NULL, "ohttp_**", DECORATION },
};

#endif
