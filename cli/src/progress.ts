import type { Io } from "./io.ts";
import { formatBytes } from "./output.ts";

const BAR_CHARS = 24;
const REDRAW_MS = 100;
/** Without a terminal a line now and then tells that it goes on. */
const LINE_MS = 5_000;

/** Progress on stderr of what takes over a second. Ends its line when disposed. */
export class ProgressBar implements Disposable {
  readonly #io: Io;
  readonly #label: string;
  readonly #startedMs = Date.now();
  #drawnMs = 0;
  #isDrawn = false;

  constructor(io: Io, label: string) {
    this.#io = io;
    this.#label = label;
  }

  update(done: number, total: number): void {
    const now = Date.now();
    const isTerminal = this.#io.stderr.isTTY === true;
    const pauseMs = isTerminal ? REDRAW_MS : LINE_MS;
    const isEnd = done >= total;
    if (now - this.#drawnMs < pauseMs && !(isEnd && this.#isDrawn)) return;
    if (!isTerminal && this.#drawnMs === 0 && !isEnd) {
      this.#drawnMs = now;
      return;
    }
    this.#drawnMs = now;
    this.#isDrawn = true;
    this.#io.stderr.write(
      isTerminal ? `\r\u001b[K${this.#line(done, total)}` : `${this.#line(done, total)}\n`,
    );
  }

  [Symbol.dispose](): void {
    if (this.#isDrawn && this.#io.stderr.isTTY === true) this.#io.stderr.write("\n");
  }

  #line(done: number, total: number): string {
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const filled = Math.round(share * BAR_CHARS);
    const seconds = (Date.now() - this.#startedMs) / 1000;
    const rate = seconds > 0.2 ? `  ${formatBytes(Math.round(done / seconds))}/s` : "";
    const bar = `${"#".repeat(filled)}${".".repeat(BAR_CHARS - filled)}`;
    return `${this.#label} [${bar}] ${Math.floor(share * 100)} %  ${formatBytes(done)}${rate}`;
  }
}
