/* One file for a platform, its authority and a service; its name says which. */
#include "client/collateral_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/tdx/collateral.h"
#include "attest/tdx/dcap.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "client/buffer.h"
#include "venice.h"

enum { URL_TAG_BYTES = 8 };

/* fmspc and ca come from a certificate in a quote, so they are checked before they name a file. */
static bool make_path(char path[PATH_MAX], const struct collateral_key *key)
{
    uint8_t digest[32], fmspc[6];
    char tag[2 * URL_TAG_BYTES + 1] = "", name[13] = "";
    int n;

    if (!key->dir || strlen(key->fmspc) != 12 || hex_decode(fmspc, key->fmspc, 12) != 0 ||
        (strcmp(key->ca, "platform") != 0 && strcmp(key->ca, "processor") != 0) ||
        sha256(digest, (const uint8_t *)key->url, strlen(key->url)) != 0)
        return false;
    hex_encode(tag, digest, URL_TAG_BYTES);
    hex_encode(name, fmspc, sizeof fmspc);
    n = snprintf(path, PATH_MAX, "%s/collateral-%s-%s-%s.json", key->dir, name, key->ca, tag);
    return n > 0 && n < PATH_MAX;
}

/* ---- Reading ------------------------------------------------------------------------------ */

static int read_file(struct buffer *out, const char *path)
{
    char piece[16384];
    struct stat st;
    ssize_t n = 0;
    int r = VENICE_E_MALFORMED;
    /* A link or a pipe of that name is not ours. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return VENICE_E_NOT_FOUND;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        r = 0;
    while (r == 0 && (n = read(fd, piece, sizeof piece)) > 0)
        r = buffer_append(out, piece, (size_t)n, COLLATERAL_MAX);
    close(fd);
    return n < 0 ? VENICE_E_MALFORMED : r;
}

/* A file that was renamed or written by something else speaks of another platform. */
static bool is_of_platform(const char *json, size_t len, const char *fmspc)
{
    struct collateral c = { 0 };
    cJSON *info = NULL;
    const char *named = NULL;
    bool same;

    if (collateral_read(&c, json, len) == 0 &&
        json_parse(&info, c.tcb_info, strlen(c.tcb_info), NULL) == 0)
        named = json_string(info, "fmspc");
    same = named && strcasecmp(named, fmspc) == 0;
    cJSON_Delete(info);
    collateral_clear(&c);
    return same;
}

void collateral_cache_read(char **json, size_t *len, const struct collateral_key *key, int64_t now)
{
    char path[PATH_MAX];
    struct buffer all = { 0 };
    int64_t ends = 0;

    *json = NULL;
    *len = 0;
    if (!make_path(path, key))
        return;
    if (read_file(&all, path) == 0 && all.len > 0 &&
        dcap_collateral_expiry(&ends, all.data, all.len) == 0 && now <= ends &&
        is_of_platform(all.data, all.len, key->fmspc)) {
        *json = all.data;
        *len = all.len;
        return;
    }
    buffer_free(&all);
}

/* ---- Writing ------------------------------------------------------------------------------ */

/* The folder and those above it. */
static bool make_folder(const char *dir)
{
    char path[PATH_MAX];
    size_t n = strlen(dir);

    if (n == 0 || n >= sizeof path)
        return false;
    memcpy(path, dir, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        path[i] = 0;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return false;
        if (i < n)
            path[i] = '/';
    }
    return true;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

void collateral_cache_write(const struct collateral_key *key, const char *json, size_t len)
{
    char path[PATH_MAX], beside[PATH_MAX];
    int fd, n;
    bool whole;

    if (!make_path(path, key) || len > COLLATERAL_MAX || !make_folder(key->dir))
        return;
    n = snprintf(beside, sizeof beside, "%s/.collateral-XXXXXX", key->dir);
    if (n < 0 || n >= (int)sizeof beside)
        return;
    fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return;
    /* No fsync: it could hold up everybody's answers, and a file that a crash cut off is
     * noticed. */
    whole = write_all(fd, json, len);
    whole = close(fd) == 0 && whole;
    if (!whole || rename(beside, path) != 0)
        (void)unlink(beside);
}
