/* The clocks. */
#include "client/clock.h"

#include <time.h>

/* macOS stops CLOCK_MONOTONIC in no sleep; Linux does, and has a clock of its own for that. */
#ifdef CLOCK_BOOTTIME
static const clockid_t SLEEPLESS = CLOCK_BOOTTIME;
#else
static const clockid_t SLEEPLESS = CLOCK_MONOTONIC;
#endif

static struct timespec read_clock(clockid_t id)
{
    struct timespec t = { 0 };

    (void)clock_gettime(id, &t);
    return t;
}

long long clock_ms(void)
{
    struct timespec t = read_clock(CLOCK_MONOTONIC);

    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_boot(void)
{
    return read_clock(SLEEPLESS).tv_sec;
}

int64_t clock_unix(void)
{
    return read_clock(CLOCK_REALTIME).tv_sec;
}
