"""Try again, later."""

import time


def retry(call, attempts=5):
    delay = 0.5
    while attempts > 0:
        try:
            return call()
        except OSError:
            attempts -= 1
            time.sleep(delay)
            delay *= 2
    raise TimeoutError
