/*
 * libvenice: end-to-end-encrypted chat with models that run inside Intel TDX enclaves.
 *
 * This is the whole public API. lua/venice/native.lua feeds this very file to LuaJIT's ffi.cdef
 * (lines that start with a number sign are dropped), so it holds declarations and enums only: no
 * macros in declarations, no function pointers, no untagged structs.
 *
 * Rules that hold for every function below:
 *   - Arguments: the object, then outputs, then inputs; a length follows its array.
 *   - The result is 0 (or a documented positive number) or a negative enum venice_status.
 *   - An object given back through a T ** belongs to the caller and has its own free function,
 *     which takes NULL; text given back in a venice_text is freed with venice_text_free.
 *   - Input bytes are copied before a function returns. Nothing returned points into Lua's memory.
 *   - No function waits for the network or the disk. venice_verify_* compute; venice_client_close
 *     waits no longer than it is told to.
 *   - No function hands out a private key, a shared secret, a derived key or the API key.
 *   - A venice_client is used from one thread only, the one that made it. Keypairs, streams and the
 *     venice_verify_* functions share nothing and may be used anywhere, one thread at a time each.
 */
#ifndef VENICE_H
#define VENICE_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* Bumped with every change of this file that a caller can notice; native.lua refuses another. */
enum venice_abi_version { VENICE_ABI = 1 };

/* Results. venice_status_name gives the short code that Lua shows (DESIGN section 5a, Errors). */
enum venice_status {
    VENICE_OK = 0,
    VENICE_E_ARG = -1,           /* a null pointer, a bad length: an error of the caller */
    VENICE_E_MEMORY = -2,        /* an allocation failed */
    VENICE_E_INTERNAL = -3,      /* a library below us failed in a way that it should not */
    VENICE_E_BUSY = -4,          /* close timed out; a full inbox */
    VENICE_E_CONFIG = -5,        /* an option or a request member is not acceptable */
    VENICE_E_NO_KEY = -6,        /* no API key where the configuration says it should be */
    VENICE_E_KEY_COMMAND = -7,   /* the key command failed, said nothing or took too long */
    VENICE_E_UNAUTHORIZED = -8,  /* HTTP 401, 403 */
    VENICE_E_PAYMENT = -9,       /* HTTP 402 */
    VENICE_E_NOT_FOUND = -10,    /* HTTP 404 */
    VENICE_E_BAD_REQUEST = -11,  /* HTTP 400 and other 4xx */
    VENICE_E_TOO_LARGE = -12,    /* HTTP 413, or over our own bound before sending */
    VENICE_E_RATE_LIMITED = -13, /* HTTP 429 */
    VENICE_E_SERVER = -14,       /* HTTP 5xx, or an error object in the stream */
    VENICE_E_CONNECT = -15,
    VENICE_E_DNS = -16,
    VENICE_E_TLS = -17,
    VENICE_E_TIMEOUT = -18,
    VENICE_E_CUT_OFF = -19,   /* the answer ended without finish reason and [DONE] */
    VENICE_E_INTEGRITY = -20, /* a field did not authenticate, or came in plaintext */
    VENICE_E_MALFORMED = -21, /* what arrived is not what the protocol allows */
    VENICE_E_LIMIT = -22,     /* what arrived is over a named limit */
    VENICE_E_ATTESTATION = -23,
    VENICE_E_CANCELLED = -24
};

/* Sizes in bytes, or characters where the name says hex. */
enum venice_size {
    VENICE_PUBLIC_KEY_HEX = 130, /* 04 x y, lower case */
    VENICE_PRIVATE_KEY_HEX = 64,
    VENICE_ADDRESS_CHARS = 42,     /* 0x and 40 hex digits, lower case */
    VENICE_BLOB_OVERHEAD = 93,     /* public key 65, nonce 12, tag 16; twice that in hex */
    VENICE_MAX_MESSAGE = 16777216, /* one message's text; the service takes 35 MB in all, in hex */
    VENICE_MAX_ANSWER = 16777216   /* an answer's text: some four million tokens */
};

enum venice_event_kind {
    VENICE_EV_NONE = 0,
    VENICE_EV_STATE = 1,      /* JSON {"state":"attesting"|"waiting"|"streaming"|"retrying",...} */
    VENICE_EV_REPORT = 2,     /* JSON, the attestation report (DESIGN section 5, A report) */
    VENICE_EV_CONTENT = 3,    /* UTF-8 text that authenticated */
    VENICE_EV_REASONING = 4,  /* UTF-8 text that authenticated */
    VENICE_EV_WHITESPACE = 5, /* white space that came in plaintext; status 1 where in reasoning */
    VENICE_EV_USAGE = 6,      /* JSON: those of prompt_tokens, completion_tokens, total_tokens,
                               * prompt_tokens_details.cached_tokens,
                               * completion_tokens_details.reasoning_tokens and cost (US dollars)
                               * that the server has said */
    VENICE_EV_FINISH = 7,     /* the finish reason, plain text */
    VENICE_EV_MODELS = 8,     /* JSON array, see venice_models */
    VENICE_EV_ERROR = 9,      /* streams only: sticky and last; JSON {"code","message","hint"} */
    VENICE_EV_DONE = 10,      /* clients only: exactly one a request, nothing after it */
    VENICE_EV_RECEIPT = 11,   /* JSON, see venice_receipt */
    VENICE_EV_EVIDENCE = 12   /* JSON, see venice_attest */
};

typedef struct venice_client venice_client;
typedef struct venice_keypair venice_keypair;
typedef struct venice_stream venice_stream;

/* data is valid until the next call of the function that filled the event, and wiped then. */
typedef struct venice_event {
    uint32_t kind;    /* enum venice_event_kind */
    uint32_t request; /* the id that venice_chat and its like gave; 0 for streams */
    int32_t status;   /* enum venice_status for ERROR and DONE */
    uint32_t len;     /* bytes at data; data[len] is NUL */
    const char *data;
} venice_event;

typedef struct venice_text {
    char *data; /* NUL-terminated; NULL when empty */
    uint32_t len;
} venice_text;

/* One message of a request. content is bytes of UTF-8, which may hold NUL. */
typedef struct venice_message {
    const char *role;    /* system, user, assistant, tool or developer; NUL-terminated */
    const char *content; /* not NULL where content_len is not 0 */
    uint32_t content_len;
    const char *tool_call_id; /* NULL, or NUL-terminated; only with role tool */
} venice_message;

/* ---- The library itself ------------------------------------------------------------------- */

/* Returns VENICE_ABI of the library that is loaded. */
int venice_abi(void);

/* Returns the code for a status, for instance "integrity"; "internal" for one it does not know. */
const char *venice_status_name(int status);

/* Out: JSON object: version, abi, openssl, curl, cjson, secp256k1 (version texts), curl_first
 * (whether our zero-on-free allocator is in force), memory_locked, sslkeylogfile, proxy. */
int venice_info(venice_text *out);

/* Wipes and frees what a function put into t, and empties it. Takes NULL and empty texts. */
void venice_text_free(venice_text *t);

/* ---- The envelope (PROTOCOL section 1.3) --------------------------------------------------- */

/* Makes a secp256k1 key pair; its private half lives in locked memory.
 * In: private_hex NULL and len 0 for a random one, else 64 hex digits (for vectors, and for
 * integrators who bring a key). Errors: VENICE_E_ARG for anything that is not a valid scalar. */
int venice_keypair_new(venice_keypair **out, const char *private_hex, size_t len);

/* Out: 130 lower-case hex digits and a NUL. */
int venice_keypair_public(const venice_keypair *kp, char out[131]);

/* Drops the caller's hold; the key is wiped when the last stream that reads with it is freed. */
void venice_keypair_free(venice_keypair *kp);

/* Out: the Ethereum address of a public key, "0x", 40 lower-case hex digits, NUL.
 * In: 130 hex digits (04...) or 128 without the prefix, optional 0x.
 * Errors: VENICE_E_ARG for another form or a point that is not on the curve. */
int venice_eth_address(char out[43], const char *public_hex, size_t len);

/* Seals text for a model's key: a fresh ephemeral key, wiped before this returns.
 * Out: out_cap must be at least 2 * (text_len + VENICE_BLOB_OVERHEAD); no NUL is written.
 * Errors: VENICE_E_ARG for a bad key or a small buffer, VENICE_E_MALFORMED for text that is not
 * UTF-8. Returns the number of characters written. */
int venice_seal(char *out, size_t out_cap, const char *model_public_hex, size_t key_len,
                const char *text, size_t text_len);

/* Opens one blob. Out: out_cap must be at least blob_len / 2. Returns the number of bytes.
 * Errors: VENICE_E_INTEGRITY for anything that is not a blob that authenticates under kp and holds
 * whole UTF-8. */
int venice_open(const venice_keypair *kp, char *out, size_t out_cap, const char *blob,
                size_t blob_len);

/* ---- A stream: bytes of an answer in, events out (DESIGN section 5a, Stream) ----------------- */

/* In: options_json NULL or {"plaintext_whitespace":"mark"|"refuse"}. Holds kp until it is freed. */
int venice_stream_new(venice_stream **out, venice_keypair *kp, const char *options_json,
                      size_t len);

/* Takes bytes as they came from the network, cut anywhere. After an error or the end it takes and
 * drops everything. Returns 0, or VENICE_E_MEMORY. venice_stream_next gives what was found. */
int venice_stream_feed(venice_stream *s, const char *bytes, size_t len);

/* Says that no more bytes will come: an end without finish reason and [DONE] gives an error event
 * with VENICE_E_CUT_OFF. Calling it again does nothing. */
int venice_stream_finish(venice_stream *s);

/* Returns 1 and fills out, or 0 when there is nothing to read now. Kinds: CONTENT, REASONING,
 * WHITESPACE, USAGE, FINISH, ERROR. */
int venice_stream_next(venice_stream *s, venice_event *out);

void venice_stream_free(venice_stream *s);

/* ---- Offline verification (pure: no clock, no network) --------------------------------------- */

/* Judges a TDX quote. Out: the report as JSON. A quote that is refused is a report, not an error.
 * In: quote is raw bytes; options_json is an object:
 *   now         unix seconds, required
 *   collateral  JSON text in dcap-qvl's layout (DCAP.md section 3), as a string; may be absent
 *   root_ca     PEM text in place of Intel's root; may be absent
 *   policy      the fields of setup().verify; may be absent
 * Errors: VENICE_E_ARG, VENICE_E_CONFIG (options), VENICE_E_MEMORY. */
int venice_verify_quote(venice_text *out, const char *quote, size_t quote_len,
                        const char *options_json, size_t options_len);

/* Judges a whole body of /tee/attestation. In: as above, and in options_json also
 *   nonce  64 hex digits: the one that was sent     model  the id that was asked for
 *   nras   {"response": text, "jwks": text}; may be absent
 *   gpu_root_ca  PEM text in place of NVIDIA's device root; may be absent
 *   pins   array of known enclaves (DESIGN section 5a, Pins); may be absent */
int venice_verify_attestation(venice_text *out, const char *response, size_t response_len,
                              const char *options_json, size_t options_len);

/* Judges a body of /tee/signature: who signed an answer. Out: JSON
 * {"verified","reason","signature":"valid"|"invalid","content_binding":"not_checkable","checks"}
 * and more (attest/aci/receipt.h): the key that the quote binds signed two hashes; that they are
 * those of the text which was read cannot be checked, and is never said.
 * In: options_json is an object:
 *   response         the body, as a string
 *   signing_address  0x and 40 hex digits: the address that the quote binds
 *   request_id       the completion's id
 *   now              unix seconds
 *   keyset           JSON text: the gateway's keyset, or the attestation's body; may be absent
 *   model, asked_at  the model's id, and the unix seconds of the request; may be absent
 * Errors: as above; on VENICE_E_CONFIG out holds {"code","message","hint"}. */
int venice_verify_receipt(venice_text *out, const char *options_json, size_t len);

/* ---- The client: a worker thread, requests by id, events ------------------------------------- */

/* In: options_json, an object with
 *   base_url               "https://..."; http for loopback addresses only
 *   connect_timeout, idle_timeout, session_ttl   seconds
 *   tls_ca                 path of a PEM file, in place of the system's bundle; may be absent
 *   cache_dir              folder for Intel's collateral, made at need; absent: none is kept
 *   attestation            false switches verification off for the life of this client
 *   queue_bytes            bound of the event queue, default 1 MiB
 * Starts the worker. Errors: VENICE_E_CONFIG, VENICE_E_MEMORY, VENICE_E_INTERNAL; on
 * VENICE_E_CONFIG error (may be NULL) holds {"code","message","hint"}. */
int venice_client_new(venice_client **out, venice_text *error, const char *options_json,
                      size_t len);

/* The wake-up descriptor: readable exactly while venice_next has an event. Never read or close it;
 * stop polling it before venice_client_close. */
int venice_client_fd(const venice_client *c);

/* Where the API key is. The value is read by the worker at the first request that needs it, kept in
 * locked memory and asked for anew after a 401. name is an environment variable; argv is a command,
 * run without a shell in an environment without the key, whose first line of output is the key. */
int venice_key_from_env(venice_client *c, const char *name);
int venice_key_from_command(venice_client *c, const char *const *argv, uint32_t argc);

/* Each of the following accepts a request: *request gets its id (never 0), and exactly one DONE
 * event follows. A negative result means that nothing was accepted and no event will come. */

/* GET /models. Before DONE: MODELS, an array of the models that can be used end-to-end encrypted
 * (type text, supportsE2EE, not offline; ids of letters, digits and . _ : / - alone, each once; at
 * most 1000, else VENICE_E_LIMIT): {"id","name","context","max_output","reasoning",
 * "price_in","price_cache_in","price_out","deprecation"}, prices in dollars per million tokens;
 * members that the service does not say are absent. */
int venice_models(venice_client *c, uint32_t *request);

/* Makes sure of a session. options_json: {"policy":{...},"pins":[...],"fresh":bool}. Before DONE:
 * STATE, REPORT (from the cache where a session stands and fresh is not set). DONE's JSON holds
 * "session": the id for venice_encrypt, where the report was accepted. With "evidence":true it
 * attests anew, and after REPORT comes EVIDENCE: {"response","nonce","model","now"} and, where
 * there were any, "collateral", "nras", "pins", "root_ca", "gpu_root_ca" (PEM), all as
 * venice_verify_attestation takes them. */
int venice_attest(venice_client *c, uint32_t *request, const char *model, const char *options_json,
                  size_t len);

/* Attests where no session stands, then sends one completion. options_json as for venice_attest,
 * and "params": temperature, top_p, min_p, top_k, max_tokens, max_completion_tokens, seed,
 * frequency_penalty, presence_penalty, repetition_penalty, reasoning_effort, reasoning
 * {"effort"}; "venice_parameters": {"include_venice_system_prompt"}; any other member is refused.
 * Before DONE: STATE, REPORT (where it attested), CONTENT, REASONING, WHITESPACE, USAGE, FINISH.
 * STATE has "kept_alive", in seconds, where nothing but keep-alives has come for so long.
 * DONE's JSON: {"code","message","hint"} on failure; "id", "model", "finish_reason", "usage" where
 * known; "sent": how much of the request has left this machine, "nothing", "part" or "all". Only
 * after "nothing" it cannot have been paid for. */
int venice_chat(venice_client *c, uint32_t *request, const char *model,
                const venice_message *messages, uint32_t count, const char *options_json,
                size_t len);

/* Asks who signed an answer that is over (GET /tee/signature). options_json: {"request_id",
 * "signing_address"[,"keyset"][,"asked_at"]} as for venice_verify_receipt. Before DONE: RECEIPT,
 * the JSON of venice_verify_receipt, whatever it says. DONE's status is VENICE_E_RATE_LIMITED where
 * the service's ten a minute, which attestations need too, leave no room: then nothing was checked,
 * and it can be asked again. */
int venice_receipt(venice_client *c, uint32_t *request, const char *model, const char *options_json,
                   size_t len);

/* Cancels; its DONE event has VENICE_E_CANCELLED. Returns 0 also for a request that is over. */
int venice_cancel(venice_client *c, uint32_t request);

/* Forgets the session of a model, or of all with NULL. Answers that are running go on. */
int venice_forget(venice_client *c, const char *model);

/* Seals messages under a session, for callers who send them themselves.
 * Out: *reply the key pair that opens the answer (the caller's); out the JSON object
 * {"messages":[{"role","content"[,"tool_call_id"]}],"headers":{...},"venice_parameters":{...}}.
 * Errors: VENICE_E_ATTESTATION for a session that is over or was never accepted,
 * VENICE_E_CONFIG, VENICE_E_MALFORMED (text that is not UTF-8), VENICE_E_TOO_LARGE; then out holds
 * {"code","message","hint"}. */
int venice_encrypt(venice_client *c, venice_keypair **reply, venice_text *out, uint32_t session,
                   const venice_message *messages, uint32_t count);

/* Takes the oldest event. Returns 1 and fills out, or 0 when there is none. */
int venice_next(venice_client *c, venice_event *out);

/* Out: JSON object for :checkhealth: key {"source","name","state"}, sessions [{"model","level",
 * "expires_in"}], requests, queue_bytes. Never the key. */
int venice_client_info(venice_client *c, venice_text *out);

/* Cancels everything, stops the worker, wipes and frees. Waits at most timeout_ms.
 * Returns 0, or VENICE_E_BUSY when the worker is still stuck (in a name lookup, say): its memory is
 * then left to the end of the process. *c is NULL afterwards either way. */
int venice_client_close(venice_client **c, uint32_t timeout_ms);

#pragma GCC visibility pop
#endif
