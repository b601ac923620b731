/* Reads a file that an option names. */
#include "client/pem_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "client/buffer.h"

static int read_all(struct buffer *all, int fd)
{
    char piece[4096];
    struct stat st;
    ssize_t n;
    int r = 0;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return VENICE_E_CONFIG;
    while (r == 0 && (n = read(fd, piece, sizeof piece)) != 0)
        r = n > 0 ? buffer_append(all, piece, (size_t)n, PEM_FILE_MAX) : VENICE_E_CONFIG;
    if (r == 0 && (all->len == 0 || memchr(all->data, 0, all->len)))
        r = VENICE_E_CONFIG;
    return r;
}

int pem_file_read(char **out, const char *path, const char *option, struct failure *f)
{
    struct buffer all = { 0 };
    int r = VENICE_E_CONFIG;
    /* Not blocking: a pipe of that name must not hold up everybody's answers. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    *out = NULL;
    if (fd >= 0) {
        r = read_all(&all, fd);
        close(fd);
    }
    if (r == 0) {
        *out = all.data;
        return 0;
    }
    buffer_free(&all);
    return failure_set(f, VENICE_E_CONFIG, "it must be a PEM file that can be read",
                       "%s: %s cannot be used", option, path);
}
