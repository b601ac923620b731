/* The fields of a delta (PROTOCOL section 1.3, Response stream).
 *
 *   1. "" and null are no fields.
 *   2. White space in plaintext is marked or refused. Any other plaintext, and any plaintext tool
 *      call, is an integrity error.
 *   3. reasoning_content and reasoning that open to the same text are one; two different texts are
 *      both given, because both authenticate and neither may be lost.
 *   4. Text is given in whole characters: the bytes of one that is cut wait for the field's next
 *      blob. */
#include "e2ee/delta.h"

#include <string.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "e2ee/envelope.h"
#include "venice.h"

static const char *const FIELD_NAME[DELTA_FIELDS] = { "reasoning_content", "reasoning", "content" };

/* What one field holds, opened. */
struct piece {
    char *data; /* DELTA_CARRY_MAX bytes of room, then the text; wiping_free */
    size_t len; /* of the text */
    bool authentic;
};

static int refuse(struct failure *f, const char *message)
{
    return failure_set(f, VENICE_E_INTEGRITY, "nothing of that part is shown; ask again", "%s",
                       message);
}

static int refuse_plaintext(struct failure *f)
{
    return refuse(f, "a part of the answer came unencrypted");
}

static int refuse_encoding(struct failure *f)
{
    return refuse(f, "a part of the answer is not UTF-8 text");
}

static int piece_alloc(struct piece *piece, size_t n)
{
    piece->data = wiping_malloc(DELTA_CARRY_MAX + n + 1);
    return piece->data ? 0 : VENICE_E_MEMORY;
}

static bool only_white_space(const char *text)
{
    return text[strspn(text, " \t\r\n")] == 0;
}

static int take_white_space(const struct delta_reader *d, struct piece *piece, struct failure *f,
                            const char *text)
{
    int r;

    if (d->refuse_white_space)
        return refuse_plaintext(f);
    piece->len = strlen(text);
    r = piece_alloc(piece, piece->len);
    if (r == 0)
        memcpy(piece->data + DELTA_CARRY_MAX, text, piece->len);
    return r;
}

/* Leaves piece empty where the field is none. */
static int open_field(const struct delta_reader *d, struct piece *piece, struct failure *f,
                      const cJSON *value)
{
    const char *text = cJSON_GetStringValue(value);
    size_t n;
    int r;

    if (!value || cJSON_IsNull(value) || (text && text[0] == 0))
        return 0;
    if (!text)
        return refuse_plaintext(f);
    if (only_white_space(text))
        return take_white_space(d, piece, f, text);
    n = strlen(text);
    if (strspn(text, "0123456789abcdefABCDEF") != n)
        return refuse_plaintext(f);
    r = piece_alloc(piece, n / 2);
    if (r != 0)
        return r;
    piece->authentic = true;
    return envelope_open((uint8_t *)piece->data + DELTA_CARRY_MAX, &piece->len, &ENVELOPE_LEGACY_V1,
                         d->private32, text, n);
}

/* Rule 3. Of a blob and plaintext white space with the same text, the blob stays. */
static void drop_repeated(struct piece pieces[DELTA_FIELDS])
{
    struct piece *a = &pieces[DELTA_REASONING_CONTENT], *b = &pieces[DELTA_REASONING];
    struct piece *extra = !a->authentic && b->authentic ? a : b;

    if (!a->data || !b->data || a->len != b->len)
        return;
    if (memcmp(a->data + DELTA_CARRY_MAX, b->data + DELTA_CARRY_MAX, a->len) != 0)
        return;
    wiping_free(extra->data);
    memset(extra, 0, sizeof *extra);
}

/* Puts the carried bytes before the text and keeps those of a character that is cut at its end.
 * *first is where the text begins then. */
static int complete_text(struct delta_reader *d, enum delta_field field, struct piece *piece,
                         size_t *first)
{
    uint8_t *carry = d->carry[field].bytes;
    size_t *carried = &d->carry[field].len;
    int tail;

    *first = DELTA_CARRY_MAX - *carried;
    memcpy(piece->data + *first, carry, *carried);
    piece->len += *carried;
    tail = utf8_tail((const uint8_t *)piece->data + *first, piece->len);
    if (tail < 0)
        return VENICE_E_INTEGRITY;
    piece->len -= (size_t)tail;
    memcpy(carry, piece->data + *first + piece->len, (size_t)tail);
    *carried = (size_t)tail;
    return 0;
}

/* Turns an opened field into a text; nothing where it is empty. */
static int give(struct delta_reader *d, struct delta_text *texts, unsigned *count,
                struct failure *f, enum delta_field field, struct piece *piece)
{
    bool is_content = field == DELTA_CONTENT;
    struct delta_text *out = &texts[*count];
    size_t first = DELTA_CARRY_MAX;

    if (!piece->data)
        return 0;
    if (piece->authentic ? complete_text(d, field, piece, &first) != 0 : d->carry[field].len > 0)
        return refuse_encoding(f);
    if (piece->len == 0)
        return 0;
    memmove(piece->data, piece->data + first, piece->len);
    piece->data[piece->len] = 0;
    out->data = piece->data;
    out->len = piece->len;
    out->kind = !piece->authentic ? VENICE_EV_WHITESPACE
                : is_content      ? VENICE_EV_CONTENT
                                  : VENICE_EV_REASONING;
    out->status = !piece->authentic && !is_content;
    piece->data = NULL;
    ++*count;
    return 0;
}

/* A tool call that the enclave made would be encrypted text; this one anybody on the way could have
 * written, so it must not even be seen as one. */
static bool has_tool_call(const cJSON *delta)
{
    static const char *const names[] = { "tool_calls", "function_call" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const cJSON *value = json_at(delta, names[i], NULL);

        if (value && !cJSON_IsNull(value) && !(cJSON_IsArray(value) && !value->child))
            return true;
    }
    return false;
}

/* A refusal is never encrypted (PROTOCOL section 1.3): it is shown, but not as the model's word. */
static int take_refusal(struct failure *f, const cJSON *value)
{
    const char *text = cJSON_GetStringValue(value);

    if (!value || cJSON_IsNull(value) || (text && !text[0]))
        return 0;
    if (!text)
        return VENICE_E_MALFORMED;
    return failure_set(f, VENICE_E_SERVER,
                       "this came unencrypted, so others may have written it; ask again",
                       "the service says that the model refuses: %s", text);
}

int delta_read(struct delta_reader *d, struct delta_text texts[DELTA_FIELDS], unsigned *count,
               struct failure *f, const cJSON *delta)
{
    struct piece pieces[DELTA_FIELDS];
    int r = 0;

    *count = 0;
    if (!delta || cJSON_IsNull(delta))
        return 0;
    if (!cJSON_IsObject(delta))
        return VENICE_E_MALFORMED;
    if (has_tool_call(delta))
        return refuse(f, "the answer holds an unencrypted tool call");
    memset(pieces, 0, sizeof pieces);
    r = take_refusal(f, json_at(delta, "refusal", NULL));
    for (int i = 0; i < DELTA_FIELDS && r == 0; i++)
        r = open_field(d, &pieces[i], f, json_at(delta, FIELD_NAME[i], NULL));
    if (r == 0)
        drop_repeated(pieces);
    for (int i = 0; i < DELTA_FIELDS && r == 0; i++)
        r = give(d, texts, count, f, (enum delta_field)i, &pieces[i]);
    for (int i = 0; i < DELTA_FIELDS; i++)
        wiping_free(pieces[i].data);
    while (r != 0 && *count > 0)
        wiping_free(texts[--*count].data);
    return r;
}

bool delta_is_cut(const struct delta_reader *d)
{
    for (int i = 0; i < DELTA_FIELDS; i++)
        if (d->carry[i].len > 0)
            return true;
    return false;
}
