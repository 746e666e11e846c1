import { encodeReply, parseReply } from "@cloister/proto";
import { NatsService } from "@cloister/server-kit";
import { startPlainNats } from "@cloister/testkit";
import { connect } from "@nats-io/transport-node";
import { expect, test } from "vitest";

const answer = Uint8Array.of(4, 2);

test("[F41] a call without a reply subject is dropped before any handler sees it", async () => {
  await using nats = await startPlainNats();
  const connection = await connect({ servers: nats.url, tls: { ca: nats.authority.certPem } });
  const handled: string[] = [];
  {
    await using _service = new NatsService<string, string>({
      connection,
      subject: "ds.v1.*.*.*",
      queue: "ds",
      parseSubject: (subject) => ({ method: "GetRoomKey", caller: subject }),
      admit: (caller) => caller,
      dispatch: async ({ payload }) => {
        handled.push(Buffer.from(payload).toString());
        return { reply: encodeReply(answer) };
      },
    });
    const subject = "ds.v1.AORG.UDEVICE.GetRoomKey";
    connection.publish(subject, "without");
    const reply = await connection.request(subject, "with", { timeout: 5_000 });
    expect(Uint8Array.from(parseReply(reply.data))).toEqual(answer);
  }
  expect(handled).toEqual(["with"]);
  await connection.close();
}, 600_000);
