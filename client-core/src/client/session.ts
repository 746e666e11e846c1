import type { SecretBytes, Signer } from "@cloister/base";
import type { UserNkey } from "@cloister/proto";
import type { Access } from "../gateway/access.ts";
import type { GatewayCaller } from "../gateway/call.ts";
import type { Identity } from "../identity/identity.ts";
import type { ClientPorts } from "../ports.ts";
import type { Cancel } from "../runtime/cancel.ts";
import type { Device } from "../runtime/device.ts";
import type { Hub } from "../runtime/hub.ts";
import type { SealedStore } from "../store/seal-store.ts";
import type { InvitedNames } from "./invited-names.ts";

/** What the parts of an open client share. */
export interface ClientSession {
  readonly ports: ClientPorts;
  readonly store: SealedStore;
  readonly identity: Identity;
  readonly nkey: UserNkey;
  readonly statement: Signer<"statement">;
  readonly account: Signer<"account"> | undefined;
  readonly nkeySeed: SecretBytes;
  readonly gateway: GatewayCaller;
  readonly access: Access;
  readonly device: Device;
  /** Whatever changes in any room, the log or the connection. */
  readonly hub: Hub;
  readonly closing: Cancel;
  readonly invited: InvitedNames;
  /** Brings the log up to date over whichever way is open. */
  syncLog(): Promise<void>;
  /** Asks the gateway anew and reconnects where the rooms have changed. */
  refresh(): Promise<void>;
}
