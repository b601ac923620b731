/* Server-sent events: bytes cut anywhere in, whole data payloads out. Knows nothing of JSON. */
#ifndef VENICE_E2EE_SSE_H
#define VENICE_E2EE_SSE_H

#include <stddef.h>

/* An answer's event is a blob of one token; a reasoning model's largest seen is 4 KB. */
enum { SSE_EVENT_MAX = 8 * 1024 * 1024 };

struct sse;

int sse_new(struct sse **out);
void sse_free(struct sse *s); /* wipes; takes NULL */

/* Takes bytes. Line ends LF, CRLF or CR; data: with or without the space; several data lines of an
 * event are joined with LF; comments and other fields are passed over. The work is linear in the
 * bytes however they are cut. VENICE_E_LIMIT where a line or an event is over SSE_EVENT_MAX (it
 * takes nothing more then); VENICE_E_MEMORY. */
int sse_feed(struct sse *s, const char *bytes, size_t len);

/* Returns 1 and the next event's data (NUL-terminated, valid until the next call with s), or 0.
 * Events without a data line are not given. An event that is not ended by an empty line is never
 * given. */
int sse_next(struct sse *s, char **data, size_t *len);

#endif
