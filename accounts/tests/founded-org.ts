import { idBytes, publicKeyBytes } from "@cloister/base";
import type { ServiceLink, TestBox } from "./fleet.ts";
import { OrgForge, serviceKeys } from "./org-forge.ts";

/** An org founded through the service, with a gateway and a relay that its log authorises. */
export class FoundedOrg {
  readonly forge: OrgForge;
  readonly gatewayKeys = serviceKeys("gateway");
  readonly relayKeys: ReturnType<typeof serviceKeys<"relay">>;
  readonly link: ServiceLink;
  natsAccount = "";
  storeAccount = "";

  private constructor(
    link: ServiceLink,
    forge: OrgForge,
    relayKeys: ReturnType<typeof serviceKeys<"relay">>,
  ) {
    this.link = link;
    this.forge = forge;
    this.relayKeys = relayKeys;
  }

  static async found(box: TestBox, link: ServiceLink, relay: ServiceLink): Promise<FoundedOrg> {
    const relayKeys = serviceKeys("relay");
    const { key, natsSigningKey } = relayKeys;
    await relay.call("AnnounceRelay", { relayKey: publicKeyBytes(key), natsSigningKey });
    const claimSecret = await box.claim();
    const { logKey } = await link.call("ReserveOrg", { claimSecret });
    const forge = new OrgForge();
    const genesis = await forge.genesis(logKey);
    const created = await link.call("CreateOrg", { claimSecret, genesis });
    forge.take(created.logRecord);
    const org = new FoundedOrg(link, forge, relayKeys);
    org.natsAccount = created.natsAccount;
    org.storeAccount = created.natsStoreAccount;
    await org.submit(await forge.gateway({ ...keysOf(org.gatewayKeys), revoked: false }));
    await org.submit(await forge.relay({ ...keysOf(relayKeys), revoked: false }));
    return org;
  }

  get orgId(): Uint8Array {
    return idBytes(this.forge.org);
  }

  async submit(statement: Uint8Array): Promise<bigint> {
    const { orgId } = this;
    const { position, logRecord } = await this.link.call("Submit", { orgId, statement });
    this.forge.take(logRecord);
    return position;
  }
}

function keysOf<Key>({ key, natsSigningKey }: { key: Key; natsSigningKey: Uint8Array }) {
  return { key, natsSigningKey };
}
