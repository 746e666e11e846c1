import { type GatewayKey, publicKeyBytes, publicKeyFromBytes, type RelayKey } from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import { pushChange } from "../state/effects.ts";
import type { OrgFacts, ServiceFact } from "../state/facts.ts";
import { type Change, type History, versionAt } from "../state/history.ts";
import type { OrgState } from "../state/org-state.ts";
import { orgScope } from "../state/scope.ts";
import { checkFreshKeys, usedKey } from "./certificate.ts";
import {
  type BodyOf,
  type Judgement,
  requireOwnerOver,
  type StatementContext,
  signingDevice,
} from "./judgement.ts";

export function judgeGatewaySet(context: StatementContext, body: BodyOf<"gatewaySet">): Judgement {
  const { natsSigningKey, revoked } = body;
  const key = publicKeyFromBytes("gateway", body.gatewayKey);
  return judgeServiceSet(context, {
    fact: { key, natsSigningKey, revoked },
    history: context.state.gateways.get(key),
    histories: (facts) => facts.gateways,
  });
}

export function judgeRelaySet(context: StatementContext, body: BodyOf<"relaySet">): Judgement {
  const { natsSigningKey, revoked } = body;
  const key = publicKeyFromBytes("relay", body.relayKey);
  return judgeServiceSet(context, {
    fact: { key, natsSigningKey, revoked },
    history: context.state.relays.get(key),
    histories: (facts) => facts.relays,
  });
}

interface ServiceChange<Key> {
  readonly fact: ServiceFact<Key>;
  readonly history: History<ServiceFact<Key>> | undefined;
  readonly histories: (facts: OrgFacts) => Map<Key, Change<ServiceFact<Key>>[]>;
}

function judgeServiceSet<Key extends GatewayKey | RelayKey>(
  context: StatementContext,
  { fact, history, histories }: ServiceChange<Key>,
): Judgement {
  const signer = signingDevice(context);
  const { position } = context;
  return {
    signers: [[signer.certificate.statementKey]],
    version: versionAt(history, position),
    check: () => {
      requireOwnerOver(context, signer, orgScope);
      const newKeys = newKeysOf(context.state, fact, history);
      return (facts) => {
        pushChange(histories(facts), fact.key, { position, value: fact });
        for (const key of newKeys) facts.usedKeys.add(usedKey(key));
      };
    },
  };
}

/** A first statement brings both keys; a later one keeps the NATS signing key or brings a fresh one. */
function newKeysOf<Key extends GatewayKey | RelayKey>(
  state: OrgState,
  fact: ServiceFact<Key>,
  history: History<ServiceFact<Key>> | undefined,
): Uint8Array[] {
  const isKnown = history?.some(
    ({ value }) => usedKey(value.natsSigningKey) === usedKey(fact.natsSigningKey),
  );
  if (fact.revoked && history === undefined) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT(
      "what was never authorised cannot be revoked",
    );
  }
  const keys = [
    ...(history === undefined ? [publicKeyBytes(fact.key)] : []),
    ...(isKnown === true ? [] : [fact.natsSigningKey]),
  ];
  checkFreshKeys(state, keys);
  return keys;
}
