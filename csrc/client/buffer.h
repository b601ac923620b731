/* Bytes that grow, up to a limit, and are wiped when they go. */
#ifndef VENICE_CLIENT_BUFFER_H
#define VENICE_CLIENT_BUFFER_H

#include <stddef.h>

struct buffer {
    char *data; /* NUL-terminated where not NULL */
    size_t len, cap;
};

/* VENICE_E_LIMIT, with nothing appended, where it would hold more than max; VENICE_E_MEMORY. */
int buffer_append(struct buffer *b, const void *bytes, size_t n, size_t max);

/* Wipes the bytes and keeps the memory, or gives it back too. */
void buffer_reset(struct buffer *b);
void buffer_free(struct buffer *b);

#endif
