/* The version of this project: in the User-Agent and in venice_info. */
#ifndef VENICE_CLIENT_VERSION_H
#define VENICE_CLIENT_VERSION_H

#define VENICE_VERSION "0.1.0"

#endif
