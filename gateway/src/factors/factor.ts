import type { EpochMs, Random } from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";

export interface EnrolmentInput {
  /** Public: shown by the authenticator beside the code. */
  readonly orgName: string;
  readonly accountLabel: string;
  readonly random: Random;
}

export interface Enrolment {
  /** What the gateway keeps, sealed; opaque to everything but its factor. */
  readonly state: Uint8Array;
  /** Shown once to the person. */
  readonly provisioning: string;
}

export interface PresentationInput {
  readonly state: Uint8Array;
  readonly proof: Uint8Array;
  readonly now: EpochMs;
}

export type Presentation =
  /** `state` replaces the old one by compare-and-set before the presentation counts. */
  | { readonly kind: "accepted"; readonly state: Uint8Array }
  /** Right once, but burnt. */
  | { readonly kind: "used" }
  | { readonly kind: "wrong" };

/**
 * A way to show who is there. Passkeys, SMS and plug-ins implement the same two functions; both
 * are pure in their state, so that storage, attempts and burning are decided in one place
 * (factor-book.ts).
 */
export interface FactorMethod {
  readonly factor: statementsV1.Factor;
  /** Token of the state's key: lowercase letters. */
  readonly name: string;
  enrol(input: EnrolmentInput): Enrolment;
  present(input: PresentationInput): Presentation;
}
