import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, parseEpochMs, SecretBytes } from "@cloister/base";
import {
  type BoxOptions,
  createBox,
  createDataKey,
  encodeAccountJwt,
  encodeOperatorJwt,
  isSystemError,
  NkeyPair,
  openBox,
  readPrivateFile,
  readSealedFile,
  type SealingKey,
  syncDirectory,
  writePrivateFile,
  writeSealedFile,
} from "@cloister/server-kit";
import { accountsErrors } from "../errors.ts";
import { DEFAULT_STORAGE } from "../limits.ts";
import { encodeFleet, type FleetFacts, readFleet } from "./fleet-file.ts";
import { accountsDir, dataKeyPath, fleetPath, operatorKeyPath, scopeKeyPath } from "./paths.ts";
import {
  generateAccountIds,
  generateScopeKeys,
  type ScopeKeys,
  type ServiceStorage,
  scopeNames,
  serviceTemplates,
} from "./service-accounts.ts";
import { renewServiceUsers, type ServiceUserName, writeServiceUsers } from "./service-users.ts";

export interface InitAccountsOptions extends BoxOptions {
  /** The box's state directory; everything of accounts goes to its folder `accounts`. */
  readonly stateDir: string;
  readonly operatorName: string;
  /**
   * Shows the operator's root seed ("SO…") to the owner, who keeps it off this box. It is called
   * before anything counts and the seed is never stored: if it throws, or the process is cut, the
   * next attempt makes another operator.
   */
  readonly keepOperatorRoot: (seedText: SecretBytes) => Promise<void>;
  readonly storage?: ServiceStorage;
  readonly clock?: Clock;
}

const systemClock: Clock = { now: () => parseEpochMs(Date.now()) };
const draftPrefix = "accounts.draft-";

/**
 * Makes operator, service accounts and their users without any network. All of it appears at once,
 * by one rename: a cut attempt leaves a draft that the next one removes. Refuses a state directory
 * that has an operator.
 */
export async function initAccounts(options: InitAccountsOptions): Promise<FleetFacts> {
  const { stateDir } = options;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await refuseSecond(stateDir);
  await removeDrafts(stateDir);
  using box = await createBox(stateDir, options);
  const draft = join(stateDir, `${draftPrefix}${randomUUID()}`);
  try {
    const facts = await writeFleet({ options, box, directory: draft });
    await commit({ stateDir, draft });
    return facts;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function refuseSecond(stateDir: string): Promise<void> {
  if ((await readPrivateFile(fleetPath(stateDir))) !== undefined) throw alreadyInitialised();
}

async function removeDrafts(stateDir: string): Promise<void> {
  const names = await readdir(stateDir);
  for (const name of names.filter((entry) => entry.startsWith(draftPrefix))) {
    await rm(join(stateDir, name), { recursive: true, force: true });
  }
}

async function commit(move: { readonly stateDir: string; readonly draft: string }): Promise<void> {
  try {
    await rename(move.draft, accountsDir(move.stateDir));
  } catch (error) {
    if (isSystemError(error, "ENOTEMPTY") || isSystemError(error, "EEXIST")) {
      throw alreadyInitialised();
    }
    throw error;
  }
  await syncDirectory(move.stateDir);
}

interface FleetDraft {
  readonly options: InitAccountsOptions;
  readonly box: SealingKey;
  readonly directory: string;
}

async function writeFleet({ options, box, directory }: FleetDraft): Promise<FleetFacts> {
  const nowSeconds = Math.floor((options.clock ?? systemClock).now() / 1000);
  using root = NkeyPair.generate("operator");
  using operatorKey = NkeyPair.generate("operator");
  const keys = generateScopeKeys();
  const accounts = generateAccountIds();
  const storage = options.storage ?? DEFAULT_STORAGE;
  const operatorJwt = encodeOperatorJwt(
    {
      name: options.operatorName,
      systemAccount: accounts.system,
      signingKeys: [operatorKey.publicKey],
      issuedAtSeconds: nowSeconds,
    },
    root,
  );
  const tokens = serviceTemplates({ accounts, keys, storage }).map((template) => {
    const input = { ...template, revocations: {}, issuedAtSeconds: nowSeconds };
    return [template.account, encodeAccountJwt(input, operatorKey)] as const;
  });
  const facts: FleetFacts = { operatorJwt, accounts, preload: new Map(tokens) };
  await writeKeys({ box, directory, operatorKey, keys });
  await writeServiceUsers({ box, directory, accounts, keys, nowSeconds });
  await writePrivateFile(join(directory, "fleet.json"), encodeFleet(facts));
  using seed = root.exposeSeedText((text) => SecretBytes.from(Buffer.from(text)));
  await options.keepOperatorRoot(seed);
  return facts;
}

async function writeKeys(input: {
  readonly box: SealingKey;
  readonly directory: string;
  readonly operatorKey: NkeyPair<"operator">;
  readonly keys: ScopeKeys;
}): Promise<void> {
  const { box, directory, operatorKey, keys } = input;
  (await createDataKey({ box, path: dataKeyPath(directory), owner: "accounts" }))[Symbol.dispose]();
  await writeSeed({ box, path: operatorKeyPath(directory), purpose: "operator-key" }, operatorKey);
  for (const name of scopeNames) {
    const path = scopeKeyPath(directory, name);
    await writeSeed({ box, path, purpose: `scope-key/${name}` }, keys[name]);
  }
}

async function writeSeed(
  file: { readonly box: SealingKey; readonly path: string; readonly purpose: string },
  pair: NkeyPair,
): Promise<void> {
  using seed = pair.exposeSeed((bytes) => SecretBytes.copyOf(bytes));
  const bytes = seed.expose((raw) => Uint8Array.from(raw));
  await writeSealedFile({ key: file.box, path: file.path, purpose: file.purpose }, bytes);
  bytes.fill(0);
}

/** The operator's signing key of this box. */
export async function openOperatorKey(
  stateDir: string,
  box: SealingKey,
): Promise<NkeyPair<"operator">> {
  const path = operatorKeyPath(accountsDir(stateDir));
  using seed = await readSealedFile({ key: box, path, purpose: "operator-key" });
  return seed.expose((bytes) => NkeyPair.fromSeedBytes("operator", bytes));
}

/** Gives services whose NATS tokens are half spent new ones; to be called before they start. */
export async function renewCredentials(
  options: BoxOptions & { readonly stateDir: string; readonly clock?: Clock },
): Promise<ServiceUserName[]> {
  const directory = accountsDir(options.stateDir);
  const { accounts } = await readFleet(options.stateDir);
  using box = await openBox(options.stateDir, options);
  const keys = await readScopeKeys(box, directory);
  const nowSeconds = Math.floor((options.clock ?? systemClock).now() / 1000);
  return await renewServiceUsers({ box, directory, accounts, keys, nowSeconds });
}

async function readScopeKeys(box: SealingKey, directory: string): Promise<ScopeKeys> {
  const pairs = scopeNames.map(async (name) => {
    const path = scopeKeyPath(directory, name);
    using seed = await readSealedFile({ key: box, path, purpose: `scope-key/${name}` });
    return [name, seed.expose((bytes) => NkeyPair.fromSeedBytes("account", bytes))] as const;
  });
  return Object.fromEntries(await Promise.all(pairs)) as ScopeKeys;
}

function alreadyInitialised(): Error {
  return accountsErrors.ERR_ACCOUNTS_INITIALISED("this state directory already has an operator");
}
