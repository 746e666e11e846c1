import { cliErrors } from "../errors.ts";
import type { HolderView } from "./holder-view.ts";
import type { Marker } from "./marker.ts";

/** What was found where a relay's holder can look. */
export interface Findings {
  readonly secret: Marker;
  readonly control: Marker;
  /** Inside TLS, in front of nats-server. */
  readonly tap: { hits(marker: Marker): number };
  /** On the stopped box: files, logs and streams. */
  readonly box: Pick<HolderView, "hits">;
}

/**
 * Throws where plaintext was found, and where the control was not: a search that is blind proves
 * nothing.
 */
export function judge({ secret, control, tap, box }: Findings): void {
  const found = { onBox: box.hits.get(control) ?? 0, inTap: tap.hits(control) };
  if (found.inTap === 0)
    throw cliErrors.ERR_DEMO("the control was not seen inside TLS: the tap is blind");
  if (found.onBox === 0)
    throw cliErrors.ERR_DEMO("the control was not found on the box: the search is blind");
  const hits = box.hits.get(secret);
  if (hits === undefined)
    throw cliErrors.ERR_DEMO("the box was not searched for what members wrote");
  const all = hits + tap.hits(secret);
  if (all > 0) throw cliErrors.ERR_DEMO(`plaintext was found ${all} times`);
}
