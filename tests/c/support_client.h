/* One client against the simulated service, for tests of what its requests say. */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/buffer.h"
#include "support_simulator.h"
#include "venice.h"

extern const char MODEL[], POLICY[], CHAT_PATH[], ATTEST_PATH[];

extern venice_client *the_client;

/* What a request has said so far. */
struct seen {
    uint32_t id;
    struct buffer text, reasoning, states, report, models, done;
    int reports, texts, events, dones, status;
    long long done_at; /* clock_ms */
};

void seen_free(struct seen *s);
const char *seen_text(const struct buffer *b); /* never NULL */
void seen_take(struct seen *s, const venice_event *ev);

/* Reads what is there, or waits ms for it. Events go to the request that they belong to. */
bool events_pump(struct seen *all, int count, int ms);
/* Until each has its DONE; the test fails after ms. */
void await_all(struct seen *all, int count, int ms);
void await_done(struct seen *s);
/* Until this much text has come. */
void await_text(struct seen *s, size_t bytes);

/* Requests, with MODEL and POLICY where none are given. */
void ask(struct seen *s);
void ask_with(struct seen *s, const char *model, const char *prompt, const char *options);
void ask_attest(struct seen *s, const char *options);

/* The test fails where DONE has another status, or a JSON text without part. */
void expect_done(const struct seen *s, int status, const char *part);

/* more: further options as JSON members. */
void client_open(const char *more);
void client_shut(void);

/* Without faults, and with answers that come at once. */
void simulator_anew(void);
/* How many requests went to a path since then. */
int simulator_count(const char *path);
const char *text_member(const cJSON *entry, const char *name);

int group_set_up(void **state);
int group_tear_down(void **state);
int client_set_up(void **state);
int client_tear_down(void **state);

#define NEEDS_SIMULATOR()        \
    do {                         \
        (void)state;             \
        if (!simulator_url()[0]) \
            skip();              \
    } while (0)

#define CASE(name) cmocka_unit_test_setup_teardown(name, client_set_up, client_tear_down)

#endif
