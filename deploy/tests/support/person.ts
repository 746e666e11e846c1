import { SecretBytes, utf8Bytes } from "@cloister/base";
import { connect, createProfile, openProfile, profileAt, setup } from "@cloister/client-node";
import { parseClaim } from "@cloister/deploy";

const passphrase = () => SecretBytes.from(utf8Bytes("a passphrase for the test"));

/** Founds an org with one room that holds one message. */
export async function foundRoom(folder: string, claimText: string): Promise<void> {
  const { gatewayUrl, caSha256, secret: claimSecret } = parseClaim(claimText);
  await using profile = await createProfile(profileAt(folder), passphrase());
  const names = { orgName: "Acme", personName: "Alice" };
  await setup.createOrg(profile.ports, { gatewayUrl, caSha256, claimSecret, ...names });
  await using client = await connect(profile.ports);
  const project = await client.org.createProject("Newsdesk");
  const room = await client.room(await client.org.createRoom({ project, name: "sources" }));
  await (await room.send("first")).stored;
}

/** Connects anew and sends; answers with the sequence that the box gave it. */
export async function sendAnother(folder: string, text: string): Promise<bigint> {
  await using profile = await openProfile(profileAt(folder), passphrase());
  await using client = await connect(profile.ports);
  const [status] = client.rooms();
  if (status === undefined) throw new Error("the room is gone");
  const room = await client.room(status.id);
  return (await (await room.send(text)).stored).sequence;
}
