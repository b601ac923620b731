/* Firmware ids of DICE extensions: what is found lies whole inside, as one octet string, and does
 * not depend on what stands behind the value. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/gpu/dice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *longer = malloc(len + 1);
    const uint8_t *id, *again;
    size_t id_len, again_len;

    if (!longer)
        return 0;
    if (len > 0)
        memcpy(longer, data, len);
    longer[len] = 0;
    if (dice_firmware_id(&id, &id_len, data, len)) {
        if (id < data || id_len > len || id + id_len > data + len || id - data < 4)
            __builtin_trap();
        if (dice_firmware_id(&again, &again_len, longer, len + 1))
            __builtin_trap(); /* one byte too many */
        if (!dice_firmware_id(&again, &again_len, longer, len) || again_len != id_len ||
            again - longer != id - data)
            __builtin_trap();
    } else if (id || id_len != 0) {
        __builtin_trap();
    }
    free(longer);
    return 0;
}
