/* Proxies by curl's rules: the lower-case name goes before the upper-case one, the scheme's own
 * before all_proxy, and an empty variable is none. */
#include "client/proxy.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct proxy {
    const char *variable; /* the one that named it */
    char *url;            /* NULL: none */
    char *exceptions;     /* no_proxy; NULL: none */
};

/* ---- Reading ------------------------------------------------------------------------------ */

/* The first of these that is set and not empty. */
static int read_first(char **out, const char **name, const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);

        if (!value || !*value)
            continue;
        *name = *names;
        *out = wiping_strdup(value);
        return *out ? 0 : VENICE_E_MEMORY;
    }
    return 0;
}

int proxy_read(struct proxy **out)
{
    static const char *const PROXY[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                         NULL };
    static const char *const EXCEPTIONS[] = { "no_proxy", "NO_PROXY", NULL };
    const char *unused;
    struct proxy *p = wiping_calloc(1, sizeof *p);
    int r = VENICE_E_MEMORY;

    *out = NULL;
    if (p)
        r = read_first(&p->url, &p->variable, PROXY);
    if (r == 0)
        r = read_first(&p->exceptions, &unused, EXCEPTIONS);
    if (r != 0)
        proxy_free(p);
    else
        *out = p;
    return r;
}

void proxy_free(struct proxy *p)
{
    if (!p)
        return;
    wiping_free(p->url);
    wiping_free(p->exceptions);
    wiping_free(p);
}

bool proxy_is_set(const struct proxy *p)
{
    return p && p->url;
}

bool proxy_has_user(const struct proxy *p)
{
    return proxy_is_set(p) && strchr(p->url, '@');
}

/* ---- Applying ----------------------------------------------------------------------------- */

/* A part of the address, unescaped; NULL where it has none. curl_free, which wipes. */
static char *part(CURLU *u, CURLUPart which)
{
    char *text = NULL;

    return curl_url_get(u, which, &text, CURLU_URLDECODE) == CURLUE_OK ? text : NULL;
}

static bool is_known_scheme(CURLU *u)
{
    static const char *const SCHEMES[] = {
        "http", "https", "socks4", "socks5", "socks4a", "socks5h"
    };
    char *scheme = part(u, CURLUPART_SCHEME);
    bool known = false;

    for (size_t i = 0; scheme && i < sizeof SCHEMES / sizeof *SCHEMES; i++)
        known = known || strcmp(scheme, SCHEMES[i]) == 0;
    curl_free(scheme);
    return known;
}

static bool set_credentials(CURL *easy, CURLU *u)
{
    char *user = part(u, CURLUPART_USER), *password = part(u, CURLUPART_PASSWORD);
    CURLcode c = CURLE_OK;

    if (user)
        c = curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, user);
    if (c == CURLE_OK && password)
        c = curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, password);
    curl_free(user);
    curl_free(password);
    return c == CURLE_OK;
}

static bool set_address(CURL *easy, CURLU *u)
{
    char *url = NULL;
    bool done = curl_url_set(u, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
                curl_url_set(u, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
                curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK &&
                curl_easy_setopt(easy, CURLOPT_PROXY, url) == CURLE_OK;

    curl_free(url);
    return done;
}

static int set_proxy(CURL *easy, const struct proxy *p, struct failure *f)
{
    CURLU *u = curl_url();
    int r = VENICE_E_MEMORY;

    if (u && (curl_url_set(u, CURLUPART_URL, p->url,
                           CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) != CURLUE_OK ||
              !is_known_scheme(u)))
        r = failure_set(f, VENICE_E_CONFIG, "it is http://host:port, or socks5h://host:port",
                        "%s in the environment is not the address of a proxy", p->variable);
    else if (u && set_credentials(easy, u) && set_address(easy, u))
        r = 0;
    curl_url_cleanup(u);
    return r;
}

/* Empty texts, and not NULL: curl looks into the environment for what was not set. */
int proxy_apply(CURL *easy, const struct proxy *p, struct failure *f)
{
    const char *exceptions = p && p->exceptions ? p->exceptions : "";

    if (curl_easy_setopt(easy, CURLOPT_NOPROXY, exceptions) != CURLE_OK)
        return VENICE_E_MEMORY;
    if (p && p->url)
        return set_proxy(easy, p, f);
    return curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK ? 0 : VENICE_E_MEMORY;
}
