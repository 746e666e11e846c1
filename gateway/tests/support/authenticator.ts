import { type gatewayV1, statementsV1 } from "@cloister/proto";
import { URI } from "otpauth";
import type { TestClient } from "./http-client.ts";
import type { GatewayStack, Session } from "./stack.ts";

const totp = statementsV1.Factor.FACTOR_TOTP;

/** A phone in the test's hand. */
export class Authenticator {
  readonly #stack: GatewayStack;
  uri = "";

  constructor(stack: GatewayStack) {
    this.#stack = stack;
  }

  /** The code at the gateway's time, `steps` away. */
  code(steps = 0): string {
    return URI.parse(this.uri).generate({
      timestamp: this.#stack.clock.now() + steps * 30_000,
    } as never);
  }

  async enrol(session: Session, client = this.#stack.client): Promise<void> {
    const { provisioning } = await client.call(
      "EnrolFactor",
      { factor: totp },
      this.#caller(session),
    );
    this.uri = provisioning;
  }

  async present(session: Session, code: string, client = this.#stack.client): Promise<Session> {
    const answer = await this.presentRaw(session, code, client);
    return this.#stack.withToken(session, answer.sessionToken);
  }

  presentRaw(
    session: Session,
    code: string,
    client: TestClient = this.#stack.client,
  ): Promise<gatewayV1.PresentFactorResponse> {
    return client.call(
      "PresentFactor",
      { factor: totp, proof: Buffer.from(code) },
      this.#caller(session),
    );
  }

  /** A fresh authenticator in the place of whatever the account had: tests share accounts. */
  async enrolAndPresent(session: Session): Promise<Session> {
    await this.enrol(session);
    return this.present(session, this.code());
  }

  #caller(session: Session) {
    return { ...this.#stack.sessionCaller(session), timeMs: this.#stack.clock.now() };
  }
}
