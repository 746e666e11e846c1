import { defineErrors } from "@cloister/base";

/** What goes wrong with sealed bytes and the box's key. */
export const sealingErrors = defineErrors({
  ERR_SEALED_MALFORMED: { kind: "Codec" },
  ERR_SEALED_FOREIGN: {
    kind: "Verification",
    hint: "the bytes were altered, moved, or sealed by another box: restore them from a backup of this box",
  },
  ERR_BOX_KEY_MISSING: {
    kind: "Usage",
    hint: "point to the state directory that `cloister server init` made, or restore its box.key",
  },
  ERR_BOX_KEY_EXISTS: { kind: "Usage" },
  ERR_BOX_KEY_EXPOSED: { kind: "Usage", hint: "chmod 600 the file and think of the key as read" },
  ERR_SEALED_FILE: { kind: "Internal" },
});
