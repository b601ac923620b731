/* JSON that arrives from outside, through cJSON, with what cJSON does not check checked here.
 *
 * cJSON's allocator is the process's, which may be another component's: it is never replaced, and
 * its memory is not wiped. So prompts, opened text and keys do not pass through it: contents of a
 * request are written by e2ee/request.c, and a stream's blobs are opened outside of their tree. */
#ifndef VENICE_BASE_JSON_H
#define VENICE_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JSON_BYTES = 4 * 1024 * 1024,
    JSON_DEPTH = 32,
    JSON_DEPTH_MAX = 128, /* cJSON recurses, so more is not to be had */
    JSON_VALUES = 200000,
    JSON_NUMBER_CHARS = 60 /* cJSON reads no more than 63 characters of a number */
};

/* What a text may be. Zero means the default, which is the name beside it. */
struct json_limits {
    size_t bytes;          /* length of the text: JSON_BYTES */
    unsigned depth;        /* nesting, a lone value is 0: JSON_DEPTH; at most JSON_DEPTH_MAX */
    size_t values;         /* number of values: JSON_VALUES */
    bool allow_duplicates; /* false: a member name twice in one object is refused */
    bool allow_nul; /* \u0000 in a value (not in a name) passes; cJSON ends the string there */
};

/* Parses exactly one value: UTF-8, nothing after it but white space, no NUL byte and no \u0000
 * (cJSON would cut the string there), no lone surrogate, no number beyond what a double holds,
 * depth and size within limits (NULL: the defaults). Member names are compared after unescaping, by
 * case. Returns 0; VENICE_E_MALFORMED; VENICE_E_LIMIT; VENICE_E_MEMORY. *out is freed with
 * cJSON_Delete. */
int json_parse(cJSON **out, const char *text, size_t len, const struct json_limits *limits);

/* What json_parse checks before it builds a tree, alone. json_scan.c. */
int json_check(const char *text, size_t len, const struct json_limits *limits);

/* Which limit a text is over, in words that follow a colon; NULL: none. */
const char *json_over_limit(const char *text, size_t len, const struct json_limits *limits);

/* Walks members by name from an object: json_at(root, "info", "vm_config", NULL). By case. Returns
 * NULL where a step is missing or not an object. */
const cJSON *json_at(const cJSON *root, ...) __attribute__((sentinel));

/* The string of a member; NULL where it is absent or another type. */
const char *json_string(const cJSON *object, const char *name);

/* 1 true, 0 false, -1 absent, -2 another type. */
int json_bool(const cJSON *object, const char *name);

/* Whether the member is a number without fraction within min..max; then *out has it. */
bool json_integer(int64_t *out, const cJSON *object, const char *name, int64_t min, int64_t max);

/* The exact bytes of a member's value in the text of an object that json_parse took (for what is
 * signed over its bytes: DCAP.md rule 17). Returns 0, or VENICE_E_MALFORMED where it is absent. */
int json_raw_member(const char **out, size_t *out_len, const char *text, size_t len,
                    const char *name);

/* Whether a parser could take n bytes for one JSON array: RFC 8259, or what Python's parser takes
 * beyond it (NaN, Infinity, any \u escape). Where nesting or a number is over our limits the answer
 * is yes without a look at the rest. */
bool json_is_array(const char *text, size_t n);

/* Prints a tree; the caller frees *out with wiping_free. Deletes nothing. */
int json_print(char **out, size_t *len, const cJSON *tree);

#endif
