import { cliErrors } from "./errors.ts";
import type { Io } from "./io.ts";

export const MAX_STDIN_TEXT_BYTES = 400_000;
/** Claim codes and invitations. */
export const MAX_STDIN_CODE_BYTES = 65_536;

/** All of standard input, without its last line end. */
export async function readStdin(io: Io, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    const piece = Buffer.from(chunk as Uint8Array);
    bytes += piece.length;
    if (bytes > maxBytes) {
      throw cliErrors.ERR_ARGUMENT(
        `standard input has more than ${maxBytes} bytes; a file is sent with cloister file send`,
      );
    }
    chunks.push(piece);
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

/** A secret code as an argument, or with `-` from standard input: the process list shows arguments. */
export async function readCode(io: Io, given: string): Promise<string> {
  if (given !== "-") return given;
  if (io.stdin.isTTY === true) io.stderr.write("Paste it, then Enter and Ctrl-D:\n");
  return (await readStdin(io, MAX_STDIN_CODE_BYTES)).trim();
}
