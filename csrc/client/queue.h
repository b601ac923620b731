/* Events from the worker to the editor thread. The descriptor is readable exactly while the queue
 * is not empty (NATIVE.md section 2.2, lines 4 to 6): no wake-up is lost and none has to be
 * drained. */
#ifndef VENICE_CLIENT_QUEUE_H
#define VENICE_CLIENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "venice.h"

struct queue;

int queue_new(struct queue **out, size_t max_bytes);
void queue_free(struct queue *q); /* wipes what is left; takes NULL */
int queue_fd(const struct queue *q);

/* Worker: whether there is room for text. Text is not pushed while this is false: the transfer is
 * paused, which slows the sender down. DONE, STATE and REPORT are always taken. */
bool queue_has_room(struct queue *q);

/* Copies data. VENICE_E_MEMORY leaves the queue as it was. A DONE uses up one place of
 * queue_reserve, so that it is said even when there is no memory: then with words of its own, and
 * a status of 0 becomes VENICE_E_MEMORY (the end of the text cannot be vouched for). */
int queue_push(struct queue *q, uint32_t kind, uint32_t request, int status, const char *data,
               size_t len);

/* Editor thread: reserves the place of one DONE event, or gives one back that will not be used. */
int queue_reserve(struct queue *q);
void queue_unreserve(struct queue *q);

/* What the events that wait take, in bytes. */
size_t queue_bytes(struct queue *q);

/* Editor thread: 1 and the oldest event, 0 for none. Wipes the one given before. *drained is set
 * where this made room after queue_has_room said no: wake the worker. */
int queue_next(struct queue *q, venice_event *out, bool *drained);

#endif
