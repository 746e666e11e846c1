import { EngineError } from "@cloister/group-engine/errors";
import * as limits from "@cloister/group-engine/limits";
import { createMemberEngine } from "@cloister/group-engine/member";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Device, emptyBytes, memberModule, publicEngine, utf8 } from "./support/engines.ts";
import { Random } from "./support/random.ts";
import { codeOf, createRoom, deviceAt } from "./support/rooms.ts";

const runs = Number(process.env["CLOISTER_FUZZ_RUNS"] ?? "150");
const seed = Number(process.env["CLOISTER_FUZZ_SEED"] ?? "7");

const random = new Random(70);
const room = createRoom(random, ["alice", "bob"]);
const { groupId } = room;
const [alice, bob] = [deviceAt(room, 0), deviceAt(room, 1)];
const stranger = new Device("stranger", random);
const ratchetTree = alice.engine.exportTree(groupId);
const groupInfo = alice.engine.exportGroupInfo(groupId);
const keyPackage = stranger.engine.keyPackage().keyPackage;
const application = alice.engine.seal({ groupId, plaintext: utf8("secret"), aad: utf8("aad") });
const bundle = alice.engine.commit({ groupId, adds: [keyPackage], aad: utf8("aad") });
const welcome = bundle.welcome ?? emptyBytes;
const relay = publicEngine();
const view = relay.fromGroupInfo({ groupInfo, ratchetTree });
const state = view.serialize();

/** Random bytes, or a real message with some bytes changed, cut, or doubled. */
function mutated(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({ at: fc.nat(original.length - 1), value: fc.nat(255) });
  const edited = fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) => {
    const copy = original.slice();
    for (const { at, value } of edits) copy[at] = value;
    return copy;
  });
  const cut = fc.nat(original.length - 1).map((length) => original.slice(0, length));
  const longer = fc
    .uint8Array({ minLength: 1, maxLength: 40 })
    .map((tail) => Uint8Array.from([...original, ...tail]));
  return fc.oneof({ weight: 6, arbitrary: edited }, cut, longer, fc.uint8Array({ maxLength: 300 }));
}

/** A call answers or refuses with a code of ours; it never traps or fails by itself. */
function refusesPolitely(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    return (
      error instanceof EngineError &&
      error.code !== "engine.trapped" &&
      error.code !== "engine.internal"
    );
  }
}

const entries: Readonly<Record<string, readonly [Uint8Array, (bytes: Uint8Array) => unknown]>> = {
  "member open": [application, (bytes) => bob.engine.open(groupId, bytes)],
  "member stage": [bundle.commit, (bytes) => stageAndDrop(bytes)],
  "member joinWelcome, welcome": [
    welcome,
    (bytes) => stranger.engine.joinWelcome({ welcome: bytes, ratchetTree }),
  ],
  "member joinWelcome, tree": [
    ratchetTree,
    (bytes) => stranger.engine.joinWelcome({ welcome, ratchetTree: bytes }),
  ],
  "member externalJoin, group info": [groupInfo, (bytes) => joinAndLeave(bytes, ratchetTree)],
  "member externalJoin, tree": [ratchetTree, (bytes) => joinAndLeave(groupInfo, bytes)],
  "member commit, key package": [
    keyPackage,
    (bytes) => bob.engine.commit({ groupId, adds: [bytes], aad: emptyBytes }),
  ],
  "member inspectKeyPackage": [keyPackage, (bytes) => bob.engine.inspectKeyPackage(bytes)],
  "member peekMessage": [bundle.commit, (bytes) => bob.engine.peekMessage(bytes)],
  "public fromGroupInfo, group info": [
    groupInfo,
    (bytes) => relay.fromGroupInfo({ groupInfo: bytes, ratchetTree })[Symbol.dispose](),
  ],
  "public fromGroupInfo, tree": [
    ratchetTree,
    (bytes) => relay.fromGroupInfo({ groupInfo, ratchetTree: bytes })[Symbol.dispose](),
  ],
  "public process": [bundle.commit, (bytes) => processAndDrop(bytes)],
  "public verifyGroupInfo": [groupInfo, (bytes) => view.verifyGroupInfo(bytes)],
  "public restore": [state, (bytes) => relay.restore(bytes)[Symbol.dispose]()],
  "public inspectKeyPackage": [keyPackage, (bytes) => relay.inspectKeyPackage(bytes)],
  "public peekMessage": [application, (bytes) => relay.peekMessage(bytes)],
};

function stageAndDrop(bytes: Uint8Array): void {
  bob.engine.stage(groupId, bytes);
  bob.engine.dropStaged(groupId);
}

function processAndDrop(bytes: Uint8Array): void {
  view.process(bytes);
  view.drop();
}

function joinAndLeave(info: Uint8Array, tree: Uint8Array): void {
  const guest = new Device("guest", random);
  guest.engine.externalJoin({ groupInfo: info, ratchetTree: tree, aad: emptyBytes });
  guest[Symbol.dispose]();
}

describe("malformed input to every entry point is refused with a code, without a trap", () => {
  for (const [name, [original, call]] of Object.entries(entries)) {
    test(`${name}`, () => {
      fc.assert(
        fc.property(mutated(original), (bytes) => refusesPolitely(() => call(bytes))),
        { numRuns: runs, seed },
      );
    });
  }

  test("and afterwards both engines still work with the real ones", () => {
    bob.engine.rollback();
    expect(bob.engine.open(groupId, application).plaintext).toEqual(utf8("secret"));
    expect(bob.engine.stage(groupId, bundle.commit).summary).toEqual(bundle.summary);
    expect(view.process(bundle.commit)).toEqual(bundle.summary);
  });
});

describe("sizes are refused before anything is copied or parsed", () => {
  test.each([
    ["open", () => bob.engine.open(groupId, new Uint8Array(limits.MAX_APPLICATION_BYTES + 1))],
    ["stage", () => bob.engine.stage(groupId, new Uint8Array(limits.MAX_HANDSHAKE_BYTES + 1))],
    ["group id", () => bob.engine.epoch(new Uint8Array(33))],
    ["adds", () => commitWith(Array.from({ length: limits.MAX_ADDS + 1 }, () => keyPackage))],
    ["key package", () => commitWith([new Uint8Array(limits.MAX_KEY_PACKAGE_BYTES + 1)])],
    ["process", () => view.process(new Uint8Array(limits.MAX_HANDSHAKE_BYTES + 1))],
    ["tree", () => openWith(new Uint8Array(limits.MAX_TREE_BYTES + 1))],
  ])("%s", (_name, call) => {
    const before = bob.engine.memoryBytes();
    expect(codeOf(call)).toBe("engine.limit");
    expect(bob.engine.memoryBytes()).toBe(before);
  });
});

function commitWith(adds: readonly Uint8Array[]): void {
  bob.engine.commit({ groupId, adds, aad: emptyBytes });
}

function openWith(tree: Uint8Array): void {
  relay.fromGroupInfo({ groupInfo, ratchetTree: tree });
}

describe("misuse has a code too", () => {
  test("bytes that are no module", () => {
    const options = { leafSecretSeed: new Uint8Array(32), credential: emptyBytes };
    expect(codeOf(() => createMemberEngine(new Uint8Array(8), options))).toBe(
      "engine.module-invalid",
    );
  });

  test("a seed that is too short, an unknown group, one's own removal", () => {
    const short = { leafSecretSeed: new Uint8Array(31), credential: emptyBytes };
    expect(codeOf(() => createMemberEngine(memberModule, short))).toBe("engine.usage");
    expect(codeOf(() => alice.engine.epoch(new Uint8Array(32)))).toBe("group.not-found");
    expect(codeOf(() => alice.engine.epoch(new Uint8Array(5)))).toBe("engine.usage");
    const removes = [1];
    using fresh = deviceAt(createRoom(random, ["one"]), 0);
    const [id = emptyBytes] = fresh.engine.groups();
    const commit = (indices: number[]) => () =>
      fresh.engine.commit({ groupId: id, removes: indices, aad: emptyBytes });
    expect(codeOf(commit(removes))).toBe("engine.usage");
    expect(codeOf(commit([0]))).toBe("engine.usage");
    expect(codeOf(commit([0.5]))).toBe("engine.usage");
  });

  test("a trap is told, and the instance stays dropped", () => {
    let isDry = false;
    const engine = createMemberEngine(memberModule, {
      leafSecretSeed: random.bytes(32),
      credential: emptyBytes,
      fillRandom: (target) => {
        if (isDry) throw new Error("no randomness");
        target.set(random.bytes(target.length));
      },
    });
    isDry = true;
    expect(codeOf(() => engine.keyPackage())).toBe("engine.trapped");
    expect(codeOf(() => engine.groups())).toBe("engine.trapped");
  });
});
