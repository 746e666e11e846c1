import { streamNames } from "@cloister/proto";
import { NATS_MAX_PAYLOAD_BYTES } from "./limits.ts";
import { orgStreamSubjects } from "./nats-grammar.ts";

/** How long the servers remember a `Nats-Msg-Id`; the client's own check has no such limit. */
const dedupWindowNs = 5 * 60 * 1e9;

/** The fields of `$JS.API.STREAM.CREATE` that we set; the server refuses unknown ones. */
export interface StreamConfigJson {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention: "limits";
  readonly storage: "file";
  readonly discard: "new";
  readonly max_bytes: number;
  readonly max_msg_size: number;
  readonly max_msgs: -1;
  readonly max_msgs_per_subject: number;
  readonly max_age: 0;
  readonly max_consumers: number;
  readonly num_replicas: number;
  readonly duplicate_window: number;
  readonly allow_direct: true;
  readonly allow_atomic: boolean;
  readonly deny_delete: true;
  readonly deny_purge: false;
  readonly discard_new_per_subject?: true;
}

export interface StreamSizes {
  readonly maxBytes: number;
  readonly replicas: number;
}

function base(sizes: StreamSizes) {
  return {
    retention: "limits",
    storage: "file",
    // A full stream refuses; it never drops what it has acknowledged.
    discard: "new",
    max_bytes: sizes.maxBytes,
    max_msg_size: NATS_MAX_PAYLOAD_BYTES,
    max_msgs: -1,
    max_age: 0,
    num_replicas: sizes.replicas,
    duplicate_window: dedupWindowNs,
    allow_direct: true,
    deny_delete: true,
    // A room that ends is purged by its subjects, by the relay alone.
    deny_purge: false,
  } as const;
}

export function roomsStream(
  sizes: StreamSizes & { readonly maxDevices: number },
): StreamConfigJson {
  return {
    ...base(sizes),
    name: streamNames.rooms,
    subjects: [orgStreamSubjects.rooms],
    max_msgs_per_subject: -1,
    max_consumers: sizes.maxDevices,
    allow_atomic: true,
  };
}

/** A chunk is written once: a second publish on its subject is refused, not put in its place. */
export function filesStream(sizes: StreamSizes): StreamConfigJson {
  return {
    ...base(sizes),
    name: streamNames.files,
    subjects: [orgStreamSubjects.files],
    max_msgs_per_subject: 1,
    discard_new_per_subject: true,
    max_consumers: 0,
    allow_atomic: false,
  };
}
