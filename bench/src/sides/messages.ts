/** What a message bench moves: the same for every side. */
export interface MessageJob {
  readonly count: number;
}

export const MESSAGE_BYTES = 1_024;

/** Text of 1 KiB, each different: nothing is won by having seen it before. */
export function messageText(index: number): string {
  return `message ${index} `.padEnd(MESSAGE_BYTES, "all work and no play ");
}

export function messageTexts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => messageText(index));
}
