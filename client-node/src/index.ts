/**
 * Cloister's client for Node: profiles on disk and the platform's adapters, with what a developer
 * needs of client-core, so that one import is enough.
 */

export { isCloisterError, SecretBytes } from "@cloister/base";
export type * from "@cloister/client-core";
export { clientErrors, connect, readInvitation, setup } from "@cloister/client-core";
export { nodeEngine } from "./engine.ts";
export { clientNodeErrors } from "./errors.ts";
export { DiskFileSink } from "./file-sink.ts";
export { DiskFileSource } from "./file-source.ts";
export { HttpsPort } from "./https-port.ts";
export { natsTransport } from "./nats/nats-transport.ts";
export { nodeClock } from "./node-clock.ts";
export { nodeCrypto, nodeRandom } from "./node-crypto.ts";
export { createProfile, type OpenProfile, openProfile } from "./open-profile.ts";
export { type PassphraseSource, passphraseSourceFrom, readPassphrase } from "./passphrase.ts";
export { PinnedAuthorities } from "./pinned-authority.ts";
export { type ProfileFolder, profileAt, profileFolder } from "./profile.ts";
export { SqliteStore } from "./store/sqlite-store.ts";
