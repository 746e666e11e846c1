import olm from "@matrix-org/olm";
import { serveSide, timed } from "../harness/side.ts";
import { type MessageJob, messageTexts } from "./messages.ts";

export interface MegolmSetup extends MessageJob {
  readonly direction: "encrypt" | "decrypt";
}

/** What Matrix does with a message: one ratchet step, AES, HMAC and a signature, in WebAssembly. */
serveSide<MegolmSetup>(async ({ direction, count }) => {
  await olm.init();
  const texts = messageTexts(count);
  let ciphertexts: string[] = [];
  let sessionKey = "";

  const encryptAll = async () => {
    const session = new olm.OutboundGroupSession();
    session.create();
    sessionKey = session.session_key();
    ciphertexts = texts.map((text) => session.encrypt(text));
    session.free();
  };
  const decryptAll = async () => {
    const session = new olm.InboundGroupSession();
    session.create(sessionKey);
    for (const [index, ciphertext] of ciphertexts.entries()) {
      if (session.decrypt(ciphertext).plaintext !== texts[index]) throw new Error("not the text");
    }
    session.free();
  };
  const isEncrypt = direction === "encrypt";
  return {
    prepare: async () => {
      if (!isEncrypt && ciphertexts.length === 0) await encryptAll();
    },
    run: () => timed(count, isEncrypt ? encryptAll : decryptAll),
  };
});
