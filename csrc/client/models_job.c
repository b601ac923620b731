/* The request for the list of models: no key, no session (PROTOCOL section 1.1). */
#include <stdio.h>

#include "base/secret.h"
#include "client/job.h"
#include "client/models.h"

void models_send(struct venice_client *c, struct job *j)
{
    char url[1024];
    struct failure f = { 0 };
    const char *const headers[] = { "Accept: application/json", NULL };
    struct http_request q = { .url = url,
                              .headers = headers,
                              .response_max = MODELS_BODY_MAX,
                              .total_seconds = MODELS_SECONDS };
    int n = snprintf(url, sizeof url, "%s/api/v1/models?type=text", c->options.base_url);

    if (n < 0 || n >= (int)sizeof url)
        failure_set(&f, VENICE_E_CONFIG, NULL, "base_url is too long");
    else
        (void)http_start(&j->http, &f, c->multi, &c->http, &q);
    if (f.status != 0)
        job_finish(c, j, &f);
    else
        j->state = JOB_ANSWER;
}

static int read_answer(char **list, size_t *list_len, const struct http *h, struct failure *f)
{
    size_t len = 0;
    const char *body;
    int r;

    if (http_failure(h, f) != 0)
        return f->status;
    if (http_status(h) / 100 != 2)
        return error_from_answer(f, h, AT_MODELS, "");
    body = http_body(h, &len);
    r = models_read(list, list_len, body, len);
    if (r == VENICE_E_MEMORY)
        return failure_set(f, r, NULL, "there is not enough memory");
    if (r == VENICE_E_LIMIT)
        return failure_set(f, r, "the option model names one without the list",
                           "the list of models is too long: more than %d that can be used, or "
                           "more than there is room for",
                           MODELS_MAX);
    if (r != 0)
        return failure_set(f, r, "is base_url right?", "the list of models is not readable");
    return 0;
}

bool models_answer(struct venice_client *c, struct job *j)
{
    char *list = NULL;
    size_t len = 0;
    struct failure f = { 0 };

    if (!http_over(j->http))
        return false;
    if (read_answer(&list, &len, j->http, &f) == 0)
        job_say(c, j, VENICE_EV_MODELS, 0, list, len);
    wiping_free(list);
    if (!j->failed_memory)
        job_finish(c, j, &f);
    return true;
}
