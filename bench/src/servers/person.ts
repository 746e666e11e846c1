import { randomBytes } from "node:crypto";
import { SecretBytes, utf8Bytes } from "@cloister/base";
import { createProfile, type OpenProfile, openProfile, profileAt } from "@cloister/client-node";

/** A profile on disk and what opens it; goes to a side's process over the pipe between them. */
export interface Person {
  readonly name: string;
  readonly folder: string;
  /** Of a profile that lives as long as the bench. */
  readonly passphrase: string;
}

export function newPerson(name: string, folder: string): Person {
  return { name, folder, passphrase: randomBytes(24).toString("base64url") };
}

export async function createPerson(person: Person): Promise<OpenProfile> {
  using passphrase = SecretBytes.from(utf8Bytes(person.passphrase));
  return await createProfile(profileAt(person.folder), passphrase);
}

export async function openPerson(person: Person): Promise<OpenProfile> {
  using passphrase = SecretBytes.from(utf8Bytes(person.passphrase));
  return await openProfile(profileAt(person.folder), passphrase);
}
