import { relayErrors } from "../errors.ts";
import { MAX_KEY_PACKAGES_PER_DEVICE } from "../limits.ts";
import { deliveryStreams, deliverySubjects, type PackageOwner } from "../store/delivery-streams.ts";
import type { JetStreamApi } from "../store/jetstream-api.ts";
import { isStoreProblem } from "../store/store-error.ts";

export interface NewKeyPackage {
  /** RFC 9420 §5.2 KeyPackageRef. */
  readonly ref: Uint8Array;
  readonly keyPackage: Uint8Array;
}

const nothing = new Uint8Array();

/**
 * One-time key packages. To give one out is to make its mark, which only one can: the mark is the
 * compare-and-set, the package itself is removed afterwards, by whoever finds it still there.
 */
export class KeyPackageStore {
  readonly #api: JetStreamApi;

  constructor(api: JetStreamApi) {
    this.#api = api;
  }

  async available(owner: PackageOwner): Promise<number> {
    const subject = deliverySubjects.keyPackages(owner);
    const { subjects } = await this.#api.streamFacts(deliveryStreams.keyPackages, subject);
    return subjects.size;
  }

  /** Adds packages; one that waits already, or was given out before, is passed over. */
  async add(owner: PackageOwner, packages: readonly NewKeyPackage[]): Promise<number> {
    const before = await this.available(owner);
    if (before + packages.length > MAX_KEY_PACKAGES_PER_DEVICE) {
      throw relayErrors.ERR_RELAY_KEY_PACKAGES_FULL("too many key packages of this device wait", {
        details: { available: before, limit: MAX_KEY_PACKAGES_PER_DEVICE },
      });
    }
    for (const added of packages) await this.#addOne(owner, added);
    return this.available(owner);
  }

  /** Takes one package out, or undefined where none is left. Never the same one twice. */
  async claim(owner: PackageOwner): Promise<Uint8Array | undefined> {
    const subject = deliverySubjects.keyPackages(owner);
    let sequence = 1;
    for (;;) {
      const found = await this.#api.next(deliveryStreams.keyPackages, { sequence, subject });
      if (found === undefined) return undefined;
      const ref = found.subject.slice(found.subject.lastIndexOf(".") + 1);
      const isMine = await this.#mark(owner, ref);
      await this.#api.purge(deliveryStreams.keyPackages, found.subject);
      if (isMine) return found.data;
      sequence = found.sequence + 1;
    }
  }

  async #addOne(owner: PackageOwner, { ref, keyPackage }: NewKeyPackage): Promise<void> {
    const subject = deliverySubjects.keyPackage(owner, ref);
    const refText = subject.slice(subject.lastIndexOf(".") + 1);
    const claim = deliverySubjects.claim(owner, refText);
    if ((await this.#api.last(deliveryStreams.claims, claim)) !== undefined) return;
    await this.#createOnly(subject, keyPackage);
  }

  async #mark(owner: PackageOwner, ref: string): Promise<boolean> {
    return this.#createOnly(deliverySubjects.claim(owner, ref), nothing);
  }

  async #createOnly(subject: string, data: Uint8Array): Promise<boolean> {
    try {
      await this.#api.publish(subject, data, { expectedLastSequence: 0 });
      return true;
    } catch (error) {
      if (isStoreProblem(error, "sequence")) return false;
      throw error;
    }
  }
}
