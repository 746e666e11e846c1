import { gatewayAt, relayAt } from "@cloister/rules";
import { describe, expect, it } from "vitest";
import { Gate } from "./world/gate.ts";
import { World } from "./world/world.ts";

const MOST_CROSSINGS = 40;

describe("founding an org, killed between any two effects", () => {
  for (const when of ["before", "after"] as const) {
    it(`${when} it: the next attempt finishes the same org`, async () => {
      let crossings = 0;
      for (let at = 1; at <= MOST_CROSSINGS; at += 1) {
        await using world = new World();
        const alice = world.player("Alice");
        const gate = new Gate(at, when);
        const founding = world.foundAs(alice, gate).then(() => "done");
        const ended = await Promise.race([founding, gate.died.then(() => "died")]);
        if (ended === "done" && !gate.isDead) break;
        crossings = at;
        // After the very last effect nothing is left to do: the store has an owner.
        await world.foundAs(alice).catch((error: unknown) => {
          expect(error).toMatchObject({ code: "ERR_IDENTITY_EXISTS" });
        });
        const client = await alice.open();
        const { state } = world.accounts;
        const size = world.accounts.records.length;
        expect(size).toBe(3);
        expect(
          gatewayAt(state, { key: world.accounts.gateway.key.publicKey, at: size }),
        ).toBeDefined();
        expect(relayAt(state, { key: world.accounts.relay.key.publicKey, at: size })).toBeDefined();
        await client.org.createProject("works");
      }
      expect(crossings).toBeGreaterThan(5);
      expect(crossings).toBeLessThan(MOST_CROSSINGS);
    });
  }
});
