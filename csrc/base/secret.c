/* Locked pages for keys, and an allocator that leaves nothing behind. */
#include "base/secret.h"

#include <openssl/crypto.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __APPLE__
#include <malloc/malloc.h>
#include <stdlib.h>
#else
#include <malloc.h>
#include <stdlib.h>
#endif

/* A key takes one grain; the API key at most 65 in a row. One arena is enough for a thousand keys;
 * more are mapped at need, which only a caller who hoards key pairs will see. */
enum { GRAIN = 64, ARENA_BYTES = 64 * 1024, GRAINS = ARENA_BYTES / GRAIN, ARENAS_MAX = 64 };

/* taken[i]: the number of grains of the allocation that begins at grain i, INSIDE for its others,
 * 0 for a free grain. */
enum { INSIDE = 0xff };
struct arena {
    uint8_t *base;
    uint8_t taken[GRAINS];
};

static struct arena *arenas[ARENAS_MAX];
static unsigned arena_count;
static bool every_arena_is_locked = true;
static atomic_flag busy = ATOMIC_FLAG_INIT;

static void enter(void)
{
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
        sched_yield();
}

static void leave(void)
{
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

void secret_wipe(void *p, size_t n)
{
    if (p)
        OPENSSL_cleanse(p, n);
}

/* Guard page, locked pages, guard page: reading over either end of the arena faults. */
static uint8_t *map_locked_pages(bool *locked)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inner = (ARENA_BYTES + page - 1) / page * page;
    uint8_t *map = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED)
        return NULL;
    if (mprotect(map + page, inner, PROT_READ | PROT_WRITE) != 0) {
        munmap(map, inner + 2 * page);
        return NULL;
    }
    *locked = mlock(map + page, inner) == 0;
#ifdef MADV_DONTDUMP
    (void)madvise(map + page, inner, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
    (void)madvise(map + page, inner, MADV_WIPEONFORK);
#endif
    return map + page;
}

static struct arena *arena_add(void)
{
    bool locked = false;
    struct arena *a;

    if (arena_count == ARENAS_MAX)
        return NULL;
    a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->base = map_locked_pages(&locked);
    if (!a->base) {
        free(a);
        return NULL;
    }
    every_arena_is_locked = every_arena_is_locked && locked;
    arenas[arena_count++] = a;
    return a;
}

/* The first run of free grains that is long enough. */
static void *arena_take(struct arena *a, unsigned grains)
{
    unsigned run = 0;

    for (unsigned i = 0; i < GRAINS; i++) {
        run = a->taken[i] == 0 ? run + 1 : 0;
        if (run == grains) {
            unsigned first = i + 1 - grains;

            memset(a->taken + first, INSIDE, grains);
            a->taken[first] = (uint8_t)grains;
            return a->base + (size_t)first * GRAIN;
        }
    }
    return NULL;
}

void *secret_alloc(size_t n)
{
    unsigned grains = (unsigned)((n + GRAIN - 1) / GRAIN);
    void *p = NULL;

    if (n == 0 || n > SECRET_KEY_MAX + SECRET_BLOCK)
        return NULL;
    enter();
    for (unsigned i = 0; i < arena_count && !p; i++)
        p = arena_take(arenas[i], grains);
    if (!p) {
        struct arena *a = arena_add();

        if (a)
            p = arena_take(a, grains);
    }
    leave();
    return p; /* fresh pages are zero, and secret_free leaves zeros */
}

void secret_free(void *p)
{
    uintptr_t at = (uintptr_t)p;

    if (!p)
        return;
    enter();
    for (unsigned i = 0; i < arena_count; i++) {
        uintptr_t base = (uintptr_t)arenas[i]->base;
        uint8_t *taken = arenas[i]->taken;

        if (at >= base && at < base + ARENA_BYTES) {
            size_t first = (at - base) / GRAIN;
            size_t grains = taken[first];

            if ((at - base) % GRAIN != 0 || grains == 0 || grains == INSIDE)
                break; /* not a pointer of ours: leave everything as it is */
            secret_wipe(p, grains * GRAIN);
            memset(taken + first, 0, grains);
            break;
        }
    }
    leave();
}

bool secret_is_locked(void)
{
    bool locked;
    void *probe = secret_alloc(1); /* so that there is an arena to speak of */

    secret_free(probe);
    enter();
    locked = arena_count > 0 && every_arena_is_locked;
    leave();
    return locked;
}

static size_t usable_size(void *p)
{
#ifdef __APPLE__
    return malloc_size(p);
#else
    return malloc_usable_size(p);
#endif
}

void *wiping_malloc(size_t n)
{
    return malloc(n);
}

void *wiping_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

/* Never realloc: it would leave the old block behind unwiped. */
void *wiping_realloc(void *p, size_t n)
{
    size_t old;
    void *grown;

    if (!p)
        return malloc(n);
    old = usable_size(p);
    if (n <= old)
        return p;
    grown = malloc(n);
    if (!grown)
        return NULL;
    memcpy(grown, p, old);
    wiping_free(p);
    return grown;
}

char *wiping_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = malloc(n);

    if (copy)
        memcpy(copy, s, n);
    return copy;
}

void wiping_free(void *p)
{
    if (!p)
        return;
    OPENSSL_cleanse(p, usable_size(p));
    free(p);
}
