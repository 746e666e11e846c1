import { connect, openProfile, profileFolder, readPassphrase } from "@cloister/client";

using passphrase = await readPassphrase({ kind: "file", path: "passphrase" });
await using profile = await openProfile(profileFolder("alice", process.env), passphrase);
await using client = await connect(profile.ports);
for (const { id } of client.rooms()) {
  const room = await client.room(id);
  await (await room.send("Hello from ten lines")).stored;
  for await (const { body } of room.messages({ live: false })) console.log(body);
}
