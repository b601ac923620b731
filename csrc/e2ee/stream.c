/* Chat deltas to opened text. One event at a time is taken from the splitter, and only when the
 * caller asks for the next: no more plaintext is in memory than one event's.
 *
 * The rules (PROTOCOL section 1.3, Response stream; DESIGN section 5a, Stream; delta.c has those of
 * the encrypted fields):
 *   1. An event is shown whole or not at all: everything in it is opened before anything is given.
 *   2. A malformed event waits for the next one: where that is an error object, a gateway has
 *      broken off in mid-line, and its error is the truth.
 *   3. We ask for one choice. More choices, or another index, are malformed: their texts would mix.
 *   4. The first error is the last event. After [DONE] nothing is read. */
#include "e2ee/stream.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/screen.h"
#include "base/secret.h"
#include "e2ee/delta.h"
#include "e2ee/server_error.h"
#include "e2ee/sse.h"
#include "e2ee/usage.h"

enum {
    STREAM_DEPTH = 32,
    STREAM_VALUES = 20000,
    NAME_MAX_CHARS = 127, /* id, model and finish reason: longer ones are cut */
    PENDING_MAX = 6       /* two kinds of reasoning, content, finish, usage, error */
};

static const char NO_MEMORY[] =
    "{\"code\":\"internal\",\"message\":\"out of memory\",\"hint\":\"\"}";

struct pending {
    uint32_t kind;
    int32_t status;
    char *data; /* wiping_free */
    size_t len;
};

struct venice_stream {
    venice_keypair *kp;
    struct sse *sse;
    int fed; /* what sse_feed has refused, for when its last event is taken */
    struct pending pending[PENDING_MAX];
    unsigned count, taken;
    char *shown; /* data of the event that the caller holds */
    struct delta_reader delta;
    bool malformed; /* rule 2 */
    bool done_marker, input_ended, closed;
    bool wants_new_session;
    char id[NAME_MAX_CHARS + 1], model[NAME_MAX_CHARS + 1], finish[NAME_MAX_CHARS + 1];
    char *usage;
    size_t text_len; /* bytes of text that were opened */
    struct failure failure;
};

int stream_new(venice_stream **out, venice_keypair *kp, const struct stream_options *options)
{
    venice_stream *s;
    int r;

    *out = NULL;
    if (!kp)
        return VENICE_E_ARG;
    s = wiping_calloc(1, sizeof *s);
    if (!s)
        return VENICE_E_MEMORY;
    r = sse_new(&s->sse);
    if (r != 0) {
        wiping_free(s);
        return r;
    }
    s->kp = keypair_hold(kp);
    s->delta.private32 = keypair_private(kp);
    s->delta.refuse_white_space = options && options->refuse_plaintext_whitespace;
    *out = s;
    return 0;
}

static void drop_pending(venice_stream *s)
{
    for (unsigned i = s->taken; i < s->count; i++)
        wiping_free(s->pending[i].data);
    s->count = s->taken = 0;
}

void stream_free(venice_stream *s)
{
    if (!s)
        return;
    drop_pending(s);
    wiping_free(s->shown);
    wiping_free(s->usage);
    sse_free(s->sse);
    keypair_drop(s->kp);
    wiping_free(s);
}

/* Takes data over, also on failure. */
static int give(venice_stream *s, uint32_t kind, int status, char *data, size_t len)
{
    if (s->count == PENDING_MAX || len > UINT32_MAX) {
        wiping_free(data);
        return VENICE_E_INTERNAL;
    }
    s->pending[s->count++] = (struct pending){ kind, status, data, len };
    return 0;
}

/* --- failures ------------------------------------------------------------------------------ */

static int fail(venice_stream *s, int status)
{
    struct failure *f = &s->failure;

    switch (status) {
    case VENICE_E_INTEGRITY:
        return failure_set(f, status, "nothing of that part is shown; ask again",
                           "a part of the answer did not authenticate");
    case VENICE_E_MALFORMED:
        return failure_set(f, status, "ask again; if it happens again, the service has changed",
                           "the server sent an event that the protocol does not allow");
    case VENICE_E_LIMIT:
        return failure_set(f, status, "ask again; if it happens again, the service has changed",
                           "the server sent an event of more than %d bytes", SSE_EVENT_MAX);
    case VENICE_E_CUT_OFF:
        if (s->text_len == 0)
            return failure_set(f, status, "ask again", "the answer ended before it began");
        return failure_set(f, status, "what came is kept; ask again for the rest",
                           "the answer was cut off before its end");
    case VENICE_E_MEMORY:
        return failure_set(f, status, "close something and ask again", "out of memory");
    default: return failure_set(f, status, NULL, "the answer could not be read");
    }
}

static int fail_server(venice_stream *s, const struct server_error *e)
{
    const char *text = e->message[0] ? e->message : e->type[0] ? e->type : e->code;

    s->wants_new_session = server_error_wants_new_session(e);
    return failure_set(&s->failure, VENICE_E_SERVER,
                       s->text_len > 0 ? "what came is kept; ask again" : "ask again",
                       "the server reported: %s", text[0] ? text : "an error without a text");
}

/* --- one event ----------------------------------------------------------------------------- */

static int take_delta(venice_stream *s, const cJSON *delta)
{
    struct delta_text texts[DELTA_FIELDS];
    unsigned count;
    int r = delta_read(&s->delta, texts, &count, &s->failure, delta);

    for (unsigned i = 0; i < count; i++) {
        int given = give(s, texts[i].kind, texts[i].status, texts[i].data, texts[i].len);

        s->text_len += texts[i].len;
        r = r == 0 ? given : r;
    }
    if (r == 0 && s->text_len > VENICE_MAX_ANSWER)
        r = failure_set(&s->failure, VENICE_E_LIMIT, "what came is kept; ask for less at once",
                        "the answer is over the limit of %d bytes", VENICE_MAX_ANSWER);
    return r;
}

/* The first reason counts; servers repeat it in the usage chunk. */
static int take_finish(venice_stream *s, const cJSON *reason)
{
    const char *text = cJSON_GetStringValue(reason);
    char *copy;

    if (!reason || cJSON_IsNull(reason) || s->finish[0])
        return 0;
    if (!text)
        return VENICE_E_MALFORMED;
    if (!text[0])
        return 0;
    screen_copy(s->finish, sizeof s->finish, text);
    copy = wiping_strdup(s->finish);
    return copy ? give(s, VENICE_EV_FINISH, 0, copy, strlen(copy)) : VENICE_E_MEMORY;
}

static int take_choices(venice_stream *s, const cJSON *choices)
{
    const cJSON *choice, *index;
    int r;

    if (!choices || cJSON_IsNull(choices))
        return 0;
    if (!cJSON_IsArray(choices))
        return VENICE_E_MALFORMED;
    choice = choices->child;
    if (!choice)
        return 0;
    index = json_at(choice, "index", NULL);
    if (choice->next || !cJSON_IsObject(choice))
        return VENICE_E_MALFORMED;
    if (index && !cJSON_IsNull(index) && !(cJSON_IsNumber(index) && index->valuedouble == 0))
        return VENICE_E_MALFORMED; /* rule 3 */
    r = take_delta(s, json_at(choice, "delta", NULL));
    return r == 0 ? take_finish(s, json_at(choice, "finish_reason", NULL)) : r;
}

/* Some servers count in every chunk: an event only where the numbers are new. */
static int take_usage(venice_stream *s, const cJSON *chunk)
{
    char *text, *copy;
    size_t len;
    int r = usage_read(&text, &len, chunk, s->usage);

    if (r != 0 || !text)
        return r;
    if (s->usage && strcmp(s->usage, text) == 0) {
        wiping_free(text);
        return 0;
    }
    wiping_free(s->usage);
    s->usage = text;
    copy = wiping_strdup(text);
    return copy ? give(s, VENICE_EV_USAGE, 0, copy, len) : VENICE_E_MEMORY;
}

static void remember_names(venice_stream *s, const cJSON *root)
{
    const char *id = json_string(root, "id"), *model = json_string(root, "model");

    if (id && !s->id[0])
        screen_copy(s->id, sizeof s->id, id);
    if (model && !s->model[0])
        screen_copy(s->model, sizeof s->model, model);
}

static int take_object(venice_stream *s, const cJSON *root)
{
    struct server_error error;
    int r;

    if (server_error_read(&error, root))
        return fail_server(s, &error);
    if (s->malformed || !cJSON_IsObject(root))
        return VENICE_E_MALFORMED;
    remember_names(s, root);
    r = take_choices(s, json_at(root, "choices", NULL));
    return r == 0 ? take_usage(s, root) : r;
}

/* The end that the server or the connection has made. */
static int take_end(venice_stream *s)
{
    if (s->malformed)
        return VENICE_E_MALFORMED;
    if (!stream_done(s))
        return VENICE_E_CUT_OFF;
    if (delta_is_cut(&s->delta))
        return failure_set(&s->failure, VENICE_E_INTEGRITY, "ask again",
                           "the answer ends within a character");
    s->closed = true;
    return 0;
}

static int take_event(venice_stream *s, const char *data, size_t len)
{
    const struct json_limits limits = { .bytes = SSE_EVENT_MAX,
                                        .depth = STREAM_DEPTH,
                                        .values = STREAM_VALUES };
    cJSON *root = NULL;
    int r;

    while (len > 0 && strchr(" \t\n", data[len - 1]) && data[len - 1])
        len--;
    while (len > 0 && strchr(" \t\n", data[0]) && data[0]) {
        data++;
        len--;
    }
    if (len == 0)
        return 0;
    if (len == 6 && memcmp(data, "[DONE]", 6) == 0) {
        s->done_marker = true;
        return take_end(s);
    }
    r = json_parse(&root, data, len, &limits);
    if (r == VENICE_E_MALFORMED && !s->malformed) {
        s->malformed = true; /* rule 2 */
        return 0;
    }
    if (r == VENICE_E_LIMIT)
        failure_set(&s->failure, r, "ask again; if it happens again, the service has changed",
                    "the server sent an event over a limit: %s",
                    json_over_limit(data, len, &limits));
    if (r == 0)
        r = take_object(s, root);
    cJSON_Delete(root);
    return r;
}

/* --- in and out ---------------------------------------------------------------------------- */

int stream_feed(venice_stream *s, const char *bytes, size_t len)
{
    if (s->closed || s->input_ended || s->fed != 0)
        return 0;
    s->fed = sse_feed(s->sse, bytes, len);
    return s->fed == VENICE_E_MEMORY ? VENICE_E_MEMORY : 0;
}

int stream_finish(venice_stream *s)
{
    s->input_ended = true;
    return 0;
}

/* Replaces whatever the failing event had brought by the one error event. */
static void close_with_error(venice_stream *s, int status)
{
    char *data;
    size_t len;

    drop_pending(s);
    s->closed = true;
    fail(s, status); /* unless a more exact text stands already */
    if (failure_json(&s->failure, &data, &len) != 0) {
        data = NULL; /* stream_next gives the literal */
        len = sizeof NO_MEMORY - 1;
    }
    give(s, VENICE_EV_ERROR, s->failure.status, data, len);
}

/* Reads until there is something to give or nothing to read. */
static void fill(venice_stream *s)
{
    while (!s->closed && s->taken == s->count) {
        char *data;
        size_t len;
        int r;

        s->taken = s->count = 0;
        if (sse_next(s->sse, &data, &len))
            r = take_event(s, data, len);
        else if (s->fed != 0)
            r = s->fed;
        else if (s->input_ended)
            r = take_end(s);
        else
            return;
        if (r != 0)
            close_with_error(s, r);
    }
}

int stream_next(venice_stream *s, venice_event *out)
{
    struct pending *p;

    wiping_free(s->shown);
    s->shown = NULL;
    memset(out, 0, sizeof *out);
    fill(s);
    if (s->taken == s->count)
        return 0;
    p = &s->pending[s->taken++];
    s->shown = p->data;
    out->kind = p->kind;
    out->status = p->status;
    out->len = (uint32_t)p->len;
    out->data = p->data ? p->data : NO_MEMORY;
    p->data = NULL;
    return 1;
}

/* --- what is known ------------------------------------------------------------------------- */

static const char *text_or_null(const char *text)
{
    return text && text[0] ? text : NULL;
}

const char *stream_id(const venice_stream *s)
{
    return text_or_null(s->id);
}

const char *stream_model(const venice_stream *s)
{
    return text_or_null(s->model);
}

const char *stream_finish_reason(const venice_stream *s)
{
    return text_or_null(s->finish);
}

const char *stream_usage(const venice_stream *s)
{
    return s->usage;
}

bool stream_done(const venice_stream *s)
{
    return s->done_marker || s->finish[0];
}

bool stream_ended(const venice_stream *s)
{
    return s->done_marker;
}

const struct failure *stream_failure(const venice_stream *s)
{
    return &s->failure;
}

bool stream_wants_new_session(const venice_stream *s)
{
    return s->wants_new_session;
}
