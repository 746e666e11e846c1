// Holds the contract against the image of every release: fields are only added.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./run.ts";

const folder = join(root, "proto", "releases");
const images = existsSync(folder)
  ? readdirSync(folder).filter((name) => name.endsWith(".binpb"))
  : [];
if (images.length === 0) console.log("no release yet: nothing to break");
for (const image of images) {
  run("buf", ["breaking", "--against", join(folder, image)]);
  console.log(`compatible with ${image}`);
}
