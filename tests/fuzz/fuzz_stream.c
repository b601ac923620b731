/* An answer's bytes, read with the key whose scalar is 1, so that seeds can hold blobs that open.
 * However they are cut: the same events, all text whole UTF-8, an error only as the last one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "e2ee/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_event(const venice_event *ev, int *errors)
{
    if (*errors > 0 || ev->kind < VENICE_EV_CONTENT || ev->kind > VENICE_EV_ERROR)
        abort();
    if (ev->len == 0 || ev->data[ev->len] != 0)
        abort();
    if (!utf8_valid((const uint8_t *)ev->data, ev->len))
        abort();
    if (ev->kind == VENICE_EV_WHITESPACE && strspn(ev->data, " \t\r\n") != ev->len)
        abort();
    if (ev->kind == VENICE_EV_ERROR) {
        cJSON *tree;

        ++*errors;
        if (json_parse(&tree, ev->data, ev->len, NULL) != 0 || !json_string(tree, "code"))
            abort();
        cJSON_Delete(tree);
    }
}

static void add_event(uint8_t digest[32], const venice_event *ev)
{
    uint8_t both[65];

    memcpy(both, digest, 32);
    both[32] = (uint8_t)ev->kind;
    sha256(both + 33, (const uint8_t *)ev->data, ev->len);
    sha256(digest, both, sizeof both);
}

static void run(uint8_t digest[32], venice_keypair *kp, const char *bytes, size_t len, size_t step)
{
    venice_stream *s;
    venice_event ev;
    int errors = 0;

    memset(digest, 0, 32);
    if (stream_new(&s, kp, NULL) != 0)
        abort();
    for (size_t at = 0; at < len; at += step) {
        stream_feed(s, bytes + at, step < len - at ? step : len - at);
        while (stream_next(s, &ev)) {
            check_event(&ev, &errors);
            add_event(digest, &ev);
        }
    }
    stream_finish(s);
    while (stream_next(s, &ev)) {
        check_event(&ev, &errors);
        add_event(digest, &ev);
    }
    if ((errors == 0) != (stream_failure(s)->status == 0) || (errors == 0 && !stream_done(s)))
        abort();
    stream_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static venice_keypair *kp;
    uint8_t one[32] = { 0 }, whole[32], cut[32];

    one[31] = 1;
    if (!kp && keypair_from_private(&kp, one) != 0)
        abort();
    if (len == 0)
        return 0;
    run(whole, kp, (const char *)data + 1, len - 1, len);
    run(cut, kp, (const char *)data + 1, len - 1, (size_t)data[0] + 1);
    if (memcmp(whole, cut, 32) != 0)
        abort();
    return 0;
}
