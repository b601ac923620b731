/* Small text files that options name. Worker thread only: it reads the disk. */
#ifndef VENICE_CLIENT_PEM_FILE_H
#define VENICE_CLIENT_PEM_FILE_H

#include "base/status.h"

enum { PEM_FILE_MAX = 1024 * 1024 };

/* The whole file, NUL-terminated; *out is freed with wiping_free. On VENICE_E_CONFIG f names option
 * and the path. */
int pem_file_read(char **out, const char *path, const char *option, struct failure *f);

#endif
