/* The event queue: a list under one mutex, and a pipe that holds one byte while the list is not
 * empty. */
#include "client/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"

/* Long enough for the words of a DONE that comes when there is no memory for better ones. */
enum { LAST_WORDS = 160 };

struct node {
    struct node *next;
    uint32_t kind, request;
    int32_t status;
    uint32_t len;
    char data[];
};

struct queue {
    pthread_mutex_t lock;
    struct node *first, **last;
    struct node *reserved; /* one for every DONE that is owed */
    struct node *given;    /* what the last queue_next returned */
    size_t bytes, max_bytes;
    bool starved; /* the worker was told that there is no room, and not yet that there is */
    bool armed;   /* a byte is in the pipe */
    int read_fd, write_fd;
};

/* pipe2 is not everywhere; both ends must not reach the children that the editor starts (H8). */
static int make_pipe(int fds[2])
{
#ifdef __APPLE__
    if (pipe(fds) != 0)
        return VENICE_E_INTERNAL;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
#else
    return pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : VENICE_E_INTERNAL;
#endif
}

int queue_new(struct queue **out, size_t max_bytes)
{
    int fds[2];
    struct queue *q = wiping_calloc(1, sizeof *q);

    *out = NULL;
    if (!q)
        return VENICE_E_MEMORY;
    if (make_pipe(fds) != 0) {
        wiping_free(q);
        return VENICE_E_INTERNAL;
    }
    if (pthread_mutex_init(&q->lock, NULL) != 0) {
        close(fds[0]);
        close(fds[1]);
        wiping_free(q);
        return VENICE_E_INTERNAL;
    }
    q->read_fd = fds[0];
    q->write_fd = fds[1];
    q->last = &q->first;
    q->max_bytes = max_bytes;
    *out = q;
    return 0;
}

static void free_list(struct node *n)
{
    while (n) {
        struct node *next = n->next;

        wiping_free(n);
        n = next;
    }
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    free_list(q->first);
    free_list(q->reserved);
    free_list(q->given);
    close(q->read_fd);
    close(q->write_fd);
    pthread_mutex_destroy(&q->lock);
    wiping_free(q);
}

int queue_fd(const struct queue *q)
{
    return q->read_fd;
}

bool queue_has_room(struct queue *q)
{
    bool room;

    pthread_mutex_lock(&q->lock);
    room = !q->starved && q->bytes < q->max_bytes;
    q->starved = !room;
    pthread_mutex_unlock(&q->lock);
    return room;
}

size_t queue_bytes(struct queue *q)
{
    size_t n;

    pthread_mutex_lock(&q->lock);
    n = q->bytes;
    pthread_mutex_unlock(&q->lock);
    return n;
}

static size_t cost(const struct node *n)
{
    return sizeof *n + n->len;
}

/* Both under the lock, so that the byte is there exactly while an event is. The pipe holds at most
 * one byte and does not block: neither call can fail but for a signal. */
static void arm(struct queue *q)
{
    if (q->armed)
        return;
    while (write(q->write_fd, "", 1) < 0 && errno == EINTR)
        ;
    q->armed = true;
}

static void disarm(struct queue *q)
{
    char byte;

    if (!q->armed)
        return;
    while (read(q->read_fd, &byte, 1) < 0 && errno == EINTR)
        ;
    q->armed = false;
}

static struct node *node_new(size_t len)
{
    struct node *n = wiping_malloc(sizeof *n + len + 1);

    if (n)
        n->next = NULL;
    return n;
}

static struct node *take_reserved(struct queue *q)
{
    struct node *n = q->reserved;

    if (n) {
        q->reserved = n->next;
        n->next = NULL;
    }
    return n;
}

int queue_reserve(struct queue *q)
{
    struct node *n = node_new(LAST_WORDS);

    if (!n)
        return VENICE_E_MEMORY;
    pthread_mutex_lock(&q->lock);
    n->next = q->reserved;
    q->reserved = n;
    pthread_mutex_unlock(&q->lock);
    return 0;
}

void queue_unreserve(struct queue *q)
{
    struct node *n;

    pthread_mutex_lock(&q->lock);
    n = take_reserved(q);
    pthread_mutex_unlock(&q->lock);
    wiping_free(n);
}

/* The place that was kept for a DONE, with what can be said in it. */
static struct node *last_words(struct queue *q, int status)
{
    struct node *n;
    int len;

    pthread_mutex_lock(&q->lock);
    n = take_reserved(q);
    pthread_mutex_unlock(&q->lock);
    if (!n)
        return NULL;
    len = snprintf(n->data, LAST_WORDS,
                   "{\"code\":\"%s\",\"message\":\"there is not enough memory\",\"hint\":\"\"}",
                   venice_status_name(status));
    n->len = len > 0 && len < LAST_WORDS ? (uint32_t)len : 0;
    n->data[n->len] = 0;
    return n;
}

static void append(struct queue *q, struct node *n)
{
    pthread_mutex_lock(&q->lock);
    *q->last = n;
    q->last = &n->next;
    q->bytes += cost(n);
    arm(q);
    pthread_mutex_unlock(&q->lock);
}

int queue_push(struct queue *q, uint32_t kind, uint32_t request, int status, const char *data,
               size_t len)
{
    struct node *n = len < UINT32_MAX / 2 ? node_new(len) : NULL;

    if (n) {
        if (len > 0)
            memcpy(n->data, data, len);
        n->data[len] = 0;
        n->len = (uint32_t)len;
        if (kind == VENICE_EV_DONE)
            queue_unreserve(q);
    } else {
        if (kind != VENICE_EV_DONE)
            return VENICE_E_MEMORY;
        status = status == 0 ? VENICE_E_MEMORY : status;
        n = last_words(q, status);
        if (!n)
            return VENICE_E_MEMORY;
    }
    n->kind = kind;
    n->request = request;
    n->status = status;
    append(q, n);
    return 0;
}

/* Takes the oldest out of the list. The worker is woken at half, not at the first free byte, so
 * that a slow reader does not make it run for every event. */
static struct node *take_first(struct queue *q, bool *drained)
{
    struct node *n;

    pthread_mutex_lock(&q->lock);
    n = q->first;
    if (n) {
        q->first = n->next;
        q->bytes -= cost(n);
        if (!q->first) {
            q->last = &q->first;
            disarm(q);
        }
        if (q->starved && q->bytes <= q->max_bytes / 2) {
            q->starved = false;
            *drained = true;
        }
    }
    pthread_mutex_unlock(&q->lock);
    return n;
}

int queue_next(struct queue *q, venice_event *out, bool *drained)
{
    struct node *n;

    *drained = false;
    memset(out, 0, sizeof *out);
    wiping_free(q->given);
    q->given = NULL;
    n = take_first(q, drained);
    if (!n)
        return 0;
    n->next = NULL;
    q->given = n;
    out->kind = n->kind;
    out->request = n->request;
    out->status = n->status;
    out->len = n->len;
    out->data = n->data;
    return 1;
}
