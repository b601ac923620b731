/* A growing array of bytes. */
#include "client/buffer.h"

#include <string.h>

#include "base/secret.h"
#include "venice.h"

enum { FIRST_CAP = 4096 };

int buffer_append(struct buffer *b, const void *bytes, size_t n, size_t max)
{
    if (n > max || b->len > max - n)
        return VENICE_E_LIMIT;
    if (b->cap < b->len + n + 1) {
        size_t cap = b->cap ? b->cap : FIRST_CAP;
        char *grown;

        while (cap < b->len + n + 1)
            cap *= 2;
        grown = wiping_realloc(b->data, cap);
        if (!grown)
            return VENICE_E_MEMORY;
        b->data = grown;
        b->cap = cap;
    }
    if (n > 0)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
    return 0;
}

void buffer_reset(struct buffer *b)
{
    secret_wipe(b->data, b->len);
    b->len = 0;
}

void buffer_free(struct buffer *b)
{
    wiping_free(b->data);
    memset(b, 0, sizeof *b);
}
