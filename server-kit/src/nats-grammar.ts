import { type FileChunk, fileChunkSubject, streamNames, type UserNkey } from "@cloister/proto";

/**
 * Subjects that only NATS itself and its operators spell; those of messages stand in
 * `@cloister/proto`, and docs/protocol.md freezes both.
 */

/** What each org stream stores. Exact depths, so that nothing deeper or shallower is caught. */
export const orgStreamSubjects = { rooms: "room.*.*", files: "file.*.*.*.*" } as const;

/** Request that reads one chunk of a file; its body stays empty. */
export function fileReadSubject(chunk: FileChunk): string {
  return `$JS.API.DIRECT.GET.${streamNames.files}.${fileChunkSubject(chunk)}`;
}

/** Request that reads the newest record on one subject of a room; its body stays empty. */
export function lastRoomRecordSubject(subject: string): string {
  return `$JS.API.DIRECT.GET.${streamNames.rooms}.${subject}`;
}

/** Pull request to a device's durable consumer: named by its nkey, created by the relay alone. */
export function consumerNextSubject(device: UserNkey): string {
  return `$JS.API.CONSUMER.MSG.NEXT.${streamNames.rooms}.${device}`;
}

/** Services that other accounts reach through an import. */
export type ServiceName = "ds" | "accounts";

export interface ServiceCall {
  readonly service: ServiceName;
  readonly user: UserNkey;
  readonly method: string;
}

/** What a caller publishes in its own account. */
export function serviceRequestSubject(call: ServiceCall): string {
  return `${call.service}.v1.${call.user}.${call.method}`;
}

/** What the service subscribes in its account: the caller's account, user and method. */
export function serviceSubscription(service: ServiceName): string {
  return `${service}.v1.*.*.*`;
}

export interface ServiceCaller {
  readonly account: string;
  readonly user: string;
  readonly method: string;
}

/**
 * Who calls, from the subject that the server delivered. The importing account's id was put in by
 * its import, the user's by its permissions; the caller chooses neither.
 */
export function parseServiceSubject(
  service: ServiceName,
  subject: string,
): ServiceCaller | undefined {
  const [name, version, account, user, method, ...more] = subject.split(".");
  if (name !== service || version !== "v1" || more.length > 0) return undefined;
  if (account === undefined || user === undefined || method === undefined) return undefined;
  return { account, user, method };
}
