import { randomBytes } from "node:crypto";
import { markSealed } from "@cloister/base";
import { SqliteStore } from "@cloister/client-node";

/** Run as another process and killed: tells the number of each transaction once it has answered. */
const store = SqliteStore.open(process.argv[2] ?? "");
const value = () => {
  const bytes = new Uint8Array(randomBytes(512));
  bytes.set([0xc1, 0xff, 0x5e, 0x01]);
  return markSealed(bytes);
};
for (let number = Number(process.argv[3]); ; number += 1) {
  const puts = ["a", "b", "c"].map((part) => ({ key: `n/${number}/${part}`, value: value() }));
  store.transaction({ puts, deletes: [`n/${number - 20}/a`] });
  process.stdout.write(`${number}\n`);
}
