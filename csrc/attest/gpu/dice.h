/* The firmware id in a DICE extension of a certificate (TCG DICE Attestation Architecture,
 * sections 6.1 and 8; TRUST.md section 2). Only the form is read here. */
#ifndef VENICE_ATTEST_GPU_DICE_H
#define VENICE_ATTEST_GPU_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the firmware id in an extension's value, one SEQUENCE in either of two forms:
 *   DiceTcbInfo: members with context tags, in [6] a list of FWID; the first one is the firmware's;
 *   composite device id: version, public key, FWID, with or without a wrapper around them; the id
 *   is its last octet string.
 * An FWID is SEQUENCE { hash algorithm, OCTET STRING }. Every element must lie whole inside.
 * Returns false where the value has another form or holds no id; *id points into der. */
bool dice_firmware_id(const uint8_t **id, size_t *id_len, const uint8_t *der, size_t len);

#endif
