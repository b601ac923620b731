/* Evidence of our own making, for the tests of csrc/attest: quotes that have the right form (nobody
 * signed them) and whole responses around them. */
#ifndef VENICE_TESTS_SUPPORT_ATTEST_H
#define VENICE_TESTS_SUPPORT_ATTEST_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

enum { SAMPLE_QUOTE_MAX = 4096, SAMPLE_NOW = 1790000000 };

#define SAMPLE_MODEL "e2ee-sample-8b"
#define SAMPLE_NONCE "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f"

/* Where things are in a sample quote of version 4. */
enum { SAMPLE_TD_ATTRIBUTES = 48 + 120, SAMPLE_REPORT_DATA = 48 + 520, SAMPLE_AUTH_SIZE = 632 };

/* A quote of that version and body type (2, 3 or 4; version 4 has 2). Every byte of the body is
 * distinct from its neighbours, apart from TDATTRIBUTES. report_data NULL: a pattern too.
 * Returns its length. */
size_t sample_quote(uint8_t out[SAMPLE_QUOTE_MAX], unsigned version, unsigned body_type,
                    const uint8_t report_data[64]);

/* The key that sample responses name, and its address. */
void sample_key(uint8_t public65[65], uint8_t address[20]);

/* REPORTDATA that binds the sample key and nonce. */
void sample_report_data(uint8_t out[64]);

/* A response that is in order ('A' to 'D'), around the given quote; NULL: around a good one. */
cJSON *sample_response(char shape, const uint8_t *quote, size_t quote_len);

/* Reads a file of the corpus; the caller frees *out. Returns 0, or -1 where there is none. */
int corpus_file(char **out, size_t *len, const char *path);

#endif
