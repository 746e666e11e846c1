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
  return JSON.stringify(value, (_name, field: unknown) => {
    if (typeof field === "bigint") return String(field);
    return field instanceof Uint8Array ? formatBase64Url(field) : field;
  });
}

/** Columns as wide as their widest cell; no trailing blanks. */
export function formatTable(rows: readonly (readonly string[])[]): string {
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

/** What others wrote is shown, never obeyed: control characters of a terminal are made visible. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    "\ufffd",
  );
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
