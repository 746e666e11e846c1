import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import { equalBytes, MAX_MESSAGE_BYTES, parseBase64Url } from "@cloister/base";
import { imageBase64Url } from "../gen/image.ts";
import { type Messages, messages } from "../gen/messages.ts";
import { protoErrors } from "./errors.ts";

/** Full name of a message of the contract, such as `cloister.gateway.v1.SignInRequest`. */
export type MessageName = keyof Messages;

/** The decoded form of a message by its full name. */
export type MessageOf<Name extends MessageName> = ReturnType<Messages[Name]["decode"]>;

const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, parseBase64Url(imageBase64Url)),
);
const validator = createValidator({ registry });

/** How many of the broken rules an error names. */
const namedViolations = 5;

/**
 * Throws unless `bytes` are a message of this type that keeps every rule of the contract. Works on
 * the bytes of the wire, before they are decoded for use.
 */
export function validate(name: MessageName, bytes: Uint8Array, maxBytes = MAX_MESSAGE_BYTES): void {
  if (bytes.length > maxBytes) {
    throw protoErrors.ERR_MESSAGE_TOO_LARGE(`${name}: ${bytes.length} bytes, at most ${maxBytes}`, {
      details: { type: name, lengthBytes: bytes.length, maxBytes },
    });
  }
  const schema = registry.getMessage(name);
  if (schema === undefined) throw malformed(name);
  let result: ReturnType<typeof validator.validate>;
  try {
    result = validator.validate(schema, fromBinary(schema, bytes));
  } catch (cause) {
    throw malformed(name, cause);
  }
  if (result.kind === "valid") return;
  const rules = (result.violations ?? [])
    .slice(0, namedViolations)
    .map((violation) => violation.toString());
  throw protoErrors.ERR_MESSAGE_INVALID(`${name}: ${rules.join("; ")}`, {
    details: { type: name },
    cause: result.error,
  });
}

/** Validates untrusted bytes and decodes them. Fields that this version does not know are kept. */
export function parseMessage<Name extends MessageName>(
  name: Name,
  bytes: Uint8Array,
  maxBytes = MAX_MESSAGE_BYTES,
): MessageOf<Name> {
  validate(name, bytes, maxBytes);
  const message = decode(name, bytes);
  // A message field that stands twice is merged by the validator and replaced by the codec: where the
  // bytes are not spelt as we spell them, what is used has to keep the rules as well.
  const used = messages[name].encode(message as never).finish();
  if (!equalBytes(used, bytes)) validate(name, used, used.length);
  return message;
}

function decode<Name extends MessageName>(name: Name, bytes: Uint8Array): MessageOf<Name> {
  try {
    return messages[name].decode(bytes) as MessageOf<Name>;
  } catch (cause) {
    throw malformed(name, cause);
  }
}

function malformed(name: MessageName, cause?: unknown): Error {
  return protoErrors.ERR_MESSAGE_MALFORMED(`not a ${name}`, { cause, details: { type: name } });
}
