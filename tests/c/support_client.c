/* One client, its simulator, and what its requests have said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "support_client.h"

const char MODEL[] = "e2ee-sim-small";
const char POLICY[] = "{\"policy\":{\"dcap\":\"off\",\"gpu\":\"off\"}}";
const char CHAT_PATH[] = "/api/v1/chat/completions";
const char ATTEST_PATH[] = "/api/v1/tee/attestation";

venice_client *the_client;

void seen_free(struct seen *s)
{
    struct buffer *all[] = {
        &s->text, &s->reasoning, &s->states, &s->report, &s->models, &s->done
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buffer_free(all[i]);
    memset(s, 0, sizeof *s);
}

const char *seen_text(const struct buffer *b)
{
    return b->data ? b->data : "";
}

void seen_take(struct seen *s, const venice_event *ev)
{
    struct buffer *to = NULL;

    assert_int_equal(s->dones, 0); /* nothing comes after DONE */
    s->events++;
    switch (ev->kind) {
    case VENICE_EV_CONTENT:
        to = &s->text;
        s->texts++;
        break;
    case VENICE_EV_REASONING: to = &s->reasoning; break;
    case VENICE_EV_STATE: to = &s->states; break;
    case VENICE_EV_REPORT:
        to = &s->report;
        s->reports++;
        buffer_free(to);
        break;
    case VENICE_EV_MODELS: to = &s->models; break;
    case VENICE_EV_DONE:
        to = &s->done;
        s->dones++;
        s->status = ev->status;
        break;
    default: return;
    }
    if (ev->kind == VENICE_EV_DONE)
        s->done_at = clock_ms();
    assert_int_equal(ev->data[ev->len], 0);
    assert_int_equal(buffer_append(to, ev->data, ev->len, SIZE_MAX / 2), 0);
}

/* Reads what is there, or waits ms for it. Events go to the request that they belong to. */
bool events_pump(struct seen *all, int count, int ms)
{
    struct pollfd p = { .fd = venice_client_fd(the_client), .events = POLLIN };
    venice_event ev;

    if (poll(&p, 1, ms) != 1)
        return false;
    while (venice_next(the_client, &ev) == 1)
        for (int i = 0; i < count; i++)
            if (all[i].id == ev.request)
                seen_take(&all[i], &ev);
    return true;
}

void await_all(struct seen *all, int count, int ms)
{
    long long end = clock_ms() + ms;

    for (int i = 0; i < count;) {
        if (all[i].dones > 0) {
            i++;
            continue;
        }
        if (clock_ms() > end)
            fail_msg("request %d of %d has no DONE; states %s", i, count,
                     seen_text(&all[i].states));
        events_pump(all, count, 50);
    }
}

void await_done(struct seen *s)
{
    await_all(s, 1, 30000);
}

/* Until this much text has come. */
void await_text(struct seen *s, size_t bytes)
{
    long long end = clock_ms() + 10000;

    while (s->text.len < bytes && s->dones == 0 && clock_ms() < end)
        events_pump(s, 1, 50);
    assert_true(s->text.len >= bytes);
}

void ask_with(struct seen *s, const char *model, const char *prompt, const char *options)
{
    const venice_message m = { "user", prompt, (uint32_t)strlen(prompt), NULL };

    memset(s, 0, sizeof *s);
    assert_int_equal(venice_chat(the_client, &s->id, model, &m, 1, options, strlen(options)), 0);
    assert_int_not_equal(s->id, 0);
}

void ask(struct seen *s)
{
    ask_with(s, MODEL, "What does this loop do?", POLICY);
}

void ask_attest(struct seen *s, const char *options)
{
    memset(s, 0, sizeof *s);
    assert_int_equal(venice_attest(the_client, &s->id, MODEL, options, strlen(options)), 0);
}

void expect_done(const struct seen *s, int status, const char *part)
{
    if (s->status != status || !strstr(seen_text(&s->done), part))
        fail_msg("status %d (%s), wanted %d: %s", s->status, venice_status_name(s->status), status,
                 seen_text(&s->done));
    assert_int_equal(s->dones, 1);
}

void client_open(const char *more)
{
    char options[512];
    venice_text error;

    snprintf(options, sizeof options, "{\"base_url\":\"%s\"%s%s}", simulator_url(),
             *more ? "," : "", more);
    if (venice_client_new(&the_client, &error, options, strlen(options)) != 0)
        fail_msg("%s", error.data ? error.data : "no client");
    assert_int_equal(venice_key_from_env(the_client, "VENICE_API_KEY"), 0);
}

void client_shut(void)
{
    if (the_client)
        assert_int_equal(venice_client_close(&the_client, 5000), 0);
    assert_null(the_client);
}

/* Without faults, and with answers that come at once. */
void simulator_anew(void)
{
    simulator_reset();
    simulator_order("/_answer", "{\"rate\":0}");
}

int client_set_up(void **state)
{
    (void)state;
    if (!simulator_url()[0])
        return 0;
    setenv("VENICE_API_KEY", "test-key-0123456789", 1);
    simulator_anew();
    client_open("\"connect_timeout\":3,\"idle_timeout\":20");
    return 0;
}

int client_tear_down(void **state)
{
    (void)state;
    if (the_client)
        venice_client_close(&the_client, 5000);
    return 0;
}

int simulator_count(const char *path)
{
    cJSON *log = simulator_log();
    int n = log_count(log, path);

    cJSON_Delete(log);
    return n;
}

const char *text_member(const cJSON *entry, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(entry, name));
}

int group_set_up(void **state)
{
    (void)state;
    (void)simulator_start(); /* without it the cases skip */
    return 0;
}

int group_tear_down(void **state)
{
    (void)state;
    simulator_stop();
    return 0;
}
