/* Memory for secrets: pages that are locked, kept out of core dumps and of children, and wiped. */
#ifndef VENICE_BASE_SECRET_H
#define VENICE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites n bytes; not optimised away. Takes NULL. */
void secret_wipe(void *p, size_t n);

/* Zeroed memory for a secret of 1 to SECRET_KEY_MAX + SECRET_BLOCK bytes, from arenas between guard
 * pages (mlock, MADV_DONTDUMP, MADV_WIPEONFORK; NATIVE.md section 4 rule 4). Returns NULL for
 * another size and when there is no more. Thread-safe without locks that could be held across
 * I/O. */
enum { SECRET_BLOCK = 256, SECRET_KEY_MAX = 4096 };
void *secret_alloc(size_t n);

/* Wipes and gives back what secret_alloc gave. Takes NULL. */
void secret_free(void *p);

/* Whether the arena could be locked into memory (false: it works, but may be swapped). */
bool secret_is_locked(void);

/* malloc and its family with the contents overwritten on free and when a block moves. libcurl
 * and everything of ours that may hold plaintext use them. */
void *wiping_malloc(size_t n);
void *wiping_calloc(size_t count, size_t size);
void *wiping_realloc(void *p, size_t n);
char *wiping_strdup(const char *s);
void wiping_free(void *p);

#endif
