/* Intel's collateral for one platform: four GETs in parallel (DCAP.md section 3), put together
 * in the JSON layout of dcap-qvl. Nothing is believed here: what comes is judged by dcap_verify.
 * Worker thread only. */
#ifndef VENICE_CLIENT_COLLATERAL_FETCH_H
#define VENICE_CLIENT_COLLATERAL_FETCH_H

#include "client/collateral_parts.h"
#include "client/http.h"

struct collateral_fetch;

/* In: service an address without a slash at its end; fmspc 12 hex digits; ca "platform" or
 * "processor". VENICE_E_CONFIG where the address may not be used, VENICE_E_MEMORY. */
int collateral_fetch_start(struct collateral_fetch **out, struct failure *f, CURLM *multi,
                           const struct http_config *config, const char *service, const char *fmspc,
                           const char *ca);
void collateral_fetch_stop(struct collateral_fetch *c); /* takes NULL */

/* True when all four are over, or one has failed. */
bool collateral_fetch_over(const struct collateral_fetch *c);

/* When over: the JSON for wiping_free, or the failure, which names the host and the option.
 * VENICE_E_MALFORMED: all was answered, and something cannot be read. */
int collateral_fetch_result(const struct collateral_fetch *c, char **json, size_t *len,
                            struct failure *f);

/* As http_due and http_expire; both take NULL. */
long long collateral_fetch_due(const struct collateral_fetch *c);
void collateral_fetch_expire(struct collateral_fetch *c, long long now_ms);

#endif
