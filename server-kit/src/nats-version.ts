/** A version such as 2.15.2, compared number by number. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** Finds the first `1.2.3` or `1.2` in a text such as `nats-server: v2.15.2` or `go1.26.8`. */
export function parseVersion(text: string): Version | undefined {
  const match = /(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?/.exec(text);
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3] ?? 0) };
}

export function formatVersion(version: Version): string {
  return `${version.major}.${version.minor}.${version.patch}`;
}

export function isAtLeast(version: Version, wanted: Version): boolean {
  if (version.major !== wanted.major) return version.major > wanted.major;
  if (version.minor !== wanted.minor) return version.minor > wanted.minor;
  return version.patch >= wanted.patch;
}

/** A found server fits the pin if it is of the same minor line and not older. */
export function fitsPin(version: Version, pin: Version): boolean {
  return version.major === pin.major && version.minor === pin.minor && version.patch >= pin.patch;
}
