import type { TransferProgress } from "@cloister/client-core";
import type { Io } from "./io.ts";
import { formatBytes } from "./output.ts";

const BAR_CHARS = 24;
const REDRAW_MS = 100;
/** Without a terminal a line now and then tells that it goes on. */
const LINE_MS = 5_000;

/** Progress of a transfer on stderr. Ends its line when disposed. */
export class ProgressBar implements Disposable {
  readonly #io: Io;
  readonly #label: string;
  readonly #startedMs = Date.now();
  readonly #isTerminal: boolean;
  #drawnMs: number;
  #isDrawn = false;
  #isResumeTold = false;

  constructor(io: Io, label: string) {
    this.#io = io;
    this.#label = label;
    this.#isTerminal = io.stderr.isTTY === true;
    this.#drawnMs = this.#isTerminal ? 0 : this.#startedMs;
  }

  update(progress: TransferProgress): void {
    this.#tellResume(progress.resumedBytes);
    const now = Date.now();
    const isEnd = this.#isDrawn && progress.doneBytes >= progress.totalBytes;
    if (now - this.#drawnMs < (this.#isTerminal ? REDRAW_MS : LINE_MS) && !isEnd) return;
    this.#drawnMs = now;
    this.#isDrawn = true;
    const line = this.#line(progress);
    this.#io.stderr.write(this.#isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  }

  [Symbol.dispose](): void {
    if (this.#isDrawn && this.#isTerminal) this.#io.stderr.write("\n");
  }

  #tellResume(resumedBytes: number): void {
    if (this.#isResumeTold || resumedBytes === 0) return;
    this.#isResumeTold = true;
    this.#io.stderr.write(`${this.#label}: goes on after ${formatBytes(resumedBytes)}\n`);
  }

  /** The rate counts what this try has moved. */
  #line({ doneBytes, totalBytes, resumedBytes }: TransferProgress): string {
    const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
    const filled = Math.round(share * BAR_CHARS);
    const seconds = (Date.now() - this.#startedMs) / 1000;
    const moved = Math.round(Math.max(0, doneBytes - resumedBytes) / seconds);
    const rate = seconds > 0.2 ? `  ${formatBytes(moved)}/s` : "";
    const bar = `${"#".repeat(filled)}${".".repeat(BAR_CHARS - filled)}`;
    return `${this.#label} [${bar}] ${Math.floor(share * 100)} %  ${formatBytes(doneBytes)}${rate}`;
  }
}
