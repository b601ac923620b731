/* What a GPU said: an SPDM 1.1 GET_MEASUREMENTS request and its MEASUREMENTS response, one behind
 * the other (EVIDENCE.md section 4.3). Only the form is read here; who signed it, and over which
 * nonce, is the caller's question. */
#ifndef VENICE_ATTEST_GPU_SPDM_H
#define VENICE_ATTEST_GPU_SPDM_H

#include <stddef.h>
#include <stdint.h>

enum {
    SPDM_NONCE_SIZE = 32,
    SPDM_REQUEST_SIZE = 37,
    SPDM_SIGNATURE_SIZE = 96, /* P-384: r then s */
    SPDM_FWID_SIZE = 48,
    SPDM_MESSAGE_MAX = 64 * 1024,
    SPDM_PADDING_MAX =
        8192,             /* zero bytes behind the signature: the driver's buffer has this size */
    SPDM_DRIVER_MAX = 31, /* characters of a driver's version */
    SPDM_VBIOS_CHARS = 14 /* 96.00.CF.00.02 */
};

/* Pointers are into the message. */
struct spdm {
    const uint8_t *nonce; /* of the request: 32 bytes */
    const uint8_t *message;
    size_t signed_len;        /* of message: request and response without the signature */
    const uint8_t *signature; /* 96 bytes, right behind what is signed */
    size_t measurements;
    const uint8_t *fwid;              /* 48 bytes; NULL where it is not said */
    char driver[SPDM_DRIVER_MAX + 1]; /* "570.172.08"; "" where it is not said, or unreadable */
    char vbios[SPDM_VBIOS_CHARS + 1]; /* "96.00.CF.00.02"; likewise */
};

/* Takes a message apart: every length is followed to the end; behind the signature nothing may
 * remain but zero bytes. Returns 0 or VENICE_E_MALFORMED. message must outlive out. */
int spdm_read(struct spdm *out, const uint8_t *message, size_t len);

#endif
