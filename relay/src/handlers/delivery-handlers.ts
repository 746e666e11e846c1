import type { CallContext, ServiceHandlers } from "@cloister/server-kit";
import { openInbox } from "../inbox/open-inbox.ts";
import { appendHandshake } from "./append-handshake.ts";
import type { CallLimiter } from "./call-limiter.ts";
import type { DeliveryContext } from "./context.ts";
import type { DeviceCaller } from "./device-caller.ts";
import { claimKeyPackages, publishKeyPackages } from "./key-packages.ts";
import { getHandshakes, getLog, getRoomEpoch, getRoomKey } from "./read-rooms.ts";

export const deliveryService = "cloister.relay.v1.DeliveryService";

export type DeliveryHandlers = ServiceHandlers<typeof deliveryService, DeviceCaller>;

/** The methods of the Delivery Service, each within the caller's share. */
export function deliveryHandlers(context: DeliveryContext, limiter: CallLimiter): DeliveryHandlers {
  const limited =
    <Request, Response>(
      handle: (caller: DeviceCaller, request: Request) => Promise<Response> | Response,
    ) =>
    async (request: Request, { caller }: CallContext<DeviceCaller>): Promise<Response> => {
      using _place = limiter.enter(caller.nkey);
      return await handle(caller, request);
    };
  return {
    PublishKeyPackages: limited((caller, request) => publishKeyPackages(context, caller, request)),
    ClaimKeyPackages: limited((caller, request) => claimKeyPackages(context, caller, request)),
    GetRoomEpoch: limited((caller, request) => getRoomEpoch(context, caller, request)),
    GetRoomKey: limited((caller, request) => getRoomKey(context, caller, request)),
    AppendHandshake: limited((caller, request) => appendHandshake(context, caller, request)),
    GetHandshakes: limited((caller, request) => getHandshakes(context, caller, request)),
    OpenInbox: limited(async (caller, request) => {
      const api = await context.directory.whenConnected(caller.org);
      return openInbox(request, { caller, api, now: context.now });
    }),
    GetLog: limited((caller, request) => getLog(context, caller, request)),
  };
}
