/** What the server writes into the reply subject of a delivered record. */
export interface Delivery {
  readonly sequence: bigint;
  /** Records of this consumer that the server still held. */
  readonly pending: number;
}

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`, or v2 with
 * domain and account before the stream. Undefined for anything else.
 */
export function parseAckSubject(reply: string): Delivery | undefined {
  const tokens = reply.split(".");
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK") return undefined;
  const shift = tokens.length >= 11 ? 2 : 0;
  const sequence = tokens[5 + shift] ?? "";
  const pending = tokens[8 + shift] ?? "";
  if (!/^\d{1,19}$/.test(sequence) || !/^\d{1,15}$/.test(pending)) return undefined;
  return { sequence: BigInt(sequence), pending: Number(pending) };
}
