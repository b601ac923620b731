/* A main for a fuzz target without libFuzzer: gives it every file that is named, once.
 * Exit 1 where a file cannot be read or none was named, so that an empty replay is no success. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MAX_SEED = 32 * 1024 * 1024 };

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *room = malloc(MAX_SEED);
    uint8_t *exact = NULL;
    int result = -1;

    if (!file || !room)
        goto out;
    size_t len = fread(room, 1, MAX_SEED, file);
    if (ferror(file) || !feof(file))
        goto out;
    /* A block of exactly this size, so that a sanitizer sees a read one byte behind it. */
    exact = malloc(len ? len : 1);
    if (!exact)
        goto out;
    for (size_t i = 0; i < len; i++)
        exact[i] = room[i];
    LLVMFuzzerTestOneInput(exact, len);
    result = 0;
out:
    if (result)
        fprintf(stderr, "cannot replay %s\n", path);
    free(exact);
    free(room);
    if (file)
        fclose(file);
    return result;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;

    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]) != 0;
    return failed;
}
