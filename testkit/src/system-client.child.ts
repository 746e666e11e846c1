/**
 * A client of its own process, to be killed at any moment: opens a profile, sends numbered messages,
 * reads, and notes on two files what it was told. A note is on the disk before the next step: what a
 * person would remember.
 */
import { fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { parseRoomId, SecretBytes, utf8Bytes } from "@cloister/base";
import { connect } from "@cloister/client-core";
import { openProfile, profileAt } from "@cloister/client-node";

interface Job {
  readonly folder: string;
  readonly passphrase: string;
  readonly room: string;
  /** A line a message: what was acknowledged to this sender. */
  readonly acknowledgedFile: string;
  /** A line a message: what was shown, and where to go on. */
  readonly shownFile: string;
  /** Distinguishes this run's messages from an earlier one's. */
  readonly run: number;
}

function noteIn(path: string): (line: string) => void {
  const handle = openSync(path, "a", 0o600);
  return (line) => {
    writeSync(handle, `${line}\n`);
    fsyncSync(handle);
  };
}

function lastPosition(path: string): string | undefined {
  const lines = readFileSync(path, { encoding: "utf8", flag: "a+" }).split("\n").filter(Boolean);
  return lines.at(-1)?.split(" ")[0];
}

const job = JSON.parse(readFileSync(0, "utf8")) as Job;
const after = lastPosition(job.shownFile);
const [acknowledge, show] = [noteIn(job.acknowledgedFile), noteIn(job.shownFile)];
using passphrase = SecretBytes.from(utf8Bytes(job.passphrase));
const profile = await openProfile(profileAt(job.folder), passphrase);
const client = await connect(profile.ports);
const room = await client.room(parseRoomId(job.room));
process.stdout.write("ready\n");

async function read(): Promise<void> {
  for await (const { position, body } of room.messages({ after })) {
    if (body.kind === "text") show(`${position} ${body.text}`);
  }
}

async function write(): Promise<void> {
  for (let count = 0; ; count += 1) {
    const text = `${job.run}.${count}`;
    const { stored } = await room.send(text);
    void stored.then(() => acknowledge(text));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

await Promise.all([read(), write()]);
