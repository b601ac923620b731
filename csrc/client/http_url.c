/* URLs, read by the parser that will also use them, so that both see the same host. */
#include "client/http_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char HINT[] = "an https:// address, or http:// for 127.0.0.0/8, [::1] and localhost";

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    char bare[HTTP_HOST_MAX + 1];
    size_t n = strlen(host);

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (n < 3 || host[0] != '[' || host[n - 1] != ']')
        return false;
    memcpy(bare, host + 1, n - 2);
    bare[n - 2] = 0;
    return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* Whether the URL has this part; its text where out is given. */
static bool part(CURLU *u, CURLUPart which, char *out, size_t cap)
{
    char *text = NULL;
    bool there = curl_url_get(u, which, &text, 0) == CURLUE_OK && text;

    if (there && out)
        there = snprintf(out, cap, "%s", text) < (int)cap;
    curl_free(text);
    return there;
}

static int read_parts(struct http_url *out, CURLU *u, const char *option, struct failure *f)
{
    char scheme[16];

    if (!part(u, CURLUPART_SCHEME, scheme, sizeof scheme) ||
        !part(u, CURLUPART_HOST, out->host, sizeof out->host))
        return failure_set(f, VENICE_E_CONFIG, HINT, "%s has no scheme or no host", option);
    if (part(u, CURLUPART_FRAGMENT, NULL, 0))
        return failure_set(f, VENICE_E_CONFIG, HINT, "%s must not hold a fragment", option);
    (void)part(u, CURLUPART_PORT, out->port, sizeof out->port);
    out->query = part(u, CURLUPART_QUERY, NULL, 0);
    out->https = strcmp(scheme, "https") == 0;
    out->loopback = is_loopback(out->host);
    if (!out->https && strcmp(scheme, "http") != 0)
        return failure_set(f, VENICE_E_CONFIG, HINT, "%s is not an https address", option);
    if (!out->https && !out->loopback)
        return failure_set(f, VENICE_E_CONFIG, HINT, "%s is plain http to %s", option, out->host);
    return 0;
}

int http_url_read(struct http_url *out, const char *url, const char *option, struct failure *f)
{
    int r;
    CURLUcode code;
    CURLU *u = curl_url();

    memset(out, 0, sizeof *out);
    if (!u)
        return failure_set(f, VENICE_E_MEMORY, NULL, "there is not enough memory");
    code = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER);
    if (code == CURLUE_OK)
        r = read_parts(out, u, option, f);
    else if (code == CURLUE_USER_NOT_ALLOWED)
        r = failure_set(f, VENICE_E_CONFIG, HINT, "%s must not hold a user or a password", option);
    else
        r = failure_set(f, VENICE_E_CONFIG, HINT, "%s is not an address that can be used", option);
    curl_url_cleanup(u);
    return r;
}

bool http_url_escape(char *out, size_t cap, const char *text)
{
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t n = 0;

    for (; *text; text++) {
        if (n + 4 > cap)
            return false;
        if (strchr(PLAIN, *text))
            out[n++] = *text;
        else
            n += (size_t)snprintf(out + n, cap - n, "%%%02X", (unsigned char)*text);
    }
    out[n] = 0;
    return true;
}
