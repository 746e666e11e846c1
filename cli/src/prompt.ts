import { SecretBytes } from "@cloister/base";
import { cliErrors } from "./errors.ts";
import type { Io } from "./io.ts";

const MAX_CHARS = 1024;

/** Asks without showing what is typed. Throws `ERR_NO_TERMINAL` where nobody can type. */
export async function askSecret(io: Io, question: string): Promise<SecretBytes> {
  const stdin = io.stdin as Io["stdin"] & { setRawMode?: (raw: boolean) => void };
  if (stdin.isTTY !== true || stdin.setRawMode === undefined) {
    throw cliErrors.ERR_NO_TERMINAL("a passphrase is needed and there is no terminal to ask at");
  }
  io.stderr.write(question);
  stdin.setRawMode(true);
  try {
    return await readLine(stdin);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    io.stderr.write("\n");
  }
}

async function readLine(stdin: Io["stdin"]): Promise<SecretBytes> {
  const typed: number[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<SecretBytes>();
  const onData = (chunk: Buffer): void => {
    for (const byte of chunk) {
      if (byte === 0x03) reject(cliErrors.ERR_ARGUMENT("stopped"));
      else if (byte === 0x0d || byte === 0x0a) resolve(SecretBytes.from(Uint8Array.from(typed)));
      else if (byte === 0x7f || byte === 0x08) removeLastChar(typed);
      else if (typed.length < MAX_CHARS) typed.push(byte);
    }
    chunk.fill(0);
  };
  stdin.on("data", onData);
  stdin.resume();
  try {
    return await promise;
  } finally {
    stdin.off("data", onData);
    typed.fill(0);
  }
}

/** A character of UTF-8: its continuation bytes go with it. */
function removeLastChar(typed: number[]): void {
  let removed: number | undefined;
  do removed = typed.pop();
  while (removed !== undefined && (removed & 0xc0) === 0x80);
}
