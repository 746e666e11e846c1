import type { GatewayKey, RelayKey } from "@cloister/base";
import type { GatewayFact, RelayFact } from "./facts.ts";
import { valueAt } from "./history.ts";
import type { OrgState } from "./org-state.ts";

/** The gateway if owners' statements authorise it in a log of this size. */
export function gatewayAt(
  state: OrgState,
  { key, at }: { readonly key: GatewayKey; readonly at: number },
): GatewayFact | undefined {
  const fact = valueAt(state.gateways.get(key), at);
  return fact?.revoked === false ? fact : undefined;
}

/** The relay if owners' statements authorise it in a log of this size. */
export function relayAt(
  state: OrgState,
  { key, at }: { readonly key: RelayKey; readonly at: number },
): RelayFact | undefined {
  const fact = valueAt(state.relays.get(key), at);
  return fact?.revoked === false ? fact : undefined;
}

export interface AuthorisedServices {
  readonly gateways: readonly GatewayFact[];
  readonly relays: readonly RelayFact[];
}

/** Whose NATS signing keys belong into the org's account JWT at this size of the log. */
export function authorisedServices(state: OrgState, at: number): AuthorisedServices {
  const gateways = [...state.gateways.keys()].flatMap((key) => gatewayAt(state, { key, at }) ?? []);
  const relays = [...state.relays.keys()].flatMap((key) => relayAt(state, { key, at }) ?? []);
  return { gateways, relays };
}
