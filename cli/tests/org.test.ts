import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { TOTP, URI } from "otpauth";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ended } from "./support/ended.ts";
import { TestBox } from "./support/test-box.ts";

const alice = { profile: "alice" };
const bob = { profile: "bob" };
let box: TestBox;

beforeAll(async () => {
  box = await TestBox.start();
  await box.found("sources", "lobby");
  await box.ok(
    ["policy", "set", "--room", "sources", "--require", "totp", "--exempt", "owner"],
    alice,
  );
  await box.bring("Bob", "sources", "lobby");
});

afterAll(async () => {
  await box[Symbol.asyncDispose]();
});

/** Field names of an answer, those of lists by their first entry. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])];
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, shape(field)] as const),
  );
}

async function presentCode(profile: string): Promise<void> {
  const { provisioning } = await box.json(["factor", "add", "totp"], { profile });
  const totp = URI.parse(String(provisioning));
  if (!(totp instanceof TOTP)) throw new Error("no TOTP was provisioned");
  await box.ok(["factor", "present", "totp", totp.generate()], { profile });
}

describe("who one is", () => {
  it("[F11] whoami prints the tree of org, project and rooms with roles and states", async () => {
    const tree = await box.ok(["whoami"], alice);
    expect(tree.split("\n").slice(4, -1)).toEqual([
      "Acme  (owner)",
      "  Newsdesk",
      "    sources  (owner; joined)",
      "    lobby  (owner; joined)",
    ]);
    expect(await box.ok(["whoami"], bob)).toContain("    sources  (user; not joined yet)");
  });

  it("[F3] a wrong passphrase prints `cannot unlock` and nothing else is done", async () => {
    await writeFile(box.path("wrong"), "another horse battery staple\n");
    const environment = { CLOISTER_PASSPHRASE_FILE: box.path("wrong") };
    const { code, out, err } = await box.run(["whoami"], { ...alice, environment });
    expect({ code, out }).toEqual({ code: 76, out: "" });
    expect(err).toContain("cannot unlock");
    expect(err).toContain("Give the passphrase that the profile was made with.");
  });

  it("a passphrase from a descriptor is in no argument and no environment of the process", async () => {
    const passphrase = await readFile(box.path("passphrase"), "utf8");
    const environment = { CLOISTER_PASSPHRASE_FILE: undefined, CLOISTER_PASSPHRASE_FD: "3" };
    const child = box.spawn(["whoami"], { ...alice, environment });
    const end = ended(child);
    await delay(300);
    const seen = await Promise.all(
      ["cmdline", "environ"].map((name) => readFile(`/proc/${child.pid}/${name}`, "utf8")),
    );
    const descriptor = child.stdio[3];
    if (descriptor === null || descriptor === undefined || !("end" in descriptor)) {
      throw new Error("no descriptor");
    }
    descriptor.end(passphrase);
    expect(await end).toMatchObject({ code: 0, out: expect.stringContaining("Alice") });
    expect(seen[0]).toContain("whoami");
    for (const text of seen) expect(text).not.toContain(passphrase.trim());
  });

  it("without a terminal and without a passphrase it says how to give one", async () => {
    const environment = { CLOISTER_PASSPHRASE_FILE: undefined };
    const { code, err } = await box.run(["whoami"], { ...alice, environment });
    expect(code).toBe(64);
    expect(err).toContain("CLOISTER_PASSPHRASE_FILE or CLOISTER_PASSPHRASE_FD");
  });

  it("two processes on one profile: the second is told", async () => {
    await box.ok(["send", "lobby", "hello"], alice);
    const first = box.spawn(["listen", "lobby"], alice);
    const end = ended(first);
    // What it shows says that it has the profile open.
    await once(first.stdout ?? first, "data");
    const second = await box.run(["device", "list"], alice);
    first.kill("SIGINT");
    expect(second).toMatchObject({ code: 64, out: "" });
    expect(second.err).toMatch(/open[^]*--profile[^]*\(ERR_STORE_LOCKED\)/);
    expect(await end).toMatchObject({ code: 0 });
  });

  it("a profile that is not there: how to make one; one that is taken: how to choose another", async () => {
    expect((await box.run(["whoami"], { profile: "nobody" })).err).toContain("cloister join");
    const again = await box.run(["org", "create", "B", "--as", "A", "--claim", box.claim], alice);
    expect(again.code).toBe(64);
    expect(again.err).toContain("choose another with --profile");
    expect((await box.run(["whoami"], { profile: "../x" })).code).toBe(64);
  });
});

describe("roles", () => {
  it("[F12] a user makes no room and deletes no role, project or policy; an owner does", async () => {
    for (const args of [
      ["room", "create", "mine", "--project", "Newsdesk"],
      ["project", "create", "Mine"],
      ["invite"],
      ["policy", "set", "--room", "sources"],
      ["member", "remove", "me"],
    ]) {
      const { code, out, err } = await box.run(args, bob);
      expect({ args, code, out }).toEqual({ args, code: 77, out: "" });
      expect(err).toMatch(/owner/i);
    }
    expect(await box.ok(["room", "create", "mine", "--project", "newsdesk"], alice)).toMatch(
      /^mine {2}room_/,
    );
  });

  it("[F4] the room's key is refused without the factor, with what to do; after it is printed", async () => {
    const refused = await box.run(["room", "key", "sources"], bob);
    expect(refused).toMatchObject({
      code: 77,
      out: "",
      err: expect.stringContaining("wants TOTP"),
    });
    expect(refused.err).toContain("cloister factor present totp");
    expect(await box.ok(["policy", "explain", "me", "sources"], bob)).toMatch(
      /^me in sources: refused\n[^]*NO {2}room policy/,
    );
    await presentCode("bob");
    expect(await box.ok(["room", "key", "sources"], bob)).toMatch(
      /^epoch \d+\ngroup-info [\w-]{100,}\ntree \d+ bytes\n$/,
    );
    expect(await box.ok(["policy", "explain", "me", "sources"], bob)).toMatch(/: allowed\n/);
    const wrong = await box.run(["factor", "present", "totp", "000000"], bob);
    expect(wrong).toMatchObject({ code: 76, err: expect.stringContaining("code") });
  });

  it("a role is given and taken by name; who is removed hears so", async () => {
    await box.bring("Carol", "lobby");
    await box.run(["send", "lobby", "hello", "--wait", "1"], { profile: "carol" });
    // Alice's device confirms Carol's; then what Carol wrote goes out, and with it her name.
    await box.ok(["read", "lobby"], alice);
    await box.ok(["read", "lobby"], { profile: "carol" });
    await box.ok(["read", "lobby"], alice);
    expect(await box.ok(["member", "list", "--room", "lobby"], alice)).toMatch(/^Carol {2}user/m);
    await box.ok(["role", "grant", "Carol", "owner", "--project", "Newsdesk"], alice);
    expect(await box.ok(["project", "list"], { profile: "carol" })).toMatch(/^Newsdesk {2}owner/);
    await box.ok(["role", "revoke", "carol", "--project", "Newsdesk"], alice);
    expect(await box.ok(["project", "list"], { profile: "carol" })).toMatch(/^Newsdesk {2}- /);
    expect(await box.ok(["member", "remove", "Carol"], alice)).toBe("Carol is removed.\n");
    expect(await box.ok(["member", "list"], alice)).not.toContain("Carol");
    const { code } = await box.run(["send", "lobby", "still here"], { profile: "carol" });
    expect([76, 77]).toContain(code);
  });
});

describe("names", () => {
  it("unknown and ambiguous ones are errors that help", async () => {
    expect(await box.run(["send", "lobbby", "x"], alice)).toMatchObject({
      code: 64,
      err: expect.stringMatching(/no room is called lobbby\n.*whoami/),
    });
    for (const _ of [1, 2]) await box.ok(["project", "create", "Twin"], alice);
    const { code, err } = await box.run(["room", "create", "x", "--project", "Twin"], alice);
    expect(code).toBe(64);
    expect(err).toMatch(/several are called Twin: proj_\w+, proj_\w+/);
    const id = /proj_\w+/.exec(err)?.[0] ?? "";
    await box.ok(["room", "create", "by-id", "--project", id.slice(0, 14)], alice);
  });
});

describe("setting up", () => {
  it("goes on where it broke off: the server was not there, then it is", async () => {
    const { claim } = await box.json(["server", "claim"]);
    await box.ok(["server", "stop"]);
    const args = ["org", "create", "Second", "--as", "Dora", "--claim", "-"];
    const options = { profile: "dora", stdin: String(claim) };
    expect((await box.run(args, options)).code).toBe(69);
    await box.ok(["server", "start"]);
    expect(await box.ok(args, options)).toContain("Second is founded.");
    expect(await box.ok(["org", "list"], options)).toMatch(/^Second {2}org_/);
  });

  it("a spent or mangled claim or invitation is refused", async () => {
    const spent = await box.run(["org", "create", "B", "--as", "E", "--claim", box.claim], {
      profile: "eve",
    });
    expect(spent.code).not.toBe(0);
    expect(spent.err).toMatch(/claim/);
    const mangled = await box.run(["join", "cloister-invite:v1#abc", "--as", "E"], {
      profile: "eve",
    });
    expect(mangled).toMatchObject({ code: 65, out: "" });
  });
});

describe("the box", () => {
  it("tells its state; a second start and a second init are refused with what to do", async () => {
    expect(await box.ok(["server", "status"])).toMatch(
      /relay +ready +\d+ +0 restarts +.*relay.log/,
    );
    const again = await box.run(["server", "start"]);
    expect(again).toMatchObject({ code: 64, err: expect.stringContaining("running already") });
    const init = await box.run(["server", "init"]);
    expect(init).toMatchObject({ code: 64, err: expect.stringContaining("server start") });
    const elsewhere = await box.run(["server", "status", "--home", box.path("elsewhere")]);
    expect(elsewhere).toMatchObject({ code: 64, err: expect.stringContaining("server init") });
  });
});

describe("--json", () => {
  it("[F92] is one line with stable fields for every command that answers once", async () => {
    const asked: Readonly<Record<string, readonly string[]>> = {
      whoami: ["whoami"],
      org: ["org", "list"],
      projects: ["project", "list"],
      projectCreate: ["project", "create", "Json"],
      rooms: ["room", "list"],
      roomCreate: ["room", "create", "json", "--project", "Json"],
      roomKey: ["room", "key", "json"],
      invite: ["invite", "--room", "json"],
      grant: ["role", "grant", "Alice", "owner", "--project", "Json"],
      members: ["member", "list", "--room", "json"],
      policySet: ["policy", "set", "--project", "Json", "--require", "totp", "--exempt", "owner"],
      explain: ["policy", "explain", "me", "json"],
      send: ["send", "json", "hello"],
      read: ["read", "json"],
      files: ["file", "list", "json"],
      devices: ["device", "list"],
      log: ["log"],
      status: ["server", "status"],
      claim: ["server", "claim"],
    };
    const shapes: Record<string, unknown> = {};
    for (const [name, args] of Object.entries(asked)) {
      shapes[name] = shape(await box.json(args, alice));
    }
    expect(shapes).toMatchSnapshot();
  });

  it("errors are one line on stderr, with code, kind and hint", async () => {
    const { code, out, err } = await box.run(["send", "nowhere", "x", "--json"], alice);
    expect({ code, out }).toEqual({ code: 64, out: "" });
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(shape(JSON.parse(err))).toEqual({
      error: {
        kind: "string",
        code: "string",
        message: "string",
        retryable: "boolean",
        hint: "string",
      },
    });
  });
});
