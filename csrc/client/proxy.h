/* The proxy that the environment names. curl would read it by itself, on the worker, while the
 * editor may be changing its environment, which crashes; so the editor thread reads it with every
 * request, and curl is always told. */
#ifndef VENICE_CLIENT_PROXY_H
#define VENICE_CLIENT_PROXY_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/status.h"

struct proxy;

/* Editor thread: what the variables say now. Plain http goes to loopback addresses only, which are
 * never reached through a proxy, so http_proxy is not read. VENICE_E_MEMORY. */
int proxy_read(struct proxy **out);
bool proxy_is_set(const struct proxy *p);   /* p may be NULL */
bool proxy_has_user(const struct proxy *p); /* p may be NULL */
void proxy_free(struct proxy *p);           /* wipes: it may hold a password; takes NULL */

/* Sets a transfer's proxy, or that it has none (p NULL). curl gets the address without user and
 * password, which its messages would repeat. On VENICE_E_CONFIG f names the variable. */
int proxy_apply(CURL *easy, const struct proxy *p, struct failure *f);

#endif
