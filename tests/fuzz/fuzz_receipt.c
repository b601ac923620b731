/* A body of /tee/signature, then after a line end a keyset: a result comes out, and it never says
 * that the text of an answer is bound. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/aci/receipt.h"
#include "base/json.h"
#include "base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *rest = len > 0 ? memchr(text, '\n', len) : NULL;
    size_t n = rest ? (size_t)(rest - text) : len;
    const struct receipt_input in = {
        .response = text,
        .response_len = n,
        .signing_address = "0xa450f84f89ccfcdaa338ddfc12282d253d7948ec",
        .request_id = "chatcmpl-123",
        .keyset = rest ? rest + 1 : NULL,
        .keyset_len = rest ? len - n - 1 : 0,
        .asked_at = -1,
        .now = 1750000100,
    };
    char *json;
    size_t json_len;
    cJSON *tree = NULL;
    const char *binding;

    if (receipt_verify(&json, &json_len, &in) != 0)
        return 0;
    if (json_parse(&tree, json, json_len, NULL) != 0)
        __builtin_trap();
    binding = json_string(tree, "content_binding");
    if (!binding || strcmp(binding, "not_checkable") != 0 || json_bool(tree, "verified") < 0)
        __builtin_trap();
    if (json_bool(tree, "verified") == 1 && strcmp(json_string(tree, "signature"), "valid") != 0)
        __builtin_trap(); /* whatever is left out, the signature is not */
    cJSON_Delete(tree);
    wiping_free(json);
    return 0;
}
