import {
  concatBytes,
  HASH_BYTES,
  MAX_STATEMENT_BYTES,
  type OrgId,
  orgIdFromBytes,
  parseEpochMs,
  sha256 as portableSha256,
  publicKeyBytes,
  publicKeyFromBytes,
  type Sha256,
  utf8Bytes,
  verifySignature,
} from "@cloister/base";
import { parseMessage } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { registerOwner } from "../state/effects.ts";
import type { GenesisFacts, OrgFacts, RulesCrypto } from "../state/facts.ts";
import { checkFreshKeys, parseOwner, usedKey } from "../statements/certificate.ts";
import { checkDistinctOwners, ownerKeys } from "../statements/owners-replaced.ts";

/** An org's genesis is signed before the org has an id. */
export const genesisOrg: OrgId = orgIdFromBytes(new Uint8Array(HASH_BYTES));

/** The org is its genesis: SHA-256 over `cloister/v1/genesis\0` and the payload as it was signed. */
export function orgIdOf(genesis: Uint8Array, sha256: Sha256 = portableSha256): OrgId {
  return orgIdFromBytes(sha256(concatBytes(utf8Bytes("cloister/v1/genesis\0"), genesis)));
}

/** Throws unless the genesis is whole and each owner's account key has signed it, in order. */
export function openGenesis(
  signed: { readonly genesis: Uint8Array; readonly signatures: readonly Uint8Array[] },
  crypto: RulesCrypto,
): GenesisFacts {
  const facts = parseGenesis(signed.genesis, crypto.sha256);
  if (signed.signatures.length !== facts.owners.length) {
    throw rulesErrors.ERR_VERIFICATION_GENESIS("every owner signs the genesis");
  }
  facts.owners.forEach(({ accountKey }, index) => {
    verifySignature(
      {
        type: "genesis",
        org: genesisOrg,
        payload: signed.genesis,
        publicKey: accountKey,
        signature: signed.signatures[index] ?? new Uint8Array(0),
      },
      crypto.verify,
    );
  });
  return facts;
}

function parseGenesis(bytes: Uint8Array, sha256: Sha256): GenesisFacts {
  const genesis = parseMessage("cloister.statements.v1.Genesis", bytes, MAX_STATEMENT_BYTES);
  const owners = genesis.owners.map(parseOwner);
  checkDistinctOwners(owners);
  const keys = [genesis.logKey, ...genesis.recoveryKeys, ...genesis.owners.flatMap(ownerKeys)];
  checkFreshKeys(undefined, keys);
  return {
    org: orgIdOf(bytes, sha256),
    orgName: genesis.orgName,
    logKey: publicKeyFromBytes("log", genesis.logKey),
    owners,
    recoveryKeys: genesis.recoveryKeys.map((key) => publicKeyFromBytes("recovery", key)),
    createdMs: parseEpochMs(genesis.createdMs),
  };
}

/** The facts of a log that holds nothing but its genesis; its entry is pushed by the replica. */
export function genesisFacts(
  genesis: GenesisFacts,
  crypto: RulesCrypto,
  timeMs: GenesisFacts["createdMs"],
): OrgFacts {
  const facts = emptyFacts(genesis, crypto);
  for (const key of [genesis.logKey, ...genesis.recoveryKeys]) {
    facts.usedKeys.add(usedKey(publicKeyBytes(key)));
  }
  for (const owner of genesis.owners) registerOwner(facts, owner, { position: 0, timeMs });
  facts.ownerSets.push({ position: 0, value: genesis.owners.map(({ account }) => account) });
  return facts;
}

function emptyFacts(genesis: GenesisFacts, crypto: RulesCrypto): OrgFacts {
  return {
    genesis,
    crypto,
    entries: [],
    statements: new Map(),
    accounts: new Map(),
    devices: new Map(),
    devicesByNkey: new Map(),
    devicesByAccount: new Map(),
    usedKeys: new Set(),
    roles: new Map(),
    scopesByAccount: new Map(),
    policies: new Map(),
    projects: new Map(),
    rooms: new Map(),
    groupIds: new Set(),
    invites: new Map(),
    gateways: new Map(),
    relays: new Map(),
    ownerSets: [],
  };
}
