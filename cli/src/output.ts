import { formatBase64Url } from "@cloister/base";
import type { GlobalOptions, Io } from "./io.ts";

/**
 * One result, for a person or for a program. With `--json` it is one line; bytes are base64url,
 * 64-bit numbers are decimal strings, and fields are only ever added.
 */
export function printResult(
  io: Io,
  options: Pick<GlobalOptions, "json">,
  result: { readonly json: object; readonly text: string },
): void {
  const line = options.json ? jsonLine(result.json) : result.text;
  if (line !== "") io.stdout.write(`${line}\n`);
}

export function jsonLine(value: object): string {
  const line = JSON.stringify(
    value,
    // A Buffer comes here as what its own toJSON made of it: `this` still holds the bytes.
    function (this: Readonly<Record<string, unknown>>, name, field: unknown) {
      if (typeof field === "bigint") return String(field);
      const bytes = this[name];
      return bytes instanceof Uint8Array ? formatBase64Url(bytes) : field;
    },
  );
  return line.replaceAll(
    obeyed,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Columns as wide as their widest cell; no trailing blanks. Cells are shown, never obeyed. */
export function formatTable(table: readonly (readonly string[])[]): string {
  const rows = table.map((row) => row.map(printableLine));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Control characters of a terminal (C0 but tab and newline, DEL, C1), and those that turn text. */
const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** What others wrote is shown, never obeyed. */
export function printable(text: string): string {
  return text.replaceAll(obeyed, "\ufffd");
}

/** For names: nobody's may look like a line of its own. */
export function printableLine(text: string): string {
  return printable(text).replaceAll(/[\t\n]/g, "\ufffd");
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
