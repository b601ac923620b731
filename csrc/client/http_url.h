/* Which addresses we talk to (DESIGN section 5a, Loopback). */
#ifndef VENICE_CLIENT_HTTP_URL_H
#define VENICE_CLIENT_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum { HTTP_HOST_MAX = 255 };

struct http_url {
    bool https;
    bool loopback;                /* 127.0.0.0/8, [::1] or localhost */
    bool query;                   /* has a query part */
    char host[HTTP_HOST_MAX + 1]; /* for messages; with brackets where IPv6 */
    char port[8];                 /* as written; empty where it is the scheme's own */
};

/* Reads a URL that may be used: https, or http to loopback; no user info, no fragment, nothing that
 * curl's own parser would refuse. On VENICE_E_CONFIG f (may be NULL) names option. */
int http_url_read(struct http_url *out, const char *url, const char *option, struct failure *f);

/* A value for a query: everything but letters, digits and -._~ is escaped. False where it does not
 * fit. */
bool http_url_escape(char *out, size_t cap, const char *text);

#endif
