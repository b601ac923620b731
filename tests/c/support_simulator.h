/* The simulated service (tests/enclave) as a child of a test program. */
#ifndef TESTS_SUPPORT_SIMULATOR_H
#define TESTS_SUPPORT_SIMULATOR_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Starts it once for the program; false where Python or what it needs is missing. */
bool simulator_start(void);
void simulator_stop(void);

const char *simulator_url(void);
const char *simulator_root(void); /* path of its root certificate */
const char *simulator_gpu_root(void);

/* POST of a JSON text to a control path; the test fails where it is not answered with 200. */
void simulator_order(const char *path, const char *json);
void simulator_reset(void);

/* GET /_log: the requests so far, to be deleted by the caller. */
cJSON *simulator_log(void);
/* How many of the requests in a log went to a path. */
int log_count(const cJSON *log, const char *path);
/* The nth (from 0) request to a path. */
const cJSON *log_entry(const cJSON *log, const char *path, int n);

#endif
