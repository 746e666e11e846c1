import type { EpochMs } from "@cloister/base";
import type { LogReplica } from "@cloister/rules";
import type { LogFollower } from "@cloister/server-kit";
import type { KeyPackageStore } from "../key-packages/key-package-store.ts";
import type { OrgDirectory } from "../orgs/org-directory.ts";
import type { EngineHost } from "../rooms/engine-host.ts";
import type { FenceWriter } from "../rooms/fence-writer.ts";
import type { RoomCache } from "../rooms/room-cache.ts";
import type { RoomStore } from "../rooms/room-store.ts";

/** What the Delivery Service's methods work with. */
export interface DeliveryContext {
  readonly log: LogFollower<LogReplica>;
  readonly directory: OrgDirectory;
  readonly engine: EngineHost;
  readonly rooms: RoomCache;
  readonly store: RoomStore;
  readonly fences: FenceWriter;
  readonly keyPackages: KeyPackageStore;
  /** The wall clock: grants and passes live by it. */
  readonly now: () => EpochMs;
  /** Hooks of tests, to stop the process at a chosen moment. */
  readonly atStep: (step: AppendStep) => Promise<void>;
}

/** Moments of an append that a crash can fall between. */
export type AppendStep = "checked" | "stored" | "fenced";
