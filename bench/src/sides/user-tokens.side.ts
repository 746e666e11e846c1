import { encodeUserJwt, NkeyPair, parseNkey } from "@cloister/server-kit";
import { serveSide, timed } from "../harness/side.ts";
import { parsedKeys, type TokenSetup, tokenLifeSeconds } from "./token-job.ts";

/** As the gateway does it: claims and signature for one device and its rooms, an hour long. */
serveSide<TokenSetup>(async ({ users, signingSeed, account, tags, count }) => {
  const signer = NkeyPair.fromSeedBytes("account", signingSeed);
  const keys = parsedKeys(users);
  const accountKey = parseNkey("account", account);
  const issueAll = async () => {
    for (let index = 0; index < count; index += 1) {
      const issuedAtSeconds = Math.floor(Date.now() / 1_000);
      const user = keys[index % keys.length];
      if (user === undefined) throw new Error("no user keys");
      const token = encodeUserJwt(
        {
          user,
          account: accountKey,
          name: `device ${index}`,
          tags,
          issuedAtSeconds,
          expiresAtSeconds: issuedAtSeconds + tokenLifeSeconds,
        },
        signer,
      );
      if (token.length === 0) throw new Error("no token");
    }
  };
  return { run: () => timed(count, issueAll) };
});
