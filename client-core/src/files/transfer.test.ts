import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FILE_WINDOW_CHUNKS } from "../limits.ts";
import { type DownloadEvent, newDownload, reduceDownload } from "./download.ts";
import { newUpload, reduceUpload, type UploadEvent, type UploadState } from "./upload.ts";

const outcomes = ["stored", "exists", "timeout", "disconnected", "stream-full"] as const;

describe("an upload", () => {
  it("sends nothing before it is prepared, keeps its window, and ends with every chunk stored", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 0, max: 40 }),
        fc.infiniteStream(fc.tuple(fc.nat(), fc.constantFrom(...outcomes))),
        (chunks, prior, luck) => {
          const prepared = Math.min(prior, chunks);
          let state: UploadState = newUpload({
            chunks,
            prepared,
            stored: Math.floor(prepared / 2),
          });
          const open: UploadEvent[] = [{ kind: "start" }];
          const stored = new Set<number>();
          let steps = 0;
          while (state.end === undefined) {
            const [pick, outcome] = luck.next().value as [number, (typeof outcomes)[number]];
            const [event] = open.splice(pick % open.length, 1);
            if (event === undefined) throw new Error("nothing left to do");
            const step = reduceUpload(state, event);
            state = step.state;
            expect(state.flying.size).toBeLessThanOrEqual(FILE_WINDOW_CHUNKS);
            for (const effect of step.effects) {
              if (effect.kind === "prepare") open.push({ kind: "prepared", upTo: effect.to });
              if (effect.kind === "pause") open.push({ kind: "resumed" });
              if (effect.kind !== "send") continue;
              expect(effect.chunk).toBeLessThan(state.prepared);
              const final = steps > 2000 ? "stored" : outcome;
              if (final === "stored" || final === "exists") stored.add(effect.chunk);
              open.push({ kind: "sent", chunk: effect.chunk, outcome: { kind: final } });
            }
            steps += 1;
          }
          expect(state.end).toEqual({ kind: "done" });
          expect(stored.size).toBe(chunks - Math.floor(prepared / 2));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("ends where it is denied, refused or taken", () => {
    const started = reduceUpload(newUpload({ chunks: 3, prepared: 3, stored: 0 }), {
      kind: "start",
    });
    const end = (outcome: Extract<UploadEvent, { kind: "sent" }>["outcome"]): unknown =>
      reduceUpload(started.state, { kind: "sent", chunk: 0, outcome }).state.end;
    expect(end({ kind: "denied" })).toMatchObject({ kind: "failed", code: "denied" });
    expect(end({ kind: "refused", code: "x", text: "y" })).toMatchObject({ kind: "failed" });
    expect(end({ kind: "taken" })).toEqual({ kind: "taken" });
  });
});

describe("a download", () => {
  it("writes each chunk once and in order, whatever comes when", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.nat({ max: 59 }),
        fc.infiniteStream(fc.tuple(fc.nat(), fc.boolean())),
        (chunks, kept, luck) => {
          const from = kept % chunks;
          let state = newDownload(chunks, from);
          const open: DownloadEvent[] = [{ kind: "start" }];
          const written: number[] = [];
          let steps = 0;
          while (state.end === undefined) {
            const [pick, isLucky] = luck.next().value as [number, boolean];
            const [event] = open.splice(pick % open.length, 1);
            if (event === undefined) throw new Error("nothing left to do");
            const step = reduceDownload(state, event);
            state = step.state;
            expect(state.flying.size + state.arrived.size).toBeLessThanOrEqual(FILE_WINDOW_CHUNKS);
            for (const effect of step.effects) {
              if (effect.kind === "pause") open.push({ kind: "resumed" });
              if (effect.kind === "write") {
                written.push(effect.chunk);
                open.push({ kind: "written", chunk: effect.chunk });
              }
              if (effect.kind !== "fetch") continue;
              const kind = isLucky || steps > 2000 ? "arrived" : "failed";
              open.push({ kind, chunk: effect.chunk });
            }
            steps += 1;
          }
          expect(written).toEqual(
            Array.from({ length: chunks - from }, (_, index) => from + index),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
