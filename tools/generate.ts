// Generates codecs, the image and the tables from proto/**; `node tools/generate.ts [folder]`.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  fromBinary,
  getOption,
  type Registry,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { root, run } from "./run.ts";

const accessOption = "cloister.common.v1.access";

interface Contract {
  readonly messages: readonly DescMessage[];
  readonly methods: readonly DescMethod[];
  readonly registry: Registry;
}

export function generate(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const template = JSON.stringify(templateFor(folder));
  run("buf", ["generate", "--template", template]);
  const imagePath = join(folder, "image.binpb");
  run("buf", ["build", "--exclude-source-info", "-o", imagePath]);
  const image = readFileSync(imagePath);
  const contract = readContract(image);
  write(folder, "image.ts", imageSource(image));
  write(folder, "messages.ts", messagesSource(contract));
  write(folder, "methods.ts", methodsSource(contract));
}

function templateFor(folder: string): object {
  const template = JSON.parse(readFileSync(join(root, "buf.gen.json"), "utf8"));
  return { ...template, plugins: [{ ...template.plugins[0], out: folder }] };
}

/** Reads what buf built. A method that does not say who may call it fails here. */
export function readContract(image: Uint8Array): Contract {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  const messages: DescMessage[] = [];
  const methods: DescMethod[] = [];
  for (const type of registry) {
    if (!type.typeName.startsWith("cloister.")) continue;
    if (type.kind === "message") messages.push(type);
    if (type.kind === "service") methods.push(...type.methods);
  }
  const byName = (a: DescMessage, b: DescMessage) => (a.typeName < b.typeName ? -1 : 1);
  const contract = { messages: messages.toSorted(byName), methods, registry };
  for (const method of methods) accessOf(contract, method);
  return contract;
}

function accessOf({ registry }: Contract, method: DescMethod): string {
  const extension = registry.getExtension(accessOption);
  if (extension === undefined || extension.fieldKind !== "enum") {
    throw new Error(`the contract lacks the method option ${accessOption}`);
  }
  const value = getOption(method, extension);
  const name = extension.enum.values.find(({ number }) => number === value)?.name;
  if (name === undefined || value === 0) {
    throw new Error(`${methodName(method)} does not say who may call it: set (${accessOption})`);
  }
  return name;
}

function methodName(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

const header = "// Generated from proto/** by tools/generate.ts: not for editing.\n";

function imageSource(image: Uint8Array): string {
  const text = Buffer.from(image).toString("base64url");
  return `${header}\n/** FileDescriptorSet of the contract, base64url. */\nexport const imageBase64Url =\n  "${text}";\n`;
}

function messagesSource({ messages }: Contract): string {
  const types = messages.map((message) => `  "${message.typeName}": Codec<${codecOf(message)}>;`);
  const codecs = messages.map((message) => `  "${message.typeName}": ${codecOf(message)},`);
  return [
    header,
    importsOf(messages),
    "export interface Codec<Message> {",
    "  encode(message: Message): { finish(): Uint8Array };",
    "  decode(bytes: Uint8Array): Message;",
    "}\n",
    `export interface Messages {\n${types.join("\n")}\n}\n`,
    "/** Every message's codec by its full name. */",
    `export const messages: Readonly<Messages> = {\n${codecs.join("\n")}\n};\n`,
  ].join("\n");
}

function methodsSource(contract: Contract): string {
  const lines = contract.methods.map((method) => {
    const fields = [
      `service: "${method.parent.typeName}"`,
      `name: "${method.name}"`,
      `access: "${accessOf(contract, method)}"`,
      `request: "${method.input.typeName}"`,
      `response: "${method.output.typeName}"`,
    ];
    return `  "${methodName(method)}": { ${fields.join(", ")} },`;
  });
  return `${header}\n/** Every method: who may call it, what it takes and answers. */\nexport const methods = {\n${lines.join("\n")}\n} as const;\n`;
}

function importsOf(messages: readonly DescMessage[]): string {
  const files = new Set(messages.map(({ file }) => file.name));
  return [...files]
    .toSorted()
    .map((file) => `import * as ${moduleOf(file)} from "./${file}.ts";\n`)
    .join("");
}

/** cloister/gateway/v1/gateway → gatewayV1 */
function moduleOf(file: string): string {
  const [, concern = "", version = ""] = file.split("/");
  return `${concern}${version.toUpperCase()}`;
}

function codecOf(message: DescMessage): string {
  const local = message.typeName.slice(message.file.proto.package.length + 1).replaceAll(".", "_");
  return `${moduleOf(message.file.name)}.${local}`;
}

function write(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

if (import.meta.main) generate(resolve(process.argv[2] ?? join(root, "proto", "gen")));
