/* The three clocks of the client; nothing else in csrc asks for the time. */
#ifndef VENICE_CLIENT_CLOCK_H
#define VENICE_CLIENT_CLOCK_H

#include <stdint.h>

/* Milliseconds that never jump, for timeouts and pauses. */
long long clock_ms(void);

/* Seconds that never jump and go on while the machine sleeps, for the life of a session. */
int64_t clock_boot(void);

/* Unix seconds: what certificates and reports are judged by. */
int64_t clock_unix(void);

#endif
