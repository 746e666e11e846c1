import { NkeyPair } from "@cloister/server-kit";
import { encodeUser, fromPublic, fromSeed } from "@nats-io/jwt";
import { serveSide, timed } from "../harness/side.ts";
import { type TokenSetup, tokenLifeSeconds } from "./token-job.ts";

/** @nats-io/jwt as it comes: the same claims, signed by @nats-io/nkeys in JavaScript. */
serveSide<TokenSetup>(async ({ users, signingSeed, account, tags, count }) => {
  const pair = NkeyPair.fromSeedBytes("account", signingSeed);
  const signer = pair.exposeSeedText((text) => fromSeed(Buffer.from(text)));
  const keys = users.map((user) => fromPublic(user));
  const issueAll = async () => {
    for (let index = 0; index < count; index += 1) {
      const user = keys[index % keys.length];
      if (user === undefined) throw new Error("no user keys");
      const exp = Math.floor(Date.now() / 1_000) + tokenLifeSeconds;
      const claims = { issuer_account: account, tags: [...tags] };
      const token = await encodeUser(`device ${index}`, user, signer, claims, { exp });
      if (token.length === 0) throw new Error("no token");
    }
  };
  return { run: () => timed(count, issueAll) };
});
