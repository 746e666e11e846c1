import { sha256, verifyWithNoble } from "@cloister/base";
import { verifyCheckpoint } from "@cloister/rules";
import { TestOrg } from "@cloister/rules/testing";
import { describe, expect, it } from "vitest";
import { parseStored } from "../store/frame.ts";
import { type LogPage, type LogState, meetCheckpoint, openLog, reduceLog } from "./keeper.ts";

const crypto = { sha256, verify: verifyWithNoble };

async function known(size: number): Promise<{ org: TestOrg; state: LogState }> {
  const org = await TestOrg.create();
  while (org.size < size + 2) await org.createProject();
  return { org, state: openLog(pageOf(org, 0, size), { org: org.id, ...crypto }).state };
}

function pageOf(org: TestOrg, from: number, to: number): LogPage {
  return { records: org.records.slice(from, to), checkpoint: org.checkpointAt(to) };
}

describe("the log as a device keeps it (rule 4)", () => {
  it("grows by what is verified, and notes each entry and the newest head", async () => {
    const { org, state } = await known(4);
    const step = reduceLog(state, pageOf(org, 4, 6));
    if (step.kind !== "grown") throw step.error;
    expect(step.state.replica.size).toBe(6);
    expect(step.puts.map(({ key }) => key)).toEqual([
      "log/e/0000000000000004",
      "log/e/0000000000000005",
      "log/head",
    ]);
    expect(reduceLog(step.state, pageOf(org, 6, 6)).puts).toEqual([]);
  });

  it("takes answers that cross: what another has brought is held against it and passed over", async () => {
    const { org, state } = await known(4);
    const asked = state.newest;
    const step = reduceLog(state, pageOf(org, 4, 6));
    if (step.kind !== "grown") throw step.error;
    const late = reduceLog(step.state, { ...pageOf(org, 4, 5), asked });
    expect(late).toMatchObject({ kind: "grown", puts: [], state: { newest: { size: 6 } } });
    const behind = { records: [], checkpoint: org.checkpointAt(3), asked };
    expect(reduceLog(step.state, behind)).toMatchObject({
      error: { code: "ERR_VERIFICATION_LOG_ROLLBACK" },
    });
  });

  it("finds a second history in an answer that crosses", async () => {
    const { org, state } = await known(4);
    const step = reduceLog(state, pageOf(org, 4, 6));
    if (step.kind !== "grown") throw step.error;
    const other = await TestOrg.create();
    while (other.size < 6) await other.createProject("the other history");
    const late = { ...pageOf(other, 4, 5), asked: state.newest };
    expect(reduceLog(step.state, late)).toMatchObject({
      error: { code: "ERR_VERIFICATION_LOG_FORK" },
    });
  });

  it("never goes back: a smaller head is a conflict, and both are kept", async () => {
    const { org, state } = await known(5);
    const step = reduceLog(state, { records: [], checkpoint: org.checkpointAt(3) });
    expect(step).toMatchObject({
      kind: "conflict",
      error: { code: "ERR_VERIFICATION_LOG_ROLLBACK" },
    });
    const { header, body } = parseStored(step.puts[0]?.value ?? new Uint8Array(0));
    expect(header).toMatchObject({ code: "ERR_VERIFICATION_LOG_ROLLBACK", size: 5 });
    expect(Buffer.from(body).includes(Buffer.from(org.checkpointAt(3)))).toBe(true);
    expect(Buffer.from(body).includes(Buffer.from(org.checkpointAt(5)))).toBe(true);
  });

  it("two roots for one size are a fork, shown by the server or by a member", async () => {
    const { org, state } = await known(4);
    // Two logs of the same founding: the same keys state something else.
    const other = await TestOrg.create();
    await other.createProject("the other history");
    const rival = verifyCheckpoint(other.state, other.checkpointAt(4));
    expect(other.id).toBe(org.id);
    expect(meetCheckpoint(state, rival).step).toMatchObject({
      kind: "conflict",
      error: { code: "ERR_VERIFICATION_LOG_FORK" },
    });
    const page = { records: [], checkpoint: other.checkpointAt(4) };
    expect(reduceLog(state, page)).toMatchObject({
      kind: "conflict",
      error: { code: "ERR_VERIFICATION_LOG_FORK" },
    });
  });

  it("has to reach a head that a member showed", async () => {
    const { org, state } = await known(4);
    const ahead = meetCheckpoint(state, verifyCheckpoint(org.state, org.checkpointAt(6)));
    expect(ahead.isAhead).toBe(true);
    expect(ahead.step).toMatchObject({ kind: "grown" });
  });

  it("an entry that is altered, missing or of another org is a conflict", async () => {
    const { org, state } = await known(4);
    const good = pageOf(org, 4, 6);
    const altered = good.records.map((record) => Uint8Array.from(record));
    const first = altered[0] ?? new Uint8Array(1);
    first[40] = (first[40] ?? 0) ^ 1;
    expect(reduceLog(state, { ...good, records: altered }).kind).toBe("conflict");
    expect(reduceLog(state, { ...good, records: good.records.slice(1) }).kind).toBe("conflict");
    expect(reduceLog(state, { ...good, checkpoint: new Uint8Array(10) }).kind).toBe("conflict");
  });
});
