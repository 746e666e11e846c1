import { encodeReply, parseReply } from "@cloister/proto";
import { type Dispatch, NatsService } from "@cloister/server-kit";
import { startNats, type TestNats, type TestUser } from "@cloister/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const answer = Uint8Array.of(4, 2);

/** The Delivery Service's subject, called by a member's device through the org's import. */
describe("a service over NATS", () => {
  let nats: TestNats;
  let device: TestUser;
  let delivery: TestUser;
  const handled: string[] = [];

  const dispatch: Dispatch<string> = async ({ payload }) => {
    handled.push(Buffer.from(payload).toString());
    return { reply: encodeReply(answer) };
  };

  beforeAll(async () => {
    nats = await startNats({ orgs: ["alpha"] });
    device = await nats.member(nats.org("alpha"), []);
    delivery = await nats.service("delivery");
  }, 600_000);
  afterAll(async () => {
    await nats?.[Symbol.asyncDispose]();
  });

  test("[F41] drops a call that has no reply subject before any handler sees it", async () => {
    await using _service = new NatsService<string, string>({
      connection: delivery.connection,
      subject: "ds.v1.*.*.*",
      queue: "ds",
      parseSubject: (subject) => ({ method: "GetRoomKey", caller: subject }),
      admit: (caller) => caller,
      dispatch,
    });
    await delivery.connection.flush();
    const subject = `ds.v1.${device.pair.publicKey}.GetRoomKey`;
    device.connection.publish(subject, "without");
    const reply = await device.connection.request(subject, "with", { timeout: 5_000 });
    expect(Uint8Array.from(parseReply(reply.data))).toEqual(answer);
    expect(handled).toEqual(["with"]);
  });
});
