import {
  concatBytes,
  idBytes,
  parseEpochMs,
  publicKeyBytes,
  sha256,
  utf8Bytes,
} from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import { describe, expect, test } from "vitest";
import { buildGenesis, type GenesisDraft } from "../build/genesis.ts";
import { signStatement } from "../build/statement.ts";
import {
  accountKey,
  firstDevice,
  ownerFact,
  seededRandom,
  type TestAccount,
  testAccount,
  testKey,
} from "../testing/index.ts";
import { prepareGenesis } from "./append.ts";

const nowMs = parseEpochMs(1_800_000_000_000);

function draftOf(owners: readonly TestAccount[], change: Partial<GenesisDraft> = {}): GenesisDraft {
  const random = seededRandom("genesis draft");
  return {
    orgName: "Org",
    logKey: testKey("log", random).publicKey,
    owners: owners.map(ownerFact),
    recoveryKeys: [testKey("recovery", random).publicKey],
    nonce: new Uint8Array(32).fill(1),
    createdMs: nowMs,
    ...change,
  };
}

async function found(draft: GenesisDraft, signers: readonly TestAccount[]): Promise<unknown> {
  const statement = await signStatement(buildGenesis(draft), signers.map(accountKey));
  return prepareGenesis({ statement, nowMs, logKey: draft.logKey });
}

describe("genesis", () => {
  const random = seededRandom("genesis");
  const [alice, bob] = [testAccount(random), testAccount(random)];

  test("the org id is SHA-256 of cloister/v1/genesis, a zero byte and the payload", () => {
    const { payload, orgId } = buildGenesis(draftOf([alice]));
    expect(idBytes(orgId)).toEqual(
      sha256(concatBytes(utf8Bytes("cloister/v1/genesis\0"), payload)),
    );
  });

  test("every owner signs, in order", async () => {
    const draft = draftOf([alice, bob]);
    await expect(found(draft, [alice, bob])).resolves.toMatchObject({ position: 0 });
    const unsigned = buildGenesis(draft);
    const swapped = { ...unsigned, signers: unsigned.signers.toReversed() };
    const wrongOrder = await signStatement(swapped, [alice, bob].map(accountKey));
    const onlyOne = await signStatement({ ...unsigned, signers: unsigned.signers.slice(0, 1) }, [
      accountKey(alice),
    ]);
    const { logKey } = draft;
    expect(() => prepareGenesis({ statement: wrongOrder, nowMs, logKey })).toThrow(
      expect.objectContaining({ code: "ERR_SIGNATURE_INVALID" }),
    );
    expect(() => prepareGenesis({ statement: onlyOne, nowMs, logKey })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_GENESIS" }),
    );
  });

  test("a genesis of another log is refused", async () => {
    const draft = draftOf([alice]);
    const statement = await signStatement(buildGenesis(draft), [accountKey(alice)]);
    const { publicKey } = testKey("log", random);
    expect(() => prepareGenesis({ statement, nowMs, logKey: publicKey })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_GENESIS" }),
    );
  });

  test("one key serves one purpose: a recovery key that is an owner's nkey or leaf key is refused", async () => {
    const { leafKey } = firstDevice(alice).certificate;
    const genesis = statementsV1.Genesis.decode(buildGenesis(draftOf([alice])).payload);
    const payload = statementsV1.Genesis.encode({
      ...genesis,
      recoveryKeys: [publicKeyBytes(leafKey)],
    }).finish();
    const statement = await signStatement({ ...buildGenesis(draftOf([alice])), payload }, [
      accountKey(alice),
    ]);
    const { logKey } = draftOf([alice]);
    expect(() => prepareGenesis({ statement, nowMs, logKey })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_KEY_REUSED" }),
    );
  });

  test("an owner named twice, or with another account's device, is refused", async () => {
    await expect(found(draftOf([alice, alice]), [alice, alice])).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SUBJECT",
    });
    const foreign = { ...ownerFact(alice), device: ownerFact(bob).device };
    await expect(found(draftOf([], { owners: [foreign] }), [alice])).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SUBJECT",
    });
  });
});
