/* The answer: events of an encrypted chat stream to opened text (PROTOCOL section 1.3).
 *
 * The rules of DESIGN section 5a, Stream: a field that does not authenticate stops everything; an
 * error is sticky and last; both reasoning fields with the same text are shown once. */
#ifndef VENICE_E2EE_STREAM_H
#define VENICE_E2EE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "e2ee/session.h"

struct stream_options {
    bool refuse_plaintext_whitespace;
};

/* venice_stream is this module's object; the public functions in venice.h are thin. */
int stream_new(venice_stream **out, venice_keypair *kp, const struct stream_options *options);
int stream_feed(venice_stream *s, const char *bytes, size_t len);
int stream_finish(venice_stream *s);
int stream_next(venice_stream *s, venice_event *out);
void stream_free(venice_stream *s);

/* What is known so far, for the end of a request; NULL where the stream has not said it. */
const char *stream_id(const venice_stream *s);                /* the completion's id */
const char *stream_model(const venice_stream *s);             /* as the chunks say */
const char *stream_finish_reason(const venice_stream *s);     /* stop, length, ... */
const char *stream_usage(const venice_stream *s);             /* JSON object */
bool stream_done(const venice_stream *s);                     /* finish reason or [DONE] was seen */
bool stream_ended(const venice_stream *s);                    /* [DONE] was seen: nothing follows */
const struct failure *stream_failure(const venice_stream *s); /* status 0: none */
/* A server's error text that asks for a new attestation (e2ee_decryption_failed and its like). */
bool stream_wants_new_session(const venice_stream *s);

#endif
