import type { Readable, Writable } from "node:stream";

/** The process around a command: what tests replace. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Options that every command has. */
export interface GlobalOptions {
  readonly profile: string;
  readonly json: boolean;
}
