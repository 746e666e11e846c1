import { isCloisterError, reportOf } from "@cloister/base";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

export type LogFields = Readonly<Record<string, unknown>>;

/** Writes one JSON object a line: time, level, component, message, fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry these fields too. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly component: string;
  readonly level?: LogLevel;
  readonly write: (line: string) => void;
  readonly now?: () => Date;
  readonly fields?: LogFields;
}

export function createLogger(options: LoggerOptions): Logger {
  const lowest = logLevels.indexOf(options.level ?? "info");
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (logLevels.indexOf(level) < lowest) return;
      const head = { time: (options.now?.() ?? new Date()).toISOString(), level };
      const rest = redactFields({ ...options.fields, ...fields });
      const line = { ...head, component: options.component, message: redactText(message), ...rest };
      options.write(`${JSON.stringify(line)}\n`);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (fields) => createLogger({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

const hidden = "[hidden]";
const maxTextChars = 2_048;
const maxDepth = 4;
const secretName =
  /secret|password|passphrase|seed|token|jwt|credential|authorization|cookie|private|totp|nonce/i;
/** Shapes of what must never be written: NATS seeds, tokens, PEM keys. */
const secretShape =
  /\bS[OAUNCX][A-Z2-7]{56}\b|\beyJ[\w-]{10,}\.[\w-]+\.[\w-]*|-----BEGIN [A-Z ]*PRIVATE KEY-----/g;

function redactText(text: string): string {
  return text.slice(0, maxTextChars).replace(secretShape, hidden);
}

function redactFields(fields: LogFields, depth = 0): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      secretName.test(name) ? hidden : redactValue(value, depth),
    ]),
  );
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (value instanceof Error) return describeError(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= maxDepth) return "[deep]";
  if (Array.isArray(value)) {
    return value.slice(0, 100).map((item: unknown) => redactValue(item, depth + 1));
  }
  return redactFields(value as LogFields, depth + 1);
}

/** Ours is told whole; of a foreign error the class and system code, for its text may hold data. */
function describeError(error: Error): unknown {
  if (isCloisterError(error)) return redactFields({ ...reportOf(error) }, 1);
  const code = (error as NodeJS.ErrnoException).code;
  return { name: error.name, ...(typeof code === "string" ? { code } : {}) };
}
